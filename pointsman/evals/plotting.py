"""Where plots are drawn: matplotlib without a window, and a file as its suffix says."""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# matplotlib's types are partial.

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pointsman.errors import BadInput, MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@contextmanager
def plot(path: Path, *, inches: tuple[float, float]) -> Generator["Axes"]:
    """Axes to draw on, written to a .svg, .png or .pdf at the end.

    Raises MissingExtra without the extra `analysis`, BadInput for another suffix.
    """
    if path.suffix not in (".svg", ".png", ".pdf"):
        raise BadInput(f"{path} is no .svg, .png or .pdf.")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra(
            "Plots need matplotlib.", hint='pip install "pointsman[analysis]"'
        ) from None
    figure = Figure(figsize=inches, layout="constrained")
    FigureCanvasAgg(figure)
    yield figure.add_subplot()
    figure.savefig(path)
