"""`pointsman eval report`: a run as one HTML page, or as a table."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointsman.views.cli.evals.compare import RECORD, cell, show
from pointsman.views.cli.exits import DONE

if TYPE_CHECKING:
    from rich.console import Console

    from pointsman.evals.figures import Figure
    from pointsman.evals.metrics import Run


@click.command()
@click.argument("run", type=RECORD)
@click.option("--baseline", type=RECORD, help="A record to compare with.")
@click.option("--common", is_flag=True, help="Suites differ: compare the cases that both have.")
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the HTML page here."
)
@click.option(
    "--inspect", type=click.Path(path_type=Path), metavar="PATH",
    help="Write a log of Inspect: into this folder, or this .json file.",
)  # fmt: skip
@click.option(
    "--cases", "most", type=click.IntRange(0), default=2000, show_default=True,
    help="How many samples the page shows in full: those that got worse, errors and fails first.",
)  # fmt: skip
def report(
    run: Path,
    baseline: Path | None,
    out: Path | None,
    inspect: Path | None,
    most: int,
    *,
    common: bool,
) -> int:
    """Show what a run came to; with -o, as one HTML file that fetches nothing.

    The page and the log hold what was said in the samples: keep them as you keep the record.

    \b
    Examples:
      pointsman eval report run.jsonl --baseline main.jsonl -o report.html
      pointsman eval report run.jsonl --inspect logs && inspect view --log-dir logs
    """
    from pointsman.evals import metrics
    from pointsman.evals.compare import compare
    from pointsman.views.cli.screen import console, plain

    held = metrics.read(run)
    before = None if baseline is None else metrics.read(baseline)
    found = None if before is None else compare(held, before, common=common)
    screen = console(stderr=False)
    if found is not None:
        show(screen, found)
    else:
        _figures(screen, held)
    _tags(screen, held)
    if out is not None:
        from pointsman.evals.page.page import Shown, write

        shown = write(Shown(held, before, found, most), out)
        plain(console(stderr=True), f"Wrote {out}: {shown} of {len(held.rows)} samples in full.")
    if inspect is not None:
        from pointsman.evals.inspectlog import write as write_log

        plain(console(stderr=True), f"Wrote {write_log(held, inspect)}.")
    return DONE


def _figures(out: "Console", run: "Run") -> None:
    from collections import Counter

    from pointsman.evals import wording
    from pointsman.evals.figures import figure_of
    from pointsman.views.cli.screen import plain, table

    if run.partial:
        plain(out, f"PARTIAL: {run.partial}", "yellow")
    grid = table("metric", "value", "95% interval", "scored")
    for metric in run.metrics.values():
        if metric.kind == "label":
            given = Counter(str(r.scores.get(metric.name, "(none)")) for r in run.rows.values())
            told = ", ".join(f"{label} {n}" for label, n in given.most_common(6))
            scored = len(run.rows) - given["(none)"]
            grid.add_row(cell(metric.name), cell(told), "-", f"{scored} of {len(run.rows)}")
            continue
        figure = figure_of(metric, run.rows.values())
        value = wording.number(metric.name, metric.kind, figure.value)
        scored = f"{figure.scored} of {figure.total}"
        grid.add_row(cell(metric.name), value, _ends(figure), scored)
    out.print(grid)


def _ends(figure: "Figure") -> str:
    from pointsman.evals.wording import number

    if figure.low is None or figure.high is None:
        return "-"
    name, kind = figure.metric.name, figure.metric.kind
    return f"{number(name, kind, figure.low)} to {number(name, kind, figure.high)}"


def _tags(out: "Console", run: "Run") -> None:
    from pointsman.evals.figures import passing
    from pointsman.evals.metrics import only
    from pointsman.views.cli.screen import plain, table

    rows = list(run.rows.values())
    names = sorted({tag for row in rows for tag in row.tags})
    grid = table("tag", "passed", "95% interval", "samples")
    for tag in ("", *names):
        figure = passing(only(rows, tag))
        if figure.value is not None:
            name = cell(tag) if tag else "all"
            grid.add_row(name, f"{figure.value:.1%}", _ends(figure), str(figure.total))
    if grid.row_count:
        plain(out, "")
        out.print(grid)
