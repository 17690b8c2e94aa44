"""`pointsman guards eval`: what the checks of a content filter find, measured."""

import csv
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from pointsman.views.cli.exits import DONE, FAILED
from pointsman.views.cli.options import as_json
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.evals.guards.choose import Chosen
    from pointsman.evals.guards.figures import Figures
    from pointsman.evals.guards.measure import Measure

FAULTS_SHOWN = 20

_HELP = """\
Measure the content filter's checks on FILEs of JSONL rows; `-` reads stdin.

A row is {"text", "label": "attack" or "benign", "source"}, or {"text", "spans": [{"start",
"end", "type"}], "source"}. Each source has its own figures, with 95 % intervals (Wilson):

Labels: which rows are flagged, that is in which a check of intent (injection, deny-lists,
topics) finds something, signals that are only recorded included. What checks of data (secrets,
pii, links) find on them is apart: on benign rows that is over-redaction, or real data.

Spans: recall and precision per type. A finding counts for a span of the same type with which it
shares at least half of the longer of the two; `exact` asks for the very borders, `hidden` that
nothing of the span would be left. Names of types are mapped (EMAIL_ADDRESS is EMAIL; what has
key, token or password in it is SECRET); types that no check looks for are listed.

Then the CPU time of each check per 2 kB. Exits 1 when a row could not be read, all others
measured, or when a bound is not kept; a bound for which there is nothing to measure fails.

\b
Examples:
  pointsman guards eval rows.jsonl more.jsonl
  pointsman guards eval rows.jsonl --smuggle --json > figures.json
  pointsman guards eval - --max-fp 0.5 --max-fp NotInject=3 --max-cpu 1 < rows.jsonl
  pointsman guards eval pii.jsonl --check pii --min-recall 95 --min-recall PHONE=90
  pointsman guards eval rows.jsonl --project . --specialist billing
"""


def _bounds(
    _ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]
) -> dict[str, float]:
    """`[NAME=]PERCENT` as name to number; the name is empty for all that has no bound."""
    bounds: dict[str, float] = {}
    for one in given:
        name, _, number = one.rpartition("=")
        try:
            bound = float(number)
        except ValueError:
            bound = -1.0
        if not 0 <= bound <= 100:
            raise click.BadParameter(f"{one!r} is not [NAME=]PERCENT, e.g. 3 or NotInject=3.")
        if name in bounds:
            raise click.BadParameter(f"{one!r} is the second bound for {name or 'everything'}.")
        bounds[name] = bound
    return bounds


def _bound(name: str, text: str) -> Any:
    metavar = (
        "[TYPE=]PERCENT" if name in ("--min-recall", "--min-precision") else "[SOURCE=]PERCENT"
    )
    return click.option(name, multiple=True, metavar=metavar, callback=_bounds, help=text)


@click.group()
def guards() -> None:
    """Measure guards on texts of which it is known what should be found.

    \b
    Example:
      pointsman guards eval rows.jsonl --smuggle
    """


