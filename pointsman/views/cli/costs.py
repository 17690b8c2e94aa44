"""`pointsman costs`: what runs cost and saved, added up from their records."""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import DONE, drive
from pointsman.views.cli.options import as_json
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.teams.accounts import Accounts, Dimension
    from pointsman.teams.store.protocol import Store
    from pointsman.teams.store.rows import Wanted
    from pointsman.teams.team import Team
    from pointsman.views.cli.costplot import Figure

_BY = click.Choice(["run", "specialist", "model", "tenant", "day"])
_OUT = click.Path(dir_okay=False, path_type=Path)
_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Moment(click.ParamType[float]):
    """`7d` before now, `2026-11-21`, or `2026-11-21T14:30`. UTC where no zone is given."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds since the epoch."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        number, unit = text[:-1], text[-1:]
        if unit in _SPANS and number.isascii() and number.isdigit() and len(number) <= 6:
            return time.time() - int(number) * _SPANS[unit]
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{text!r} is not 12h, 7d, 4w, 2026-11-21 or 2026-11-21T14:30.", param, ctx)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


@click.command()
@click.option("--by", multiple=True, type=_BY, help="Group by this. May be repeated, in any order.")
@click.option("--since", type=Moment(), metavar="TIME", help="From 12h, 7d, 4w ago, or a date on.")
@click.option("--until", type=Moment(), metavar="TIME", help="Before that time.")
@click.option("--tenant", default="", help="Of this tenant only.")
@click.option("--run", "run", default="", metavar="RUN", help="Of this run only.")
@click.option(
    "--top", type=click.IntRange(1), default=50, show_default=True,
    help="Groups in the table; the others are one line.",
)  # fmt: skip
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV on stdout, money in full.")
@as_json
@click.option("--plot", "picture", type=_OUT, help="Draw it: .svg, .png or .pdf.")
@click.option(
    "--figure", type=click.Choice(["cost", "calls", "tokens", "saved"]), default="cost",
    show_default=True, help="What --plot draws.",
)  # fmt: skip
@click.pass_obj
def costs(
    project: Project,
    by: tuple["Dimension", ...],
    since: float | None,
    until: float | None,
    tenant: str,
    run: str,
    top: int,
    as_csv: bool,
    as_json: bool,
    picture: Path | None,
    figure: "Figure",
) -> int:
    """Add up cost, tokens, calls, what the cache saved, failed calls and fallbacks.

    From the records of this team's runs, whatever became of them. Calls whose price is unknown are
    counted and never taken for free. Days and dates are UTC.

    \b
    Examples:
      pointsman costs --by specialist --by model --since 7d
      pointsman costs --by day --by model --plot costs.svg
      pointsman costs --by run --tenant acme --csv > costs.csv
    """
    if as_csv and as_json:
        raise click.UsageError("Give --csv or --json, not both.")
    if since is not None and until is not None and since >= until:
        raise click.UsageError("--since must be before --until.")
    from pointsman.teams.store.rows import Wanted

    wanted = Wanted(run=run, tenant=tenant, since=since, until=until)
    accounts = _added_up(project, by, wanted)
    _put(accounts, top=top, as_csv=as_csv, as_json=as_json)
    if picture is not None:
        from pointsman.views.cli.costplot import draw

        draw(accounts, picture, figure=figure)
        click.echo(f"Wrote {picture}.", err=True)
    return DONE


def _added_up(project: Project, by: tuple["Dimension", ...], wanted: "Wanted") -> "Accounts":
    from dataclasses import replace

    from pointsman.teams.accounts import account
    from pointsman.views.cli.session import run_of

    team = project.load()

    async def work() -> "Accounts":
        chosen = wanted
        if wanted.run:
            chosen = replace(wanted, run=await run_of(team, wanted.run))
            await team.result(chosen.run)
        async with _opened(team) as store:
            return await account(store, team.name, by=by, wanted=chosen)

    return drive(work, kept=lambda: "Stopped. Nothing was changed.")


@asynccontextmanager
async def _opened(team: "Team") -> "AsyncGenerator[Store]":
    from pointsman.teams.settings import Settings
    from pointsman.teams.store.opening import open_store

    settings = Settings.read()
    store = open_store(settings, team.spec.home or settings.home)
    try:
        yield store
    finally:
        await store.aclose()


def _put(accounts: "Accounts", *, top: int, as_csv: bool, as_json: bool) -> None:
    from pointsman.views.cli import costtable
    from pointsman.views.cli.record import put
    from pointsman.views.cli.screen import console, plain

    if as_csv:
        click.echo(costtable.as_csv(accounts), nl=False)
    elif as_json:
        put(costtable.as_json(accounts))
    elif not accounts.total.runs:
        plain(console(stderr=False), "Nothing is on record.")
    else:
        costtable.show(console(stderr=False), accounts, top=top)
