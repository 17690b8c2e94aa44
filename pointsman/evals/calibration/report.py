"""A calibration in rows of text, for a table or CSV, and as JSON."""

from dataclasses import asdict

from pointsman.evals.calibration.measure import Line, Measured
from pointsman.nodes.digest import JsonObject

COLUMNS = ("way", "target", "quality", "95 %", "cost", "strong calls", "random mix")


def rows(measured: Measured) -> list[tuple[str, ...]]:
    """One row for each line, in the columns of COLUMNS; shares of the strong model's figures."""
    return [
        ("weak only", "", *_point(measured, Line("", 0, measured.weak))),
        ("strong only", "", *_point(measured, Line("", 0, measured.strong))),
        *(
            (
                line.name + (" *" if line.hindsight else ""),
                f"{line.target:g}",
                *_point(measured, line),
            )
            for line in measured.lines
        ),
    ]


def verdict(measured: Measured) -> str:
    """Which single model is best, in a sentence."""
    if measured.best_single == "weak":
        return "One model: the weak one, which is as good as the strong one on these rows."
    return (
        f"One model: the strong one. The weak one alone reaches {measured.weak.quality:.1%} of its"
        f" quality at {measured.weak.cost:.1%} of its cost."
    )


def as_json(measured: Measured) -> JsonObject:
    """All figures."""
    found: JsonObject = {
        "kind": measured.kind,
        "objective": measured.objective,
        "rows": measured.rows,
        "best_single": measured.best_single,
        "weak": asdict(measured.weak),
        "strong": asdict(measured.strong),
        "lines": [asdict(line) for line in measured.lines],
    }
    return found


def _point(measured: Measured, line: Line) -> tuple[str, ...]:
    p = line.point
    return (
        f"{p.quality:.3f}",
        f"{p.low:.3f}-{p.high:.3f}",
        f"{p.cost:.3f}",
        f"{p.strong_calls:.3f}",
        f"{measured.random_mix(p.quality):.3f}",
    )
