"""A page's blocks as Markdown (GitHub's), or as one HTML file that needs nothing else."""

import re
from collections.abc import Sequence
from html import escape

from pointsman.views.design.blocks import Block, Drawing, Grid, Heading, Points, Words

_STYLE = """\
body{font:16px/1.5 system-ui,sans-serif;color:#0f172a;max-width:72rem;margin:2rem auto;
padding:0 1rem}
h1,h2,h3{line-height:1.2}h2{margin-top:2.5rem;border-bottom:1px solid #e2e8f0;padding-bottom:.3rem}
table{border-collapse:collapse;width:100%;margin:1rem 0}
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem;border-bottom:1px solid #e2e8f0}
th{border-bottom:2px solid #cbd5e1}.wide{overflow-x:auto}svg{max-width:100%;height:auto}
@media (prefers-color-scheme:dark){body{background:#0f172a;color:#e2e8f0}
h2,th,td{border-color:#334155}.drawing{background:#fff;border-radius:.5rem;padding:.5rem}}"""

_MARKUP = re.compile(r"([\\`*_{}\[\]<>|~$&])")


def markdown(blocks: Sequence[Block]) -> str:
    """The page as Markdown. Ends with a newline. No text of the team becomes markup."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {_plain(text)}"
        case Words(text):
            return _plain(text)
        case Points(items):
            return "\n".join(f"- {_plain(item)}" for item in items)
        case Grid():
            grid = block.filled()
            lines = [grid.columns, ("---",) * len(grid.columns)]
            rows = [tuple(_plain(cell) for cell in row) for row in grid.rows]
            return "\n".join(f"| {' | '.join(cells)} |" for cells in (*lines, *rows))
        case Drawing(mermaid):
            return f"```mermaid\n{mermaid.rstrip()}\n```"


def _plain(text: str) -> str:
    """Text on one line, nothing of it read as markup."""
    flat = " ".join(text.split())
    shown = _MARKUP.sub(r"\\\1", flat)
    # At the start of a line these would begin a list, a title or a rule.
    return re.sub(r"^(\d*)([-+#=.)])", r"\1\\\2", shown)


def html(blocks: Sequence[Block], *, title: str) -> str:
    """The page as one HTML file: no script, nothing fetched."""
    body = "\n".join(_html(block) for block in blocks)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        f"{body}\n</body>\n</html>\n"
    )


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Words(text):
            return f"<p>{escape(text)}</p>"
        case Points(items):
            return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"
        case Grid():
            grid = block.filled()
            head = "".join(f"<th>{escape(cell)}</th>" for cell in grid.columns)
            rows = "".join(
                "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
                for row in grid.rows
            )
            table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
            return f'<div class="wide">{table}</div>'
        case Drawing(svg=drawn):
            return f'<div class="drawing">{drawn}</div>'
