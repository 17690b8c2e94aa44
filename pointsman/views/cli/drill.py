"""`pointsman drill`: a suite under injected faults. Nothing may be lost, nothing done twice."""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from pointsman.errors import BadInput
from pointsman.views.cli.exits import DONE, FAILED
from pointsman.views.cli.project import Project
from pointsman.views.cli.screen import console, plain

if TYPE_CHECKING:
    from pointsman.evals.drill.faults import Plan
    from pointsman.evals.drill.process import Worker
    from pointsman.evals.drill.report import DrillReport
    from pointsman.evals.suite import Suite
    from pointsman.teams.team import Team

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_START = "from pointsman.views.cli.main import main; main()"
SHOWN = 20
"""How many messages that came to something else are listed."""


@click.command(
    epilog="Faults: latency, 429, 500, timeout, malformed (models); tool-error, tool-timeout,"
    " tool-late (tools); duplicate (messages); crash (processes); kill-specialist; slow-store; all."
    " Exit code 1 when anything was lost or doubled."
)
@click.argument("suite_file", type=_FILE)
@click.option(
    "--faults", default="all", show_default=True, metavar="KINDS", help="Kinds, with commas."
)
@click.option(
    "--rate", type=click.FloatRange(0, 1), default=0.1, show_default=True,
    help="Share of the calls at each level that are struck.",
)  # fmt: skip
@click.option(
    "--seed", type=int, default=0, show_default=True, help="The same seed strikes the same calls."
)
@click.option(
    "--seconds", type=click.FloatRange(0, 60, min_open=True), default=0.2, show_default=True,
    help="How long what is slow or hangs takes.",
)  # fmt: skip
@click.option("--plan", "plan_file", type=_FILE, help="Replay the faults of this plan, no others.")
@click.option("--save-plan", type=_OUT, help="Write what struck here, for --plan.")
@click.option("--keep", type=_FOLDER, help="Keep both folders of state here. It must be new.")
@click.option(
    "--real-writes", is_flag=True,
    help="Let tools write. Without it a line stands in for what a write gives.",
)  # fmt: skip
@click.option(
    "--reset", metavar="MODULE:FUNCTION", help="Called before each pass: put the outside back."
)
@click.option(
    "--world", metavar="MODULE:FUNCTION",
    help="Lists what happened outside, a line for each effect: a further witness.",
)  # fmt: skip
@click.option("--tag", "tags", multiple=True, help="Only cases with this tag. Repeatable.")
@click.option("--limit", type=click.IntRange(1), help="At most so many cases.")
@click.option("--concurrency", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option("--json", "machine", is_flag=True, help="Print the report as JSON.")
@click.option("--worker", is_flag=True, hidden=True)
@click.pass_obj
def drill(
    project: Project,
    suite_file: Path,
    faults: str,
    rate: float,
    seed: int,
    seconds: float,
    plan_file: Path | None,
    save_plan: Path | None,
    keep: Path | None,
    reset: str | None,
    world: str | None,
    tags: tuple[str, ...],
    limit: int | None,
    concurrency: int,
    *,
    real_writes: bool,
    machine: bool,
    worker: bool,
) -> int:
    """Run a suite without faults, then under injected ones, and compare.

    Every ticket is approved. Says how many messages ended as in the calm run, degraded or with an
    error; what was lost and what was done twice (both must be nothing); and how long messages took
    from their first fault to their end.

    \b
    Example:
      pointsman drill evals/support.yaml --faults 429,timeout,crash --rate 0.1 --seed 7
    """
    if worker:
        return _work(project, suite_file)
    from pointsman.evals.drill import measure
    from pointsman.evals.drill.faults import Plan, kinds_of

    suite = _suite(suite_file).only(tags=tags, limit=limit)
    team = _team(project, suite)
    drawn = Plan(seed=seed, rate=rate, kinds=kinds_of([faults]), seconds=seconds)
    plan = drawn if plan_file is None else Plan.read(plan_file)
    messages = sum(1 + len(case.then) for case in suite.cases)
    kills = _worker(project, plan, suite_file)
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="drill-")))
        bar = stack.enter_context(
            click.progressbar(length=2 * messages, label="Drilling", file=sys.stderr)
        )
        report = asyncio.run(
            measure.drill(
                team, suite, plan, folder=folder.resolve(), worker=kills,
                writes="real" if real_writes else "pretend",
                world=None if world is None else cast("Callable[[], Sequence[str]]", _named(world)),
                reset=None if reset is None else _named(reset),
                concurrency=concurrency, seen=lambda _pass, _name: bar.update(1),
            )
        )  # fmt: skip
    if save_plan is not None:
        report.plan.write(save_plan)
    _show(report, machine=machine, keep=keep)
    return DONE if report.holds else FAILED


