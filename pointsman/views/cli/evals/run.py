"""`pointsman eval run`: a suite, from the first sample or from where it stopped."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import DONE, FAILED, drive
from pointsman.views.cli.options import as_json
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.evals.launch import Launch
    from pointsman.evals.suite import Suite
    from pointsman.evals.tally import Tally

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("suite", type=_FILE)
@click.option("--epochs", type=click.IntRange(1, 1000), help="How often each case is asked.")
@click.option("--concurrency", type=click.IntRange(1, 1000), help="Samples at once.")
@click.option("--record", "cassette", type=_OUT, help="Keep the models' answers in this cassette.")
@click.option("--replay", type=_FILE, help="Answer from this cassette: offline and free.")
@click.option("--rescore", is_flag=True, help="Score the record anew and ask nobody.")
@click.option(
    "--budget", type=click.FloatRange(0, min_open=True), metavar="USD",
    help="Begin no sample once so much is spent.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(1), help="Only the first cases.")
@click.option("--tags", multiple=True, metavar="TAG", help="Only cases with one of these tags.")
@click.option("--seed", type=int, help="Of random approvers.")
@click.option("--out", type=_OUT, help="The record. One that is there is gone on with.")
@click.option("--fail-under", type=click.FloatRange(0, 1), help="Exit 1 below this pass rate.")
@as_json
@click.pass_obj
def run(
    project: Project,
    suite: Path,
    epochs: int | None,
    concurrency: int | None,
    cassette: Path | None,
    replay: Path | None,
    budget: float | None,
    limit: int | None,
    tags: tuple[str, ...],
    seed: int | None,
    out: Path | None,
    fail_under: float | None,
    *,
    rescore: bool,
    as_json: bool,
) -> int:
    """Run SUITE: every case in every epoch, recorded as it goes.

    A run that was broken off is gone on with: samples that are in the record are not asked again.
    Errors, time-outs and missing scores stay in every denominator. Exits 1 when a sample was an
    error or the run is not complete, and below --fail-under.

    \b
    Examples:
      pointsman eval run evals/support.yaml --epochs 3 --budget 2
      pointsman eval run evals/support.yaml --record tape.jsonl
      pointsman eval run evals/support.yaml --replay tape.jsonl
      pointsman eval run evals/support.yaml --out run.jsonl --rescore
    """
    from pointsman.evals.launch import Launch
    from pointsman.evals.suite import Suite

    loaded = Suite.load(suite).only(tags=tags, limit=limit)
    launch = Launch(
        suite=loaded, team=project.load, home=home(project), out=out, record=cassette,
        replay=replay, epochs=epochs, concurrency=concurrency, budget=budget, seed=seed,
    )  # fmt: skip
    with_folder(project)
    path = launch.place()
    if rescore:
        path = out or _newest(launch, loaded, path)
        tally, whole = _rescored(launch, path)
    else:
        tally, whole = _ran(launch, path)
    show(path, tally, as_json=as_json)
    under = fail_under is not None and (tally.rate or 0.0) < fail_under
    return FAILED if under or tally.errors or not whole else DONE


def _ran(launch: "Launch", path: Path) -> "tuple[Tally, bool]":
    from pointsman.views.cli.evals.progress import EvalProgress
    from pointsman.views.cli.screen import console, plain

    err = console(stderr=True)
    due = len(launch.suite.cases) * (launch.epochs or launch.suite.options.epochs)
    plain(err, f"Suite {launch.suite.name}: {due:,} samples into {path}", "bold")

    async def work() -> "tuple[Tally, bool]":
        with EvalProgress(err, due) as progress:
            ran = await launch.run(path, seen=progress.seen)
        if ran.end.reason == "budget":
            plain(err, f"Partial: the budget is spent; {ran.end.done:,} of {ran.end.due:,} ran.")
        return ran.tally, not ran.end.partial

    return drive(work, kept=lambda: f"Stopped. The same command goes on with {path}.")


def _rescored(launch: "Launch", path: Path) -> "tuple[Tally, bool]":
    from pointsman.evals import recordfile
    from pointsman.evals.tally import Tally

    asyncio.run(launch.rescore(path))
    end = recordfile.ending(path)
    head = recordfile.head(path)
    tally = Tally(due=head.cases * head.epochs if head else 0)
    for sample in recordfile.samples(path):
        tally.add(sample)
    return tally, end is not None and not end.partial


def _newest(launch: "Launch", suite: "Suite", path: Path) -> Path:
    folder = launch.home / "evals" / suite.name
    found = sorted(folder.glob("*.jsonl"), key=lambda one: one.stat().st_mtime)
    if not found:
        raise click.UsageError(f"There is no record of {suite.name} yet. Run it first.")
    return path if path.exists() else found[-1]


def show(path: Path, tally: "Tally", *, as_json: bool) -> None:
    """What a run came to, on stdout."""
    from pointsman.views.cli.evals.outcome import figures, shown

    if as_json:
        import json

        click.echo(json.dumps(figures(path, tally), indent=2))
    else:
        shown(path, tally)


def home(project: Project) -> Path:
    """The project's folder of state, also where it has no team: a suite may do without one."""
    from pointsman.errors import Misconfigured
    from pointsman.teams.settings import Settings

    try:
        return project.load().spec.home or Settings.read().home
    except Misconfigured:
        return project.home or Settings.read().home


def with_folder(project: Project) -> None:
    """Have the project's own modules found, which suites name."""
    import sys

    folder = str((project.folder or Path()).resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
