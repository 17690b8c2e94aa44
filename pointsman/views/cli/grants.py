"""Commands for grants: a person approves a bounded class of actions in advance."""

import math
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
        span = re.fullmatch(r"([0-9]{1,5})([mhd])", text)
        try:
            moment = (
                datetime.now(UTC) + int(span[1]) * _UNITS[span[2]]
                if span
                else datetime.fromisoformat(text).astimezone(UTC)
            )
        except (ValueError, OverflowError):
            self.fail(f"{text!r} is neither 30m, 12h, 2d nor an ISO date.", param, ctx)
        if moment <= datetime.now(UTC):
            self.fail(f"{text!r} is not in the future.", param, ctx)
        return moment


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
            bound = float(number)
        except ValueError:
            bound = math.nan
        if not name.strip() or not math.isfinite(bound):
            self.fail(f"{value!r} is not NAME=NUMBER.", param, ctx)
        return name.strip(), bound


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
    as_json: bool,
) -> int:
    """Approve in advance what TICKET asks for: this action with these arguments.

    Arguments that neither --at-most nor --free names must be equal. The grant covers what is asked
    from now on; TICKET itself waits as before: approve it too. Each use is in the audit log.

    \b
    Examples:
      pointsman grant 7d1f --by ana --until 2d
      pointsman grant 7d1f --by ana --until 2026-12-01 --times 5 --at-most usd=20 --free note
    """
    named = [name for name, _ in at_most] + list(free)
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise click.UsageError(f"Argument {twice[0]!r} is given twice.")
    from pointsman.views.cli.decisions import refusals
    from pointsman.views.cli.record import of_grant, put
    from pointsman.views.cli.session import opened, ticket_of
    from pointsman.views.cli.wording import short

    async def work() -> "tuple[Grant, bool]":
        async with opened(project) as session:
            found = await ticket_of(session.team, ticket)
            made = await session.team.grant(
                found, by=by, until=until, times=times, at_most=dict(at_most), free=free,
                reason=reason,
            )  # fmt: skip
            return made, found.open

    with refusals():
        made, waits = drive(work, kept=lambda: UNCHANGED)
    if as_json:
        put(of_grant(made))
        return DONE
    _show([made])
    if waits:
        click.echo(f"Ticket {made.ticket} is not decided by it. Approve it too:")
        click.echo(f"  {program()} approve {short(made.ticket)}")
    click.echo(f"End it:  {program()} revoke {short(made.id)}")
    return DONE


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@as_json
@click.pass_obj
def grants(project: Project, everything: bool, as_json: bool) -> int:
    """List the grants that can still be used: what they allow, by whom, until when, how often.

    \b
    Examples:
      pointsman grants
      pointsman grants --all --json
    """
    from pointsman.views.cli.record import of_grant, put
    from pointsman.views.cli.session import opened

    async def work() -> "tuple[Grant, ...]":
        async with opened(project) as session:
            return await session.team.grants()

    now = datetime.now(UTC)
    found = [g for g in drive(work, kept=lambda: UNCHANGED) if everything or g.live(now)]
    if as_json:
        put([of_grant(g) for g in found])
    elif found:
        _show(found)
    else:
        click.echo("No grant can be used.")
    return DONE


@click.command()
@click.argument("grant_id", metavar="GRANT")
@by_whom
@as_json
@click.pass_obj
def revoke(project: Project, grant_id: str, by: str, as_json: bool) -> int:
    """End GRANT now. What it approved stays approved. GRANT is an id or the beginning of one.

    \b
    Example:
      pointsman revoke g1a2b3c4 --by ana
    """
    from pointsman.errors import BadInput
    from pointsman.views.cli.record import of_grant, put
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
    if as_json:
        put(of_grant(ended))
        return DONE
    click.echo(f"Grant {ended.id} is over. It was used {ended.uses} of {ended.times} times.")
    return DONE


def _show(found: "Sequence[Grant]") -> None:
    from pointsman.views.cli.card import inline
    from pointsman.views.cli.wording import short
    from pointsman.views.visible import one_line

    for g in found:
        bounds = [f"{name}={inline(value)}" for name, value in g.args.items()]
        bounds += [f"{name}<={value:g}" for name, value in g.at_most.items()]
        bounds += [f"{name}=anything" for name in g.free]
        until = f"{g.until.astimezone():%Y-%m-%d %H:%M}"
        over = f", revoked by {one_line(g.revoked_by)}" if g.revoked else ""
        tenant = f", tenant {one_line(g.tenant)}" if g.tenant != "default" else ""
        why = f"\n  because: {one_line(g.reason)}" if g.reason else ""
        allows = one_line(f"{g.specialist}: {g.tool}({', '.join(bounds)})")
        click.echo(
            f"grant {g.id}  {allows}\n"
            f"  by {one_line(g.by)} from ticket {short(g.ticket)}, until {until},"
            f" used {g.uses} of {g.times}{tenant}{over}{why}"
        )
