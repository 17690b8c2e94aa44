"""Routes and a router's figures as tables: ruled in a terminal, plain lines elsewhere."""

from collections.abc import Iterable, Sequence

from rich.console import Console

from pointsman.evals.routing.figures import Figures
from pointsman.evals.routing.measure import ABSTAINED, ERROR, NOBODY, Measured
from pointsman.nodes.routing.router import ORDER, Route, Router
from pointsman.views.cli.guardtable import percent
from pointsman.views.cli.screen import console, plain, table
from pointsman.views.cli.wording import money
from pointsman.views.visible import one_line

WRONG_SHOWN = 50


def explained(route: Route, router: Router) -> None:
    """Print what each tier made of a text, the candidates, and what came of it."""
    out = console(stderr=False)
    plain(out, _outcome(route, router), "bold")
    why = {one.tier: one.reason for one in route.abstained}
    rows: list[tuple[str, str, str]] = []
    for tier in ORDER:
        if tier in why:
            rows.append((tier, "abstains", why[tier]))
        elif tier == route.settled:
            rows.append((tier, "decides", route.reason))
        else:
            rows.append((tier, "not asked", ""))
    _put(out, "Tiers", ("tier", "does", "why"), rows)
    if route.probabilities:
        listed = [(name, f"{p:.1%}") for name, p in route.probabilities[:10]]
        _put(out, "Candidates", ("name", "probability"), listed)
    if route.parts:
        _put(out, "Parts", ("to", "text"), [(p.to, one_line(p.text)) for p in route.parts])
    calls = f"{route.calls} model call{'' if route.calls == 1 else 's'}"
    plain(out, f"Cost: {calls}, {money(route.usd)}")


def _outcome(route: Route, router: Router) -> str:
    if route.parts:
        return f"{len(route.parts)} parts: {', '.join(part.to for part in route.parts)}"
    if route.ask:
        return "A person is asked who takes it"
    if not route.to:
        return f"Nobody: {one_line(route.reason)}" if route.settled else "No tier decides"
    sure = "" if route.confidence is None else f" at {route.confidence:.0%}"
    if route.to == router.otherwise and route.tier == "rules" and route.settled != "rules":
        return f"{route.to}, who takes what has no route: {one_line(route.reason)}"
    after = f"; runner-up {route.runner_up}" if route.runner_up else ""
    return f"{route.to}{sure}, by {route.tier}{after}"


def show(figures: Figures) -> None:
    """Print everything that was measured."""
    out = console(stderr=False)
    left = f", {figures.bad_rows} lines left out" if figures.bad_rows else ""
    failed = f", {figures.errors} errors" if figures.errors else ""
    plain(
        out,
        f"{figures.rows:,} rows: {figures.in_scope:,} of a specialist,"
        f" {figures.out_of_scope:,} nobody's{left}{failed}.",
    )
    rates = (
        ("in scope: right of the decided", figures.accuracy),
        ("in scope: right of all", figures.accuracy_of_all),
        ("in scope: abstained", figures.abstained_in_scope),
        ("out of scope: called nobody's, of the decided", figures.out_of_scope_recall),
        ("out of scope: went to no specialist", figures.kept_out),
        ("settled without a model call", figures.without_model),
    )
    _put(out, "Shares (95 % interval)", ("", "rows"), [(n, percent(r)) for n, r in rates])
    tiers = [
        (t.tier, f"{t.settled}", f"{t.share:.1%}", f"{t.right}", f"{t.calls}", money(t.usd))
        for t in figures.tiers
    ]
    tiers.append(("none", f"{figures.abstained.count}", _part(figures), "", "", ""))
    columns = ("tier", "settled", "of all", "right", "model calls", "cost")
    _put(out, "Coverage by tier", columns, tiers)
    _confusion(out, figures)
    _calibration(out, figures)
    split = f" {figures.parts} rows were split." if figures.parts else ""
    plain(
        out,
        f"A decision takes {figures.milliseconds_p50:.2f} ms (median),"
        f" {figures.milliseconds_p95:.2f} ms (95 of 100); {figures.calls} model calls,"
        f" {money(figures.usd)}.{split}",
    )


def wrong_rows(measured: Sequence[Measured]) -> None:
    """List the rows that came to a specialist, or to nobody, and should not have."""
    out = console(stderr=False)
    wrong = [m for m in measured if not m.right and m.outcome not in (ABSTAINED, ERROR)]
    rows = [
        (f"{m.row.line}", m.row.expected or NOBODY, m.outcome, one_line(m.row.text, 80))
        for m in wrong[:WRONG_SHOWN]
    ]
    if rows:
        title = f"Wrong: {len(wrong)} rows" + (", the first" if len(wrong) > len(rows) else "")
        _put(out, title, ("line", "expected", "came to", "text"), rows)


def _part(figures: Figures) -> str:
    return f"{figures.abstained.share or 0.0:.1%}"


def _confusion(out: Console, figures: Figures) -> None:
    rows = [
        (
            name,
            f"{sum(came.values())}",
            f"{came.get(name, 0)}",
            ", ".join(f"{to} {n}" for to, n in came.items() if to != name) or "-",
        )
        for name, came in figures.confusion.items()
    ]
    _put(out, "Confusion", ("expected", "rows", "right", "else came to"), rows)


def _calibration(out: Console, figures: Figures) -> None:
    found = figures.calibration
    if not found.rows:
        plain(out, "No tier gave probabilities: there is no calibration to measure.")
        return
    rows = [
        (f"{b.low:.1f}-{b.high:.1f}", f"{b.rows}", f"{b.mean:.3f}", f"{b.right:.3f}")
        for b in found.bins
    ]
    title = f"Calibration: expected error {found.error:.3f} over {found.rows} rows"
    _put(out, title, ("probability", "rows", "mean", "right"), rows)


def _put(out: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    plain(out, "")
    if out.is_terminal:
        made = table(*columns, title=title)
        for row in rows:
            made.add_row(*row)
        out.print(made)
        return
    plain(out, title)
    every = [columns, *rows]
    widths = [max(len(row[n]) for row in every) for n in range(len(columns))]
    for row in every:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        plain(out, f"  {'  '.join(cells)}".rstrip())
