"""`pointsman eval gate`: whether a suite's run may ship."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import DONE, FAILED, drive
from pointsman.views.cli.options import as_json
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from rich.console import Console

    from pointsman.evals.gate import Gated
    from pointsman.evals.gating import Gating

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("suite", type=_FILE)
@click.option("--baseline", default="main", show_default=True, help="Name of the baseline.")
@click.option("--run", "record", type=_FILE, help="Judge this record; run nothing.")
@click.option("--update-baseline", is_flag=True, help="Make this run the baseline; judge nothing.")
@click.option("--replay", type=_FILE, help="Answer from this cassette: offline and free.")
@click.option("--epochs", type=click.IntRange(1, 1000), help="How often each case is asked.")
@click.option("--concurrency", type=click.IntRange(1, 1000), help="Samples at once.")
@click.option(
    "--budget", type=click.FloatRange(0, min_open=True), metavar="USD",
    help="Begin no sample once so much is spent.",
)  # fmt: skip
@click.option("--out", type=_OUT, help="The record. One that is there is gone on with.")
@click.option("--junit", type=_OUT, help="Write the checks as JUnit XML.")
@click.option("--markdown", "summary", type=_OUT, help="Write a summary in GitHub's Markdown.")
@click.option("--github", is_flag=True, help="Add the summary to $GITHUB_STEP_SUMMARY.")
@click.option(
    "--cases", "most", type=click.IntRange(0), default=3, show_default=True,
    help="How many samples that no longer pass are shown with both transcripts.",
)  # fmt: skip
@as_json
@click.pass_obj
def gate(
    project: Project,
    suite: Path,
    baseline: str,
    record: Path | None,
    replay: Path | None,
    epochs: int | None,
    concurrency: int | None,
    budget: float | None,
    out: Path | None,
    junit: Path | None,
    summary: Path | None,
    most: int,
    *,
    update_baseline: bool,
    github: bool,
    as_json: bool,
) -> int:
    """Run SUITE and hold it against its `gate:` rules and the baseline.

    Without rules nothing that passes or fails may be shown to be worse than in the baseline.
    Baselines are kept in `baselines/` beside the suite, without what was said, to be committed.
    Exits 1 when a check fails.

    \b
    Examples:
      pointsman eval gate evals/support.yaml --update-baseline
      pointsman eval gate evals/support.yaml --junit gate.xml --markdown gate.md
    """
    from pointsman.evals.gating import Gating
    from pointsman.evals.launch import Launch
    from pointsman.evals.suite import Suite
    from pointsman.views.cli.evals.run import home, with_folder

    with_folder(project)
    launch = Launch(
        suite=Suite.load(suite), team=project.load, home=home(project), out=out, replay=replay,
        epochs=epochs, concurrency=concurrency, budget=budget,
    )  # fmt: skip
    gating = Gating(launch=launch, baseline=baseline, run=record)
    summaries = [path for path in (_step_summary() if github else None,) if path is not None]
    if update_baseline:
        return _renewed(gating)
    against = gating.against()
    path = _recorded(gating)
    found = gating.judged(path, against)
    _written(found, junit, summary, summaries)
    if as_json:
        click.echo(found.model_dump_json(indent=2))
    else:
        _shown(found, path, against, most)
    return DONE if found.passed else FAILED


def _recorded(gating: "Gating") -> Path:
    from pointsman.views.cli.evals.progress import EvalProgress
    from pointsman.views.cli.screen import console

    launch = gating.launch
    due = len(launch.suite.cases) * (launch.epochs or launch.suite.options.epochs)

    async def work() -> Path:
        if gating.run is not None:
            return await gating.record()
        with EvalProgress(console(stderr=True), due) as progress:
            return await gating.record(seen=progress.seen)

    return drive(work, kept=lambda: "Stopped. The same command goes on with the record.")


def _renewed(gating: "Gating") -> int:
    from pointsman.evals import baselines
    from pointsman.views.cli.screen import console, plain

    assert gating.gate  # noqa: S101 - the rules are read, so that a wrong one is told now
    place = baselines.place(gating.launch.suite, gating.baseline)
    count = baselines.write(_recorded(gating), place)
    plain(console(stderr=False), f"Wrote {place}: {count} samples. Commit it.")
    return DONE


def _step_summary() -> Path:
    from pointsman.errors import Misconfigured
    from pointsman.teams.settings import Settings

    found = Settings.read().step_summary
    if found is None:
        raise Misconfigured(
            "--github adds to $GITHUB_STEP_SUMMARY, which is not set.",
            hint="Leave --github out where this is no step of a GitHub workflow.",
        )
    return found


def _written(found: "Gated", junit: Path | None, summary: Path | None, added: list[Path]) -> None:
    from pointsman.evals.junit import junit as as_junit
    from pointsman.evals.markdown import markdown

    if junit is not None:
        junit.write_text(as_junit(found), "utf-8")
    if summary is not None:
        summary.write_text(markdown(found), "utf-8")
    for path in added:
        with path.open("a", encoding="utf-8") as out:
            out.write(markdown(found) + "\n")


def _shown(found: "Gated", path: Path, against: Path | None, most: int) -> None:
    from pointsman.views.cli.evals.compare import show, show_lost
    from pointsman.views.cli.screen import console, plain

    out = console(stderr=False)
    if found.comparison is not None and against is not None:
        show(out, found.comparison)
        if not found.passed:
            show_lost(out, found.comparison.regressed, path, against, most)
        plain(out, "")
    show_checks(out, found)
    plain(out, f"Record: {path}", "dim")


def show_checks(out: "Console", found: "Gated") -> None:
    """Each check on a line, and the verdict."""
    from pointsman.views.cli.screen import plain

    for check in found.checks:
        mark, style = ("passed", "green") if check.passed else ("FAILED", "bold red")
        plain(out, f"{mark}  {check.name}: {check.why}", style)
    verdict = "The gate passed" if found.passed else "The gate FAILED"
    held = sum(check.passed for check in found.checks)
    plain(out, f"{verdict}: {held} of {len(found.checks)} checks.", "bold")
