"""`pointsman engine`: how the engine of many machines stands, and threads that stand still."""

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

import click

from pointsman.views.cli.exits import DONE, FAILED, drive
from pointsman.views.cli.extra import engine_extra
from pointsman.views.cli.options import as_json, program
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pointsman.teams.temporal.status import EngineState, Parked, Retrying

Way = Literal["retry", "skip", "give_up"]


@click.group()
def engine() -> None:
    """The engine of many machines: queues, workers, and threads that stand still.

    \b
    Examples:
      pointsman engine status
      pointsman engine unpark customer-17 --skip
    """


@engine.command("status")
@as_json
@click.pass_obj
def engine_status(project: Project, as_json: bool) -> int:
    """Show every queue with what waits in it and who works for it, and threads that stand still.

    `tried again` is a thread whose last attempt failed: another one is made after a pause. After
    the last attempt it is `parked` until `engine unpark` says how to go on.

    Exits 1 when work waits that nobody takes, or a thread is parked. The server counts what waits
    every few seconds, and lists a worker that was killed for a little more than a minute.

    \b
    Example:
      pointsman engine status --json
    """
    engine_extra()
    from pointsman.teams.settings import Settings
    from pointsman.teams.temporal.queues import starts
    from pointsman.teams.temporal.server import named
    from pointsman.teams.temporal.status import engine_state
    from pointsman.views.cli.record import put

    team = project.load()

    async def work() -> "EngineState":
        client = await named(Settings.read(), team.name)
        async with team.sessions.services() as services:
            return await engine_state(client, team.spec, services.store)

    state = drive(work, kept=lambda: "Stopped.")
    start = starts(team.spec, state.unattended)
    if as_json:
        put({
            "queues": [{**asdict(q), "workers": [*q.workers]} for q in state.queues],
            "threads": state.threads, "looked": state.looked,
            "parked": [asdict(one) for one in state.parked],
            "retrying": [asdict(one) for one in state.retrying], "start": [*start],
        })  # fmt: skip
    else:
        _show(state, start)
    return FAILED if state.stands else DONE


def _show(state: "EngineState", start: "Sequence[str]") -> None:
    from pointsman.views.visible import one_line

    click.echo(f"{'pool':<20} {'waits for':<9} {'backlog':>7} {'oldest':>8}  workers")
    for q in state.queues:
        workers = ", ".join(q.workers) or "nobody"
        click.echo(f"{q.pool:<20} {q.kind:<9} {q.backlog:>7} {q.age:>6.0f} s  {workers}")
    click.echo(f"threads at work or waiting for people: {state.threads}")
    for one in state.retrying:
        click.echo(
            f"tried again: {_thread(one)}, attempt {one.attempt} of {one.attempts} at {one.pool}:"
            f" {one_line(one.why)}"
        )
    for one in state.parked:
        behind = f", {one.line} in line behind it" if one.line else ""
        click.echo(f"parked: {_thread(one)}, run {one.run}{behind}: {one_line(one.why)}")
    if state.looked < state.threads:
        click.echo(f"Of the threads, {state.looked} were looked at.")
    for command in start:
        click.echo(f"Start:  {program()} {command}")
    if state.parked:
        alone = state.parked[0] if len(state.parked) == 1 else None
        which = "THREAD" if alone is None else shlex.quote(one_line(alone.thread))
        if alone is not None and alone.tenant != "default":
            which += f" --tenant {shlex.quote(one_line(alone.tenant))}"
        click.echo(f"Go on:  {program()} engine unpark {which} --retry|--skip|--give-up")


def _thread(one: "Parked | Retrying") -> str:
    from pointsman.views.visible import one_line

    tenant = f" of tenant {one_line(one.tenant)}" if one.tenant != "default" else ""
    return f"thread {one_line(one.thread)}{tenant}"


@engine.command("unpark")
@click.argument("thread")
@click.option("--tenant", default="default", help="Whose thread it is.")
@click.option("--retry", "way", flag_value="retry", help="Try the run again.")
@click.option("--skip", "way", flag_value="skip", help="Fail this run; go on with the next one.")
@click.option("--give-up", "way", flag_value="give_up", help="Fail it and all that are in line.")
@click.pass_obj
def engine_unpark(project: Project, thread: str, tenant: str, way: Way | None) -> int:
    """Let a parked THREAD go on. Runs that this fails are dead letters: `pointsman dead list`.

    \b
    Example:
      pointsman engine unpark customer-17 --retry
    """
    if way is None:
        raise click.UsageError("Say how to go on: --retry, --skip or --give-up.")
    engine_extra()
    from pointsman.teams.settings import Settings
    from pointsman.teams.temporal.names import Limits
    from pointsman.teams.temporal.server import named
    from pointsman.teams.temporal.threads import Threads

    async def work() -> str:
        team = project.load()
        threads = Threads(await named(Settings.read(), team.name), Limits())
        return await threads.unpark(team.name, tenant, thread, way)

    run = drive(work, kept=lambda: "Stopped. Look at `pointsman engine status`.")
    done = {
        "retry": "is tried again",
        "skip": "has failed",
        "give_up": "has failed, and so have those that were in line behind it",
    }
    click.echo(f"Run {run} {done[way]}. Thread {thread!r} goes on.")
    if way != "retry":
        click.echo(f"Look:  {program()} dead show {run}")
    return DONE
