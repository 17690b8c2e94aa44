"""`pointsman dead letters|take|discard`: envelopes that were refused when they came."""

from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import DONE, FAILED, drive
from pointsman.views.cli.options import as_json, by_whom, program
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.nodes.digest import JsonObject
    from pointsman.teams.mailroom import Accepted
    from pointsman.teams.store.crossings import LetterRow

UNCHANGED = "Stopped. Nothing was changed."


@click.command("letters")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most.")
@click.option("--all", "every", is_flag=True, help="Also those that were taken or discarded.")
@as_json
@click.pass_obj
def letters(project: Project, limit: int, every: bool, as_json: bool) -> int:
    """List the envelopes that were refused, oldest first: forged, unknown, or broken.

    \b
    Example:
      pointsman dead letters --limit 10
    """
    from pointsman.views.cli.session import opened

    async def work() -> "tuple[LetterRow, ...]":
        async with opened(project) as session:
            state = None if every else "open"
            return await session.team.letters(state=state, limit=limit)

    found = drive(work, kept=lambda: UNCHANGED)
    if as_json:
        from pointsman.views.cli.record import put

        put([_record(row) for row in found])
        return DONE
    if not found:
        click.echo("No letters: nothing that came was refused.")
        return DONE
    for row in found:
        _show(row)
    click.echo(f"Again:  {program()} dead take {found[0].id}")
    click.echo(f"Over:   {program()} dead discard {found[0].id} --reason TEXT")
    return DONE


@click.command("take")
@click.argument("letter")
@by_whom
@click.option("--reason", default="", help="Why; it is kept with the letter.")
@click.pass_obj
def take(project: Project, letter: str, by: str, reason: str) -> int:
    """Take LETTER in again, as it came: once its sender is listed, or its version is read.

    \b
    Example:
      pointsman dead take l3fa2c1d0 --by ana
    """
    from pointsman.views.cli.session import opened

    async def work() -> "Accepted":
        async with opened(project) as session:
            return await session.team.redrive_letter(letter, by=by, reason=reason)

    accepted = drive(work, kept=lambda: UNCHANGED)
    if not accepted.run:
        click.echo(f"Refused again: {accepted.why}")
        return FAILED
    click.echo(f"Run {accepted.run} is stored. Work on it:  {program()} resume {accepted.run}")
    return DONE


@click.command("discard")
@click.argument("letter")
@by_whom
@click.option("--reason", required=True, help="Why; it is kept with the letter.")
@click.pass_obj
def discard(project: Project, letter: str, by: str, reason: str) -> int:
    """Give LETTER up. It stays on record.

    \b
    Example:
      pointsman dead discard l3fa2c1d0 --by ana --reason "spam"
    """
    from pointsman.views.cli.session import opened

    async def work() -> "LetterRow":
        async with opened(project) as session:
            return await session.team.drop_letter(letter, by=by, reason=reason)

    row = drive(work, kept=lambda: UNCHANGED)
    click.echo(f"Letter {row.id} is discarded.")
    return DONE


def _record(row: "LetterRow") -> "JsonObject":
    return {
        "letter": row.id, "came": row.came, "why": row.why, "text": row.text, "body": row.body,
        "at": row.at, "state": row.state, "by": row.by, "reason": row.reason, "ended": row.ended,
    }  # fmt: skip


def _show(row: "LetterRow") -> None:
    from datetime import datetime

    from pointsman.views.visible import one_line

    at = datetime.fromtimestamp(row.at).astimezone()
    ended = f", {row.state} by {one_line(row.by)}" if row.state != "open" else ""
    click.echo(f"letter {row.id}  {at:%Y-%m-%d %H:%M}  from {one_line(row.came)}{ended}")
    click.echo(f"  {row.why}: {one_line(row.text)}"[:240])
    click.echo(f"  came    {one_line(row.body)[:160]}")