def _suite(file: Path) -> "Suite":
    from pointsman.evals.suite import Suite

    return Suite.load(file)


def _team(project: Project, suite: "Suite") -> "Team":
    """The team that the suite is put to. Raises BadInput where it is put to something else."""
    from pointsman.evals.suitefile import loaded
    from pointsman.teams.team import Team

    folder = str((project.folder or Path()).resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)  # suites name modules of the project
    if suite.target == "team":
        return project.load()
    found = loaded(suite.target, suite.folder) if ":" in suite.target else None
    made = found() if callable(found) and not isinstance(found, Team) else found
    if not isinstance(made, Team):
        raise BadInput(
            f"Suite {suite.name!r} is put to {suite.target!r}, and a drill needs a team.",
            hint="Use the target `team`, or `module:name` of a Team.",
        )
    return made


def _named(name: str) -> Callable[[], object]:
    """A function of the project. Raises BadInput where there is none of that name."""
    module, _, attr = name.partition(":")
    try:
        found: object = getattr(import_module(module), attr, None)
    except ModuleNotFoundError as error:
        raise BadInput(f"There is no module {error.name!r} for {name!r}.") from error
    if not callable(found):
        raise BadInput(f"{name!r} is no function.", hint="Give MODULE:FUNCTION.")
    return cast("Callable[[], object]", found)


def _worker(project: Project, plan: "Plan", suite_file: Path) -> "Worker | None":
    """How a process of this very project is begun; None where the plan kills none."""
    from pointsman.evals.drill.process import Worker

    if "crash" not in plan.kinds:
        return None
    given = (("--project", project.folder), ("--team", project.team))
    options = [part for name, value in given if value for part in (name, str(value))]
    return Worker((sys.executable, "-c", _START, *options, "drill", str(suite_file), "--worker"))


def _work(project: Project, suite_file: Path) -> int:
    """A process that a drill begins, and may kill. Its order is on its standard input."""
    from pointsman.evals.drill.process import Order, serve

    order = Order.model_validate_json(sys.stdin.buffer.read())
    asyncio.run(serve(_team(project, _suite(suite_file)), order))
    return DONE


def _show(report: "DrillReport", *, machine: bool, keep: Path | None) -> None:
    from rich.table import Table

    from pointsman.evals.drill.report import COLUMNS, as_json, rows, summary

    if machine:
        click.echo(as_json(report))
        return
    out = console(stderr=False)
    grid = Table(box=None, pad_edge=False)
    for n, name in enumerate(COLUMNS):
        grid.add_column(name, justify="left" if n == 0 else "right", no_wrap=True)
    for row in rows(report):
        grid.add_row(*row)
    out.print(grid)
    plain(out, "")
    others = [m for m in report.messages if m.verdict != "success"]
    for message in others[:SHOWN]:
        plain(out, f"  {message.verdict:<9} {message.name}: {message.why}")
    if len(others) > SHOWN:
        plain(out, f"  and {len(others) - SHOWN} more; --json lists them all.")
    for word, found in (
        ("LOST", report.lost), ("DOUBLED", report.doubled),
        ("LOST without faults", report.calm_lost), ("DOUBLED without faults", report.calm_doubled),
    ):  # fmt: skip
        for text in found:
            plain(out, f"  {word}: {text}", "red")
    plain(out, summary(report), "green" if report.holds else "red")
    if report.writes == "pretend":
        plain(out, "Writes were pretended; --real-writes lets tools write.")
    if keep is not None:
        plain(out, f"Kept in {keep}: calm/ and drill/, each with its home/ and its book.")
