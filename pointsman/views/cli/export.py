"""`pointsman export`: one run in one file, for whoever has no access to the store."""

from pathlib import Path

import click

from pointsman.errors import BadInput
from pointsman.views.cli.exits import DONE, drive
from pointsman.views.cli.options import as_json
from pointsman.views.cli.project import Project


@click.command()
@click.argument("run")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="One self-contained page: it fetches nothing, and opens from a disk.",
)  # fmt: skip
@as_json
@click.pass_obj
def export(project: Project, run: str, html: Path | None, as_json: bool) -> int:
    """Write all that is on record of RUN: messages, routes, verdicts, calls, tickets, effects.

    What filters took out of texts stays out. What the team's tools gave back and what people said
    is in it: give it to nobody who may not see the run.

    \b
    Examples:
      pointsman export 3fa2c1d0 --html run.html
      pointsman export 3fa2c1d0 --json > run.json
    """
    from pointsman.teams.replay.record import as_record
    from pointsman.views.cli.record import put
    from pointsman.views.cli.session import opened, run_of
    from pointsman.views.runpage.page import page

    if html is None and not as_json:
        raise click.UsageError("Give --html FILE, --json, or both.")

    async def work() -> int:
        async with opened(project) as session:
            record = await session.team.record(await run_of(session.team, run))
        if as_json:
            put(as_record(record))
        if html is not None:
            _write(html, page(record))
            click.echo(f"Wrote {html}.", err=True)
        return DONE

    return drive(work, kept=lambda: "Stopped. Nothing was changed.")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"{str(path)!r} cannot be written: {error.strerror or error}.",
            hint="Give --html a file in a folder that exists.",
        ) from error
