"""The picture of a router's calibration: what probabilities promise and what they keep."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# matplotlib's types are partial.

from pathlib import Path

from pointsman.errors import BadInput, MissingExtra
from pointsman.evals.routing.figures import Calibration

SUFFIXES = (".svg", ".png", ".pdf")


def check_suffix(path: Path) -> None:
    """Raises BadInput for a file that is no picture."""
    if path.suffix not in SUFFIXES:
        raise BadInput(
            f"{path} is no {' or '.join(SUFFIXES)}.", hint="Give --plot a name that ends so."
        )


def draw(calibration: Calibration, path: Path) -> None:
    """Write the picture as the suffix says: .svg, .png or .pdf.

    Raises MissingExtra without the extra `analysis`, BadInput for another suffix.
    """
    check_suffix(path)
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra(
            "Plots need matplotlib.", hint='pip install "pointsman[analysis]"'
        ) from None
    figure = Figure(figsize=(5.5, 6), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot((0, 1), (0, 1), color="grey", linestyle="--", label="calibrated")
    means = [one.mean for one in calibration.bins]
    above.plot(means, [one.right for one in calibration.bins], marker="o", label="router")
    above.set_ylabel("share that was right")
    above.set_title(f"{calibration.rows} rows, expected calibration error {calibration.error:.3f}")
    above.legend(loc="upper left")
    middles = [(one.low + one.high) / 2 for one in calibration.bins]
    below.bar(middles, [one.rows for one in calibration.bins], width=0.09)
    below.set_xlabel("probability of the best candidate")
    below.set_ylabel("rows")
    below.set_xlim(0, 1)
    figure.savefig(path)
