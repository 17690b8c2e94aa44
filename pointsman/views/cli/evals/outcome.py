"""What a run of a suite came to, in the terminal and as JSON."""

from pathlib import Path

from pydantic import JsonValue

from pointsman.evals.tally import Tally, pass_all, pass_at
from pointsman.nodes.digest import JsonObject
from pointsman.views.cli.evals.progress import cost
from pointsman.views.cli.screen import console, plain, table
from pointsman.views.cli.wording import seconds


def shown(path: Path, tally: Tally) -> None:
    """A table of the scorers, then one line of all, on stdout."""
    out = console(stderr=False)
    if tally.scorers:
        held = table("score", "value", "scored")
        for name, one in sorted(tally.scorers.items()):
            total = one.scored + one.failed + tally.errors
            held.add_row(name, _value(name, tally), f"{one.scored:,} of {total:,}")
        out.print(held)
    parts = [f"{tally.done:,} of {tally.due:,} samples", f"{tally.errors:,} errors"]
    if tally.rate is not None:
        parts.append(f"{tally.passed:,} of {tally.judged:,} pass ({tally.rate:.1%})")
    parts += [cost(tally), f"{seconds(tally.seconds)} of target time"]
    plain(out, ", ".join(parts))
    for k, at, every in _several(tally):
        plain(out, f"pass@{k} {at:.1%}, pass^{k} {every:.1%}")
    plain(out, f"Record: {path}")


def figures(path: Path, tally: Tally) -> JsonObject:
    """The same as JSON."""
    scores: dict[str, JsonValue] = {
        name: {
            "scored": one.scored,
            "total": one.scored + one.failed + tally.errors,
            "passed": one.passed if one.flags else None,
            "mean": one.sum / one.numbers if one.numbers else None,
        }
        for name, one in sorted(tally.scorers.items())
    }
    return {
        "record": str(path),
        "done": tally.done,
        "due": tally.due,
        "partial": tally.done < tally.due,
        "errors": tally.errors,
        "judged": tally.judged,
        "passed": tally.passed,
        "pass_rate": tally.rate,
        "usd": tally.cost,
        "unpriced": tally.unpriced,
        "eval_usd": tally.eval_usd,
        "seconds": tally.seconds,
        "scores": scores,
        "pass_at": {str(k): at for k, at, _ in _several(tally)},
        "pass_all": {str(k): every for k, _, every in _several(tally)},
    }


def _value(name: str, tally: Tally) -> str:
    one = tally.scorers[name]
    total = one.scored + one.failed + tally.errors
    if one.numbers:
        return f"mean {one.sum / one.numbers:.3f}"
    if one.flags or not one.scored:
        return f"{one.passed:,} of {total:,} ({one.passed / total:.1%})" if total else "none"
    return "labels"


def _several(tally: Tally) -> list[tuple[int, float, float]]:
    """pass@k and pass^k for each k that every case was asked so often."""
    fewest = min((asked for asked, _ in tally.cases.values()), default=1)
    found: list[tuple[int, float, float]] = []
    for k in sorted({1, 2, fewest} if fewest > 1 else set[int]()):
        at, every = pass_at(tally.cases, k), pass_all(tally.cases, k)
        if at is not None and every is not None:
            found.append((k, at, every))
    return found
