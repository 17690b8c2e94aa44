"""`pointsman worker`: takes work of a team from the engine of many machines."""

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from pointsman.views.cli.exits import DONE, drive
from pointsman.views.cli.project import Project

if TYPE_CHECKING:
    from pointsman.teams.temporal.duty import Duty


@click.command()
@click.option("--team", metavar="MODULE:ATTR", help="The team, as before the command.")
@click.option(
    "--pool", "pools", metavar="NAME", multiple=True,
    help="Work for `router` or for this specialist; give it again for more. Default: for all.",
)  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="Work for every pool: the default.")
@click.option("--shard", metavar="K/N", help="Of pools with N shards, shard K only, from 0 on.")
@click.option(
    "--at-once", type=click.IntRange(1), default=100, show_default=True,
    help="Steps of each pool that run here at once.",
)  # fmt: skip
@click.option(
    "--per-second", type=click.FloatRange(0, min_open=True), metavar="R",
    help="Steps of each specialist that begin in a second, over all its workers everywhere.",
)  # fmt: skip
@click.option("--health", metavar="HOST:PORT", help="Answer /healthz and /readyz there.")
@click.option(
    "--drain", type=click.FloatRange(0), default=30.0, show_default=True, metavar="SECONDS",
    help="At SIGTERM: how long steps may take to end. Others are handed back.",
)  # fmt: skip
@click.pass_obj
def worker(
    project: Project, team: str | None, pools: tuple[str, ...], everything: bool,
    shard: str | None, at_once: int, per_second: float | None, health: str | None, drain: float,
) -> int:  # fmt: skip
    """Take work of the team from the Temporal server that POINTSMAN_TEMPORAL names, until SIGTERM.

    The pool `router` moves runs on between steps; each specialist is a pool of its own, which can
    have its own machines, its own number of steps at once and its own rate. Every worker needs the
    team's code and its store; only those of a specialist need its keys, and routers those of a
    router that asks a model.

    \b
    Examples:
      pointsman worker
      pointsman worker --pool router --at-once 200
      pointsman worker --pool billing --per-second 5 --health 127.0.0.1:8080
    """
    if everything and pools:
        raise click.UsageError("Give either --pool or --all.")
    from dataclasses import replace

    from pointsman.views.cli.extra import engine_extra

    engine_extra()
    from pointsman.teams.temporal.duty import Duty
    from pointsman.views.logs import log_lines

    duty = Duty(pools, _shard(shard), at_once, per_second, drain)
    project = replace(project, team=team or project.team)
    with log_lines(as_json=project.log_json) as say:
        return drive(lambda: _work(project, duty, health, say), kept=lambda: "Stopped.")


async def _work(
    project: Project, duty: "Duty", health: str | None, say: Callable[[str], None]
) -> int:
    import asyncio
    from contextlib import AsyncExitStack

    from pointsman.teams.temporal.duty import on_duty
    from pointsman.views.health import Standing, address_of
    from pointsman.views.health import health as answering
    from pointsman.views.telemetry import exporting

    team = project.load()
    where = None if health is None else address_of(health)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with exporting():
        async with AsyncExitStack() as stack:
            # Opened first and closed last: it answers that the worker drains.
            duties = AsyncExitStack()
            working = await duties.enter_async_context(on_duty(team.sessions, duty))
            stack.push_async_exit(duties)
            if where is not None:

                async def stands() -> Standing:
                    why = await working.fault()
                    broken = "stopping" if working.draining else "broken"
                    return Standing(broken if why else "ok", why)

                port = await stack.enter_async_context(answering(*where, stands))
                say(f"Health: http://{where[0]}:{port}/readyz")
            say(f"Working for {team.name}: {', '.join(working.pools)}. Ctrl-C drains.")
            await stop.wait()
            working.draining = True
            say(f"Draining: up to {duty.drain:g} s.")
            await duties.aclose()
    say("Stopped.")
    return DONE


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    shard, _, shards = text.partition("/")
    if not (shard.isascii() and shard.isdigit() and shards.isascii() and shards.isdigit()):
        raise click.UsageError(f"--shard {text!r} is no K/N, such as 0/4.")
    return int(shard), int(shards)
