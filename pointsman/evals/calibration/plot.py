"""The picture of a calibration: quality over cost, every way of choosing as a point."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# matplotlib's types are partial.

from pathlib import Path
from typing import TYPE_CHECKING

from pointsman.evals.calibration.measure import Measured
from pointsman.evals.plotting import plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKS = {"selector": "o", "TF-IDF + LR": "s", "oracle": "*", "longest to weak": "^"}


def draw(measured: Measured, path: Path) -> None:
    """Write the picture as the suffix says: .svg, .png or .pdf.

    Raises MissingExtra without the extra `analysis`, BadInput for another suffix.
    """
    with plot(path, inches=(7, 4.5)) as axes:
        _draw(axes, measured)


def _draw(axes: "Axes", measured: Measured) -> None:
    cheap = measured.objective == "cost"
    ends = [
        (p.cost if cheap else p.strong_calls, p.quality) for p in (measured.weak, measured.strong)
    ]
    axes.plot(*zip(*ends, strict=True), color="grey", linestyle="--", label="random mix")
    for name, mark in _MARKS.items():
        mine = [line.point for line in measured.lines if line.name == name]
        across = [p.cost if cheap else p.strong_calls for p in mine]
        error = [[p.quality - p.low for p in mine], [p.high - p.quality for p in mine]]
        axes.errorbar(across, [p.quality for p in mine], yerr=error, fmt=mark, label=name)
    axes.set_xlabel("share of the strong model's " + ("cost" if cheap else "calls"))
    axes.set_ylabel("share of the strong model's quality")
    axes.set_title(f"{measured.kind}, {measured.rows} rows, held-out folds")
    axes.legend(loc="lower right")
