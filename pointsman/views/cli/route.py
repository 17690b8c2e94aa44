"""`pointsman route`: explains one decision of the router, and measures it on a file."""

import json
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointsman.errors import BadInput
from pointsman.views.cli.exits import DONE, FAILED, drive
from pointsman.views.cli.options import as_json
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from pointsman.evals.routing.measure import Measured
    from pointsman.evals.routing.rows import Row
    from pointsman.nodes.routing.router import Route
    from pointsman.nodes.routing.threshold import Costs
    from pointsman.teams.deciding import Decide

FAULTS_SHOWN = 20
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)


class _Routes(click.Group):
    """What is no command is a text to explain."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`route TEXT` is `route explain TEXT`."""
        known = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if known else ["explain", *args])


@click.group(cls=_Routes)
def route() -> None:
    """Explain how the router decides on a TEXT, or measure it on a file.

    \b
    Examples:
      pointsman route "I was charged twice"
      pointsman route eval rows.jsonl
    """


@route.command()
@click.argument("text")
@click.option("--no-model", is_flag=True, help="Stop before a model is asked.")
@click.option(
    "--after", default="", metavar="NAME", help="As if this specialist had answered last."
)
@as_json
@click.pass_obj
def explain(
    project: Project,
    text: str,
    no_model: bool,
    after: str,
    as_json: bool,
) -> int:
    """Show what each tier of the router makes of a TEXT. Nothing is run and nothing recorded.

    Exits 1 where it finds no route. `pointsman route TEXT` is short for it; a text that begins with
    the name of a command needs `pointsman route explain TEXT`.

    \b
    Examples:
      pointsman route "I was charged twice"
      pointsman route "and when does it arrive?" --after shipping --no-model --json
    """
    from pointsman.teams.deciding import deciding

    if not text.strip():
        raise click.UsageError("The text is empty.")
    team = project.load()
    names = [s.name for s in team.spec.specialists]
    if after and after not in names:
        raise click.UsageError(f"--after: {after!r} is not among {', '.join(names)}.")

    async def work() -> "Route":
        async with deciding(team, ask_model=not no_model, after=after) as decide:
            return await decide(text)

    found = drive(work, kept=lambda: "Stopped. Nothing was recorded.")
    if as_json:
        click.echo(json.dumps(_as_json(found), indent=2))
    else:
        from pointsman.views.cli.routetable import explained

        explained(found, team.spec.router)
    return DONE if found.to else FAILED


def _as_json(found: "Route") -> "Mapping[str, object]":
    event = found.as_event().model_dump(mode="json", exclude={"kind", "probabilities", "parts"})
    return event | {
        "settled": found.settled,
        "ask": found.ask,
        "probabilities": dict(found.probabilities),
        "parts": [{"to": part.to, "text": part.text} for part in found.parts],
    }


def _costs(
    _ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]
) -> dict[str, float]:
    names = ("wrong", "ask", "refused", "out_of_scope")
    costs: dict[str, float] = {}
    for one in given:
        name, _, number = one.partition("=")
        try:
            costs[name.replace("-", "_")] = float(number)
        except ValueError:
            raise click.BadParameter(f"{one!r} is not NAME=NUMBER, e.g. wrong=10.") from None
        if name.replace("-", "_") not in names:
            raise click.BadParameter(f"{name!r} is not among {', '.join(names)}.")
    return costs


