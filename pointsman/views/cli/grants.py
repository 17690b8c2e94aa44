"""Commands for grants: a person approves a bounded class of actions in advance."""

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import DONE, drive
from pointsman.views.cli.options import as_json, by_whom, program
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pointsman.teams.approvals.grant import Grant

UNCHANGED = "Stopped. Nothing was changed."
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class Until(click.ParamType[datetime]):
    """A moment: `30m`, `12h`, `2d` from now, or an ISO date with or without a time."""

    name = "when"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The moment in UTC; one without a zone is this machine's."""
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        span = re.fullmatch(r"(\d{1,6})([mhd])", text)
        if span:
            return datetime.now(UTC) + int(span[1]) * _UNITS[span[2]]
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except ValueError:
            self.fail(f"{text!r} is neither 30m, 12h, 2d nor an ISO date.", param, ctx)


class Bound(click.ParamType[tuple[str, float]]):
    """NAME=NUMBER."""

    name = "name=number"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        """The argument's name and its bound."""
        if isinstance(value, tuple):
            return value  # pyright: ignore[reportUnknownVariableType]
        name, _, number = str(value).partition("=")
        try:
            return name.strip(), float(number)
        except ValueError:
            self.fail(f"{value!r} is not NAME=NUMBER.", param, ctx)


@click.command()
@click.argument("ticket")
@click.option("--until", type=Until(), required=True, help="30m, 12h, 2d, or an ISO date.")
@click.option("--times", type=click.IntRange(1), default=1, show_default=True, help="How often.")
@click.option("--at-most", type=Bound(), multiple=True, help="A number's bound. May be repeated.")
@click.option("--free", metavar="NAME", multiple=True, help="An argument that may be anything.")
@by_whom
@click.option("--reason", default="", help="Why; kept with the grant.")
@as_json
@click.pass_obj
def grant(
    project: Project,
    ticket: str,
    until: datetime,
    times: int,
    at_most: tuple[tuple[str, float], ...],
    free: tuple[str, ...],
    by: str,
    reason: str,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Approve in advance what TICKET asks for: this action with these arguments.

    Arguments that neither --at-most nor --free names must be equal. TICKET itself stays as it is.

    \b
    Example:
      pointsman grant 7d1f --by ana --until 2d --times 5 --at-most usd=20
    """
    from pointsman.views.cli.record import put
    from pointsman.views.cli.session import opened, ticket_of

    async def work() -> "Grant":
        async with opened(project) as session:
            found = await ticket_of(session.team, ticket)
            return await session.team.grant(
                found, by=by, until=until, times=times, at_most=dict(at_most), free=free,
                reason=reason,
            )  # fmt: skip

    made = drive(work, kept=lambda: UNCHANGED)
    if as_json:
        put(made.model_dump(mode="json"))
        return DONE
    _show([made])
    click.echo(f"Ticket {made.ticket} waits as before:  {program()} approve {made.ticket[:8]}")
    return DONE


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@as_json
@click.pass_obj
def grants(project: Project, everything: bool, as_json: bool) -> int:  # noqa: FBT001
    """List the grants that can still be used.

    \b
    Example:
      pointsman grants --all --json
    """
    from pointsman.views.cli.record import put
    from pointsman.views.cli.session import opened

    async def work() -> "tuple[Grant, ...]":
        async with opened(project) as session:
            return await session.team.grants()

    now = datetime.now(UTC)
    found = [g for g in drive(work, kept=lambda: UNCHANGED) if everything or g.live(now)]
    if as_json:
        put([g.model_dump(mode="json") for g in found])
    elif found:
        _show(found)
    else:
        click.echo("No grant can be used.")
    return DONE


@click.command()
@click.argument("grant_id", metavar="GRANT")
@by_whom
@click.pass_obj
def revoke(project: Project, grant_id: str, by: str) -> int:
    """End GRANT now. What it approved stays approved.

    \b
    Example:
      pointsman revoke g1a2b3c4 --by ana
    """
    from pointsman.errors import BadInput
    from pointsman.views.cli.session import opened

    async def work() -> "Grant":
        async with opened(project) as session:
            known = [g.id for g in await session.team.grants()]
            begun = [i for i in known if i.startswith(grant_id)] if grant_id else []
            if len(begun) > 1 and grant_id not in known:
                raise BadInput(f"Several grants begin with {grant_id!r}.", hint="Give more of it.")
            name = grant_id if grant_id in known or not begun else begun[0]
            return await session.team.revoke(name, by=by)

    ended = drive(work, kept=lambda: UNCHANGED)
    click.echo(f"Grant {ended.id} is over. It was used {ended.uses} of {ended.times} times.")
    return DONE


def _show(found: "Sequence[Grant]") -> None:
    from pointsman.views.visible import one_line

    for g in found:
        bounds = [f"{name}={one_line(str(value))}" for name, value in g.args.items()]
        bounds += [f"{name}<={value:g}" for name, value in g.at_most.items()]
        bounds += [f"{name}=anything" for name in g.free]
        until = f"{g.until.astimezone():%Y-%m-%d %H:%M}"
        over = f", revoked by {one_line(g.revoked_by)}" if g.revoked else ""
        click.echo(
            f"grant {g.id}  {g.specialist}: {g.tool}({', '.join(bounds)})\n"
            f"  by {one_line(g.by)}, until {until}, used {g.uses} of {g.times}{over}"
        )
