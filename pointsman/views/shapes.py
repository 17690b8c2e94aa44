"""Shapes as SVG text: boxes, pills, lines with arrow heads, labels. Coordinates in pixels."""

from dataclasses import dataclass
from xml.sax.saxutils import escape

FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
INK, SOFT, LINE, BLUE = "#0f172a", "#475569", "#94a3b8", "#2563eb"


@dataclass(frozen=True, slots=True)
class Box:
    """A place to draw in: its top left corner, width and height."""

    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.w

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.h

    @property
    def middle(self) -> float:
        """Half-way down."""
        return self.y + self.h / 2

    @property
    def centre(self) -> float:
        """Half-way across."""
        return self.x + self.w / 2


def safe(text: str) -> str:
    """Text escaped for SVG, without the characters that XML does not allow."""
    return escape("".join(char for char in text if char.isprintable()))


def rect(box: Box, *, fill: str, border: str = "", corner: float = 10, width: float = 1) -> str:
    """A rectangle with round corners; without `border` there is no line."""
    stroke = f' stroke="{border}" stroke-width="{width:g}"' if border else ""
    return (
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.w:g}" height="{box.h:g}" '
        f'rx="{corner:g}" fill="{fill}"{stroke}/>'
    )


def block(box: Box, title: str, note: str, fill: str, border: str, ink: str) -> list[str]:
    """A box with a title and a note under it."""
    return [
        rect(box, fill=fill, border=border, width=1.4),
        words(box.centre, box.y + 27, title, size=14.5, weight=600, ink=ink, anchor="middle"),
        words(box.centre, box.y + 46, note, size=11.5, ink=ink, anchor="middle"),
    ]


def pill(box: Box, label: str) -> str:
    """A box with round ends."""
    return rect(box, fill="#f1f5f9", border="#64748b", corner=box.h / 2, width=1.2) + words(
        box.centre, box.middle + 5, label, size=14, weight=600, anchor="middle"
    )


def hexagon(box: Box, label: str) -> str:
    """A box with pointed sides."""
    left, right = box.x + 18, box.right - 18
    points = (
        f"{left:g},{box.y:g} {right:g},{box.y:g} {box.right:g},{box.middle:g} "
        f"{right:g},{box.bottom:g} {left:g},{box.bottom:g} {box.x:g},{box.middle:g}"
    )
    return f'<polygon points="{points}" fill="#eff6ff" stroke="{BLUE}" stroke-width="1.4"/>' + (
        words(box.centre, box.middle + 5, label, size=14, weight=600, anchor="middle")
    )


def edge(x1: float, y1: float, x2: float, y2: float) -> str:
    """A straight arrow."""
    return line(f"M{x1:g},{y1:g} L{x2 - 2:g},{y2:g}")


def curve(
    x1: float, y1: float, x2: float, y2: float, *, colour: str = LINE, arrow: str = "grey"
) -> str:
    """An arrow that leaves and arrives level."""
    bend = max(28.0, (x2 - x1) / 2)
    d = f"M{x1:g},{y1:g} C{x1 + bend:g},{y1:g} {x2 - bend:g},{y2:g} {x2 - 2:g},{y2:g}"
    return line(d, colour=colour, arrow=arrow)


def line(
    d: str,
    *,
    colour: str = LINE,
    dash: bool = False,
    arrow: str = "grey",
    both: bool = False,
) -> str:
    """A path's line, by default with an arrow head at its end; `arrow` is the head's name."""
    dashes = ' stroke-dasharray="5 4"' if dash else ""
    start = f' marker-start="url(#{arrow})"' if both else ""
    end = f' marker-end="url(#{arrow})"' if arrow else ""
    return f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="1.5"{dashes}{start}{end}/>'


def words(
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    ink: str = INK,
    weight: int = 400,
    anchor: str = "start",
    mono: bool = False,
) -> str:
    """A line of text from (x, y) on, or around or up to it by `anchor`. Escaped."""
    family = " font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" font-weight="{weight}" fill="{ink}" '
        f'text-anchor="{anchor}"{family if mono else ""}>{safe(text)}</text>'
    )


HEADS = "".join(
    f'<marker id="{name}" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" markerHeight="7" '
    f'orient="auto-start-reverse"><path d="M0,1 L9,5 L0,9 z" fill="{colour}"/></marker>'
    for name, colour in (
        ("grey", "#64748b"),
        ("orange", "#ea580c"),
        ("green", "#059669"),
        ("violet", "#8b5cf6"),
        ("blue", BLUE),
    )
)
"""The arrow heads that `line` can name."""
