"""`pointsman dead`: runs that failed for good, and envelopes that were refused."""

from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import DONE, code_of, drive
from pointsman.views.cli.letters import discard, letters, take
from pointsman.views.cli.options import as_json, by_whom, program
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from pointsman.nodes.digest import JsonObject
    from pointsman.teams.result import Result
    from pointsman.teams.store.rows import RunRow

UNCHANGED = "Stopped. Nothing was changed."


@click.group()
def dead() -> None:
    """Work that failed for good: it is kept whole until a person drives it again or drops it.

    \b
    Examples:
      pointsman dead list
      pointsman dead redrive r3fa2c1d0 --by ana --reason "the shop is back"
      pointsman dead letters
    """


for _letters in (letters, take, discard):
    dead.add_command(_letters)


@dead.command("list")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most.")
@as_json
@click.pass_obj
def dead_list(project: Project, limit: int, as_json: bool) -> int:
    """List the dead letters, oldest first: what was asked, and why it failed.

    \b
    Example:
      pointsman dead list --limit 10
    """
    from pointsman.views.cli.session import opened

    async def work() -> "tuple[RunRow, ...]":
        async with opened(project) as session:
            return await session.team.dead(limit=limit + 1)

    found = drive(work, kept=lambda: UNCHANGED)
    shown, more = found[:limit], len(found) > limit
    if as_json:
        from pointsman.views.cli.record import put

        put([_record(row) for row in shown])
        return DONE
    if not shown:
        click.echo("No dead letters: nothing failed for good that nobody has looked after.")
        return DONE
    _show(shown)
    if more:
        click.echo(f"There are more. See them:  {program()} dead list --limit {limit * 10}")
    click.echo(f"Look:   {program()} dead show {shown[0].run}")
    click.echo(f"Again:  {program()} dead redrive {shown[0].run}")
    click.echo(f"Over:   {program()} dead drop {shown[0].run} --reason TEXT")
    return DONE


@dead.command("show")
@click.argument("run")
@as_json
@click.pass_obj
def dead_show(project: Project, run: str, as_json: bool) -> int:
    """Show RUN whole: the request, every step of every attempt, its effects and its tickets.

    \b
    Example:
      pointsman dead show r3fa2c1d0
    """
    from pointsman.nodes.message import request_of
    from pointsman.views.cli.listing import show_record
    from pointsman.views.cli.record import of_event, of_result, put
    from pointsman.views.cli.session import opened, run_of
    from pointsman.views.visible import one_line

    async def work() -> int:
        async with opened(project) as session:
            name = await run_of(session.team, run)
            row = await session.team.run_row(name)
            result, events = await session.team.result(name), await session.team.events(name)
            effects = await session.team.effects(name)
            record = await session.team.record(name)
        if as_json:
            wrote: list[JsonValue] = [
                {"tool": e.tool, "state": e.state, "result": e.result} for e in effects
            ]
            events_json: list[JsonValue] = [of_event(recorded) for recorded in events]
            put({**_record(row), **of_result(result), "events": events_json, "effects": wrote})
            return DONE
        click.echo(f"asked: {one_line(request_of(row.request).text)}")
        show_record(record, result)
        return DONE

    return drive(work, kept=lambda: UNCHANGED)


@dead.command("redrive")
@click.argument("run")
@by_whom
@click.option("--reason", default="", help="Why; its digest is kept in the audit log.")
@click.option("--deadline", type=click.FloatRange(0, min_open=True), help="Seconds it may take.")
@click.option(
    "--budget", type=click.FloatRange(0), metavar="USD", help="Dollars it may cost in all."
)
@as_json
@click.pass_obj
def dead_redrive(
    project: Project, run: str, by: str, reason: str, deadline: float | None,
    budget: float | None, as_json: bool,
) -> int:  # fmt: skip
    """Begin RUN anew. What it is known to have written is not written twice; models are asked anew.

    What it had cost counts on: a run that failed for want of money needs a greater --budget. Exits
    as `pointsman run` does.

    \b
    Example:
      pointsman dead redrive r3fa2c1d0 --by ana --budget 0.50
    """
    from pointsman.nodes.run import Budget
    from pointsman.views.cli.record import of_result, put
    from pointsman.views.cli.session import opened, run_of

    money = None if budget is None else Budget(usd=budget)

    async def work() -> "Result":
        async with opened(project) as session:
            name = await run_of(session.team, run)
            return await session.team.redrive(
                name, by=by, reason=reason, deadline=deadline, budget=money
            )

    result = drive(work, kept=lambda: f"Stopped. Go on with it:  {program()} resume {run}")
    if as_json:
        put(of_result(result))
    else:
        click.echo(result.answer or f"Run {result.run} is {result.status}.")
    return code_of(result.status)


@dead.command("drop")
@click.argument("run")
@by_whom
@click.option("--reason", required=True, help="Why; its digest is kept in the audit log.")
@click.pass_obj
def dead_drop(project: Project, run: str, by: str, reason: str) -> int:
    """Give RUN up. It stays on record, and is no dead letter any more.

    \b
    Example:
      pointsman dead drop r3fa2c1d0 --by ana --reason "the customer called"
    """
    from pointsman.views.cli.session import opened, run_of

    async def work() -> str:
        async with opened(project) as session:
            name = await run_of(session.team, run)
            await session.team.drop(name, by=by, reason=reason)
            return name

    click.echo(f"Run {drive(work, kept=lambda: UNCHANGED)} is dropped.")
    return DONE


def _record(row: "RunRow") -> "JsonObject":
    from pointsman.nodes.message import request_of

    return {
        "run": row.run, "thread": row.thread, "tenant": row.tenant, "attempt": row.attempt,
        "request": request_of(row.request).text,
        "error": row.result.error if row.result else "",
        "text": row.result.answer if row.result else "",
    }  # fmt: skip


def _show(rows: "Sequence[RunRow]") -> None:
    from pointsman.nodes.message import request_of
    from pointsman.views.visible import one_line

    for row in rows:
        times = f", attempt {row.attempt}" if row.attempt > 1 else ""
        tenant = f", tenant {one_line(row.tenant)}" if row.tenant != "default" else ""
        why = row.result.error or "failed" if row.result else "failed"
        said = f": {one_line(row.result.answer)}" if row.result and row.result.answer else ""
        click.echo(f"run {row.run}  {row.request.time.astimezone():%Y-%m-%d %H:%M}{times}{tenant}")
        click.echo(f"  asked   {one_line(request_of(row.request).text)[:160]}")
        click.echo(f"  {why}{said}"[:240])