@route.command("eval")
@click.argument("file", type=_FILE)
@click.option(
    "--train", type=_FILE,
    help="Fit the classifier on this file's rows and measure it alone, without a team or a model.",
)  # fmt: skip
@click.option(
    "--cost", "costs", multiple=True, metavar="NAME=NUMBER", callback=_costs,
    help="With --train: what an outcome costs: wrong (10), ask (1), refused (2.5); and out_of_scope"
    " (0.1), the share of messages that are nobody's.",
)  # fmt: skip
@click.option("--no-model", is_flag=True, help="Stop before a model is asked.")
@click.option(
    "--jobs", type=click.IntRange(1, 64), default=4, show_default=True, help="Rows at a time."
)
@click.option("--plot", "picture", type=_OUT, help="Draw the calibration: .svg, .png or .pdf.")
@click.option("--show-wrong", is_flag=True, help="List the rows that came to the wrong place.")
@as_json
@click.pass_obj
def eval_(
    project: Project,
    file: Path,
    train: Path | None,
    costs: dict[str, float],
    no_model: bool,
    jobs: int,
    picture: Path | None,
    show_wrong: bool,
    as_json: bool,
) -> int:
    """Measure the router of the project's team on a FILE of JSONL rows.

    A row is {"text", "expected"}: the specialist's name, or null for a text that is nobody's. What
    follows where no tier decides, `otherwise` and a person, is not measured: such rows count as
    abstained, or as nobody's. A message that is split counts by its first part.

    Exits 1 when a line is no row or the router raised on one; the others are measured.

    \b
    Examples:
      pointsman route eval rows.jsonl --plot calibration.svg
      pointsman route eval test.jsonl --train train.jsonl --cost wrong=20 --json
    """
    from pointsman.evals.routing.measure import figures, measure
    from pointsman.evals.routing.plot import check_suffix, draw

    if picture is not None:
        check_suffix(picture)
    if costs and train is None:
        raise click.UsageError("--cost needs --train; a team's costs stand in its router.")
    names, opened = _subject(project, train, costs, ask_model=not no_model)
    rows, bad = _read(file, names)

    async def work() -> "tuple[Measured, ...]":
        async with opened as decide:
            with click.progressbar(length=len(rows), label="Routing", file=sys.stderr) as bar:
                return await measure(rows, decide, jobs=jobs, done=lambda: bar.update(1))

    measured = drive(work, kept=lambda: "Stopped. Nothing was kept but cached answers.")
    found = figures(measured, bad_rows=bad)
    _tell_errors(file, measured)
    if as_json:
        click.echo(json.dumps(found.model_dump(mode="json"), indent=2))
    else:
        from pointsman.views.cli.routetable import show, wrong_rows

        show(found)
        if show_wrong:
            wrong_rows(measured)
    if picture is not None:
        draw(found.calibration, picture)
        click.echo(f"Wrote {picture}.", err=True)
    return FAILED if bad or found.errors else DONE


def _subject(
    project: Project, train: Path | None, costs: dict[str, float], *, ask_model: bool
) -> "tuple[Sequence[str], AbstractAsyncContextManager[Decide]]":
    """Who may be expected, and what is asked: the team's router, or a classifier fitted here."""
    if train is None:
        from pointsman.teams.deciding import deciding

        team = project.load()
        names = [s.name for s in team.spec.specialists]
        return names, deciding(team, ask_model=ask_model, tiers_only=True)
    from pointsman.evals.routing.rows import examples_of
    from pointsman.evals.routing.trained import trained

    examples, nobodys = examples_of(train)
    count = sum(map(len, examples.values())) + len(nobodys)
    click.echo(f"Fitting on {count:,} rows of {len(examples)} labels", err=True)
    decide = trained(examples, nobodys, _priced(costs))
    return sorted(examples), _ready(decide)


@asynccontextmanager
async def _ready(decide: "Decide") -> "AsyncGenerator[Decide]":
    yield decide


def _priced(costs: dict[str, float]) -> "Costs":
    from dataclasses import replace

    from pointsman.nodes.routing.threshold import Costs

    return replace(Costs(), **costs)


def _read(file: Path, names: Sequence[str]) -> "tuple[list[Row], int]":
    """The rows, and how many lines are none; says which on stderr. Raises BadInput for no row."""
    from pointsman.evals.routing.rows import BadRow, read_rows
    from pointsman.views.visible import one_line

    rows: list[Row] = []
    bad = 0
    with file.open("rb") as stream:
        for row in read_rows(stream, names):
            if not isinstance(row, BadRow):
                rows.append(row)
                continue
            bad += 1
            if bad <= FAULTS_SHOWN:
                click.echo(one_line(f"{file}:{row.line}: left out: {row.error}"), err=True)
    if bad > FAULTS_SHOWN:
        click.echo(f"… and {bad - FAULTS_SHOWN} more lines were left out.", err=True)
    if not rows:
        raise BadInput(f"{file} has no row to measure.", hint='Write {"text", "expected"} rows.')
    return rows, bad


def _tell_errors(file: Path, measured: "Sequence[Measured]") -> None:
    from pointsman.views.visible import one_line

    failed = [one for one in measured if one.error]
    for one in failed[:FAULTS_SHOWN]:
        click.echo(one_line(f"{file}:{one.row.line}: no decision: {one.error}"), err=True)
    if len(failed) > FAULTS_SHOWN:
        click.echo(f"… and {len(failed) - FAULTS_SHOWN} more rows.", err=True)