@guards.command("eval", help=_HELP)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
)
@click.option("--check", "checks", multiple=True, metavar="NAME", help="Only this check.")
@click.option("--smuggle", is_flag=True, help="Also smuggle each attack and marked value, 6 ways.")
@click.option(
    "--place",
    "places",
    multiple=True,
    type=click.Choice(["request", "history", "result", "document", "argument", "answer"]),
    help="Where the texts stand. Default: request and document, each on its own.",
)
@click.option(
    "--project",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Measure the filters of this project's team, not the default one.",
)
@click.option("--specialist", default="", metavar="NAME", help="With those around this specialist.")
@click.option("--filter", "filter_name", default="", metavar="NAME", help="Only this filter.")
@_bound("--max-fp", "Fail if more of a benign source is flagged.")
@_bound("--min-tp", "Fail if less of an attack source is flagged.")
@_bound("--min-recall", "Fail if less of a type's spans is found.")
@_bound("--min-precision", "Fail if less of a type's findings is right.")
@click.option("--max-smuggled", type=float, metavar="POINTS", help="Fail if smuggling costs more.")
@click.option("--max-cpu", type=float, metavar="MS", help="Fail if 2 kB cost more CPU (median).")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV on stdout, one figure a row.")
@as_json
@click.pass_obj
def eval_(
    project: Project,
    files: tuple[str, ...],
    checks: tuple[str, ...],
    smuggle: bool,
    places: tuple[Any, ...],
    folder: Path | None,
    specialist: str,
    filter_name: str,
    max_fp: dict[str, float],
    min_tp: dict[str, float],
    min_recall: dict[str, float],
    min_precision: dict[str, float],
    max_smuggled: float | None,
    max_cpu: float | None,
    as_csv: bool,
    as_json: bool,
) -> int:
    """Measure the content filter's checks on files of rows."""
    from pointsman.evals.guards.choose import named
    from pointsman.evals.guards.gates import Bounds, gates
    from pointsman.evals.guards.measure import PLACES, Measure

    if as_csv and as_json:
        raise click.UsageError("Give --json or --csv, not both.")
    if max_smuggled is not None and not smuggle:
        raise click.UsageError("--max-smuggled needs --smuggle.")
    if files.count("-") > 1:
        raise click.UsageError("Stdin (-) can be read once.")
    chosen = named(_chosen(project, folder, specialist, filter_name), checks)
    measure = Measure(chosen.checks, chosen.name, places or PLACES, smuggle)
    _read(measure, files)
    bounds = Bounds(max_fp, min_tp, min_recall, min_precision, max_smuggled, max_cpu)
    figures = measure.figures()
    figures = figures.model_copy(update={"gates": gates(figures, bounds)})
    _show(figures, chosen, as_csv=as_csv, as_json=as_json)
    kept = all(gate.passed for gate in figures.gates)
    return DONE if kept and not figures.bad_rows else FAILED


def _chosen(project: Project, folder: Path | None, specialist: str, name: str) -> "Chosen":
    """The team's filters where a project is named, here or before the command; else the default."""
    from dataclasses import replace

    from pointsman.evals.guards.choose import default, of_team

    if folder is not None:
        project = replace(project, folder=folder)
    if project.folder is None and project.team is None:
        if specialist or name:
            raise click.UsageError("--specialist and --filter need a project: give --project DIR.")
        return default()
    return of_team(project.load().spec, specialist=specialist, filter=name)


def _read(measure: "Measure", files: Sequence[str]) -> None:
    """Measure every row, and say on stderr which lines are none."""
    from pointsman.evals.guards.rows import read_rows

    progress = _Progress()
    for file in files:
        name = "stdin" if file == "-" else file
        for stream in _opened(file):
            for row in read_rows(stream, name):
                error = measure.add(row)
                if error and measure.bad <= FAULTS_SHOWN:
                    progress.say(f"{name}:{row.line}: left out: {error}")
                progress.step(measure.rows)
    if measure.bad > FAULTS_SHOWN:
        progress.say(f"… and {measure.bad - FAULTS_SHOWN} more lines were left out.")
    progress.close()


def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    with Path(file).open("rb") as stream:
        yield stream


class _Progress:
    """Rows done, on stderr: a line that moves in a terminal, one every 10 s elsewhere."""

    def __init__(self) -> None:
        self._moving = sys.stderr.isatty()
        self._shown = time.monotonic()
        self._width = 0

    def step(self, rows: int) -> None:
        """So many rows are done."""
        now = time.monotonic()
        if now - self._shown < (0.2 if self._moving else 10):
            return
        self._shown = now
        line = f"{rows:,} rows"
        self._width = len(line)
        click.echo(f"\r{line}" if self._moving else line, err=True, nl=not self._moving)

    def say(self, text: str) -> None:
        """Print a line of its own."""
        from pointsman.views.visible import one_line

        self.close()
        click.echo(one_line(text), err=True)

    def close(self) -> None:
        """Take the moving line away."""
        if self._moving and self._width:
            click.echo(f"\r{' ' * self._width}\r", err=True, nl=False)
            self._width = 0


def _show(figures: "Figures", chosen: "Chosen", *, as_csv: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(figures.model_dump(mode="json"), indent=2))
        return
    if as_csv:
        from pointsman.evals.guards.figures import CSV_HEADER, csv_rows

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(CSV_HEADER)
        writer.writerows(csv_rows(figures))
        return
    from pointsman.views.cli.guardtable import show

    show(figures, chosen.beside)
