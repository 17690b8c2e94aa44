"""`pointsman calibrate`: which requests are worth the strong model, fitted on recorded answers."""

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from pointsman.errors import BadInput, MissingExtra
from pointsman.views.cli.project import Project
from pointsman.views.cli.screen import console, plain

if TYPE_CHECKING:
    from pointsman.evals.calibration.measure import Measured
    from pointsman.evals.calibration.rows import Row

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)


@click.command(
    epilog="A row is one JSON object a line: {id, group, prompt, weak: {correct, answer?, usd},"
    " strong: {correct, answer?, usd}}. `correct` is true, false or 0 to 1."
)
@click.argument("files", nargs=-1, type=_FILE)
@click.option(
    "--suite", "suite_file", type=_FILE,
    help="Instead of FILES: run this suite with the project's team, once with the models of its"
    " tier fast and once with those of strong. What its policy lets pass is done each time.",
)  # fmt: skip
@click.option("--rows", "rows_file", type=_OUT, help="With --suite: write the recorded rows here.")
@click.option(
    "--kind",
    type=click.Choice(["auto", "route", "cascade"]),
    default="auto",
    show_default=True,
    help="route decides by the prompt; cascade reads the weak answer too. auto: cascade where every"
    " weak answer was recorded.",
)
@click.option(
    "--objective", type=click.Choice(["cost", "calls"]), default="cost", show_default=True,
    help="What is made small: US dollars, or calls to the strong model.",
)  # fmt: skip
@click.option(
    "--target", type=click.FloatRange(0.5, 1.0), default=0.95, show_default=True,
    help="Share of the strong model's quality that the written selector keeps.",
)  # fmt: skip
@click.option("--out", type=_OUT, help="Write the selector here, for a tier's cascade.")
@click.option("--plot", "picture", type=_OUT, help="Draw quality over cost: .svg, .png or .pdf.")
@click.option("--json", "machine", is_flag=True, help="Print the figures as JSON.")
@click.pass_obj
def calibrate(
    project: Project,
    files: tuple[Path, ...],
    suite_file: Path | None,
    rows_file: Path | None,
    kind: Literal["auto", "route", "cascade"],
    objective: Literal["cost", "calls"],
    target: float,
    out: Path | None,
    picture: Path | None,
    *,
    machine: bool,
) -> None:
    """Fit and measure what decides between a weak and a strong model, on recorded answers.

    First says which single model is best. Then measures on folds that nothing was fitted on, at 95,
    99 and 100 % of the strong model's quality, beside a random mix, the oracle and two dumb rules.
    Refuses to write a selector that does not beat the random mix.

    \b
    Example:
      pointsman calibrate answers.jsonl --out selector.json --plot cost.svg
    """
    try:
        from pointsman.evals.calibration import measure as measuring
    except ImportError:
        raise MissingExtra(
            "Calibrating needs scikit-learn.", hint='pip install "pointsman[analysis]"'
        ) from None
    from pointsman.evals.calibration.report import as_json
    from pointsman.evals.calibration.rows import has_answers, read_rows

    err = console(stderr=True)
    if bool(files) == bool(suite_file):
        raise click.UsageError("Give FILES of recorded answers, or --suite, and not both.")
    rows = read_rows(files) if suite_file is None else _recorded(project, suite_file, rows_file)
    chosen = ("cascade" if has_answers(rows) else "route") if kind == "auto" else kind
    targets = sorted({0.95, 0.99, 1.0, target})
    steps = measuring.OUTER * (measuring.INNER + 3)
    with click.progressbar(length=steps, label=f"Measuring a {chosen}", file=sys.stderr) as bar:
        measured = measuring.measure(
            rows, kind=chosen, objective=objective, targets=targets, done=lambda: bar.update(1)
        )
    if machine:
        click.echo(json.dumps(as_json(measured), indent=2))
    else:
        _show(measured)
    if picture is not None:
        from pointsman.evals.calibration.plot import draw

        draw(measured, picture)
        plain(err, f"Wrote {picture}.")
    if out is not None:
        out.write_text(measuring.fit(rows, measured, target).model_dump_json(), "utf-8")
        plain(
            err, f"Wrote {out}: a {chosen} that keeps {target:.0%} of the strong model's quality."
        )


def _recorded(project: Project, suite_file: Path, rows_file: Path | None) -> "tuple[Row, ...]":
    """The suite's cases, answered by both tiers of the project's team."""
    from pointsman.evals.calibration.recorded import record
    from pointsman.evals.calibration.rows import LEAST, checked
    from pointsman.evals.suite import Suite
    from pointsman.teams.settings import Settings

    team, suite, settings = project.load(), Suite.load(suite_file), Settings.read()
    if len(suite.cases) < LEAST:
        raise BadInput(
            f"{suite_file} has {len(suite.cases)} cases; calibrating needs {LEAST}.",
            hint="Add cases. Nothing was asked.",
        )
    chains = team.spec.models or {"fast": settings.fast, "strong": settings.strong}
    folder = (team.spec.home or settings.home) / "calibration"
    with click.progressbar(length=2 * len(suite.cases), label="Asking", file=sys.stderr) as bar:
        rows = asyncio.run(record(team, suite, chains, folder, seen=lambda _: bar.update(1)))
    if rows_file is not None:
        lines = (row.model_dump_json(exclude_none=True) + "\n" for row in rows)
        rows_file.write_text("".join(lines), "utf-8")
    return checked(rows)


def _show(measured: "Measured") -> None:
    from rich.table import Table

    from pointsman.evals.calibration.report import COLUMNS, rows, verdict

    screen = console(stderr=False)
    plain(screen, verdict(measured))
    plain(screen, "")
    table = Table(box=None, pad_edge=False)
    for n, name in enumerate(COLUMNS):
        table.add_column(name, justify="left" if n == 0 else "right", no_wrap=True)
    for row in rows(measured):
        table.add_row(*row)
    screen.print(table)
    what = "cost" if measured.objective == "cost" else "share of strong calls"
    plain(screen, "")
    plain(
        screen,
        f"Shares of the strong model's figures over {measured.rows} rows. random mix: the {what} of"
        " mixing both models at random to the same quality. *: chosen with hindsight, a bound.",
    )
