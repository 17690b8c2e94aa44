"""Figures of guards as tables: ruled in a terminal, plain lines elsewhere."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console

from pointsman.evals.guards.compare import OVERLAP
from pointsman.evals.guards.figures import Figures, Flagged, Rate, Smuggled
from pointsman.evals.guards.spans import FILTER
from pointsman.views.cli.screen import console, plain, table
from pointsman.views.visible import one_line

Row = Sequence[str]


def show(figures: Figures, beside: Sequence[str] = ()) -> None:
    """Print everything that was measured. `beside` are guards that were not."""
    out = console(stderr=False)
    names = ", ".join(
        f"{c.name} ({c.action}{', shadow' if c.shadow else ''})" for c in figures.checks
    )
    left = f"; {figures.bad_rows} lines left out" if figures.bad_rows else ""
    plain(out, f"{figures.filter}: {names}. {figures.rows:,} rows{left}.")
    if beside:
        plain(out, f"Not measured, as they are no content filters: {', '.join(beside)}.")
    _flagged(out, figures, "attack", "Attacks: true positives")
    _flagged(out, figures, "benign", "Benign: false positives")
    _data(out, figures)
    _spans(out, figures)
    _not_looked_for(out, figures)
    _smuggled(out, figures)
    _costs(out, figures)
    _gates(out, figures)


def percent(rate: Rate) -> str:
    """`36/51  70.6 % (57.0-81.3)`: count, share and its 95 % interval."""
    if not rate.total:
        return "-"
    share, low, high = (100 * part for part in (rate.share or 0.0, rate.low, rate.high))
    return f"{rate.count}/{rate.total} {share:.1f} % ({low:.1f}-{high:.1f})"


def _flagged(out: Console, figures: Figures, label: str, title: str) -> None:
    found = [one for one in figures.flagged if one.label == label]
    if not found:
        return
    places = list(found[0].filter)
    checks = [name for name in found[0].checks if not _says_nothing_new(name, found, places)]
    rows = [
        (
            one.source,
            *(percent(one.filter[place]) for place in places),
            *(percent(one.checks[name]) for name in checks),
        )
        for one in found
    ]
    columns = ("source", *(f"filter, as {place}" for place in places), *checks)
    _put(out, f"{title} (95 % interval)", columns, rows)


def _says_nothing_new(check: str, found: Sequence[Flagged], places: Sequence[str]) -> bool:
    """Whether the filter as a whole, in some place, is this check alone on every row counted."""
    return any(all(one.checks[check] == one.filter[place] for one in found) for place in places)


def _data(out: Console, figures: Figures) -> None:
    benign = [one for one in figures.flagged if one.label == "benign" and one.data]
    if benign:
        names = list(benign[0].data)
        rows = [(one.source, *(percent(one.data[name]) for name in names)) for one in benign]
        _put(out, "Benign: rows with data that would be redacted", ("source", *names), rows)


def _spans(out: Console, figures: Figures) -> None:
    rows: list[Row] = []
    unmarked: list[str] = []
    for one in figures.spans:
        if one.judge != FILTER:
            continue
        if not one.marked:
            unmarked.append(f"{one.type} {one.precision.total} in {one.source}")
            continue
        rates = (one.recall, one.exact, one.hidden, one.precision)
        rows.append((one.source, one.type, *map(percent, rates)))
        if len(one.by_name) > 1:
            rows += [("", f"  {name}", percent(r), "", "", "") for name, r in one.by_name.items()]
    if rows:
        columns = ("source", "type", "recall", "exact", "hidden", "precision")
        _put(out, f"Marked data ({OVERLAP})", columns, rows)
    if unmarked:
        plain(out, f"Found where the source marks no such type: {'; '.join(unmarked)}.")


def _not_looked_for(out: Console, figures: Figures) -> None:
    by_source: dict[str, list[str]] = {}
    for one in figures.not_looked_for:
        by_source.setdefault(one.source, []).append(f"{one.type} {one.spans}")
    for source, types in by_source.items():
        plain(out, f"Not looked for in {source}: {', '.join(types)}.")


def _smuggled(out: Console, figures: Figures) -> None:
    variants = list(dict.fromkeys(one.variant for one in figures.smuggled))
    by_judge: dict[tuple[str, str], dict[str, Smuggled]] = {}
    for one in figures.smuggled:
        by_judge.setdefault((one.source, one.judge), {})[one.variant] = one
    rows = [
        (
            *key,
            f"{found[variants[0]].plain}/{found[variants[0]].total}",
            *(f"{found[variant].points:+.1f}" for variant in variants),
        )
        for key, found in by_judge.items()
        if not _repeats(key, by_judge)
    ]
    if rows:
        columns = ("source", "judge", "plain", *variants)
        _put(out, "Smuggled: recall against plain, in points", columns, rows)


def _repeats(
    key: tuple[str, str], by_judge: Mapping[tuple[str, str], Mapping[str, Smuggled]]
) -> bool:
    """Whether a check's figures are those of the filter as a whole in some place."""
    mine = [(one.plain, one.smuggled) for one in by_judge[key].values()]
    return not key[1].startswith(FILTER) and any(
        of.startswith(FILTER) and mine == [(one.plain, one.smuggled) for one in found.values()]
        for (source, of), found in by_judge.items()
        if source == key[0]
    )


def _costs(out: Console, figures: Figures) -> None:
    if figures.costs:
        rows = [(c.part, f"{c.median:.3f}", f"{c.mean:.3f}", f"{c.p95:.3f}") for c in figures.costs]
        title = f"CPU ms per 2 kB, over {figures.chunks} chunks"
        _put(out, title, ("part", "median", "mean", "95 of 100"), rows)
    if figures.rows_per_second:
        plain(out, f"{figures.rows_per_second:,.0f} rows a second of CPU.")


def _gates(out: Console, figures: Figures) -> None:
    rows = [
        (
            gate.gate,
            gate.of,
            "nothing" if gate.value is None else f"{gate.value:g}",
            f"{gate.bound:g}",
            "kept" if gate.passed else "FAILED",
        )
        for gate in figures.gates
    ]
    if rows:
        _put(out, "Bounds", ("bound", "of", "measured", "asked for", ""), rows)


def _put(out: Console, title: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """A table; without a terminal in aligned columns that nothing wraps."""
    cells = [[one_line(cell) if cell.strip() else cell for cell in row] for row in rows]
    plain(out, "")
    if out.is_terminal:
        made = table(*columns, title=title)
        for row in cells:
            made.add_row(*row)
        out.print(made)
        return
    plain(out, title)
    widths = [max(len(row[at]) for row in [list(columns), *cells]) for at in range(len(columns))]
    for row in [list(columns), *cells]:
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        plain(out, f"  {line}".rstrip())
