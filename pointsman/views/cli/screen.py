"""Where the command line writes: progress on stderr, results on stdout."""

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pointsman.views.cli.wording import Line, Tone
from pointsman.views.visible import visible

STYLES: dict[Tone, str] = {
    "plain": "",
    "good": "green",
    "note": "cyan",
    "warn": "yellow",
    "bad": "red",
    "dim": "dim",
}
LABEL_WIDTH = 10


def console(*, stderr: bool, quiet: bool = False) -> Console:
    """A console for stderr or stdout. Plain text when it is no terminal or NO_COLOR is set."""
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False, quiet=quiet)
    if made.no_color or not made.is_terminal:
        return Console(
            stderr=stderr,
            highlight=False,
            markup=False,
            emoji=False,
            quiet=quiet,
            force_terminal=False,
            color_system=None,
            width=made.width if made.is_terminal else None,
        )
    return made


def step(out: Console, line: Line, *, indent: int = 2) -> None:
    """Print one step. In a terminal long text wraps under itself; elsewhere it stays one line."""
    text = visible(line.text)
    if not out.is_terminal:
        plain(out, f"{' ' * indent}{line.label:<{LABEL_WIDTH}}{text}")
        return
    out.print(
        Padding(row(Text(line.label, "dim"), Text(text, STYLES[line.tone])), (0, 0, 0, indent))
    )


def row(label: Text, content: RenderableType) -> Table:
    """A label and its content, side by side."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=LABEL_WIDTH - 1, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(label, content)
    return grid


def plain(out: Console, text: str, style: str = "") -> None:
    """Print text as it is, wrapped by the terminal only."""
    out.print(Text(visible(text), style), soft_wrap=True)


def table(*columns: str, title: str = "") -> Table:
    """An empty table in the house style."""
    from rich import box

    made = Table(
        box=box.SIMPLE_HEAD,
        title=title or None,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        pad_edge=False,
        show_edge=False,
    )
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def stack(*parts: RenderableType) -> Group:
    """Parts under one another."""
    return Group(*parts)
