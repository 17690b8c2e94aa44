"""What a page is made of, as plain data: it becomes Markdown, or HTML."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """A title; level 1 is the page's own."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Points:
    """A list of points."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: its columns' names, and rows of as many cells. A column that is empty in every row
    is left out."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def filled(self) -> "Grid":
        """The table without its empty columns."""
        keep = [n for n in range(len(self.columns)) if any(row[n] for row in self.rows)]
        return Grid(_of(self.columns, keep), tuple(_of(row, keep) for row in self.rows))


def _of(cells: Sequence[str], keep: Sequence[int]) -> tuple[str, ...]:
    return tuple(cells[n] for n in keep)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture, as Mermaid text and as SVG."""

    mermaid: str
    svg: str


Block = Heading | Words | Points | Grid | Drawing
