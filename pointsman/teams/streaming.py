"""A run as it happens: each event while the engine works on it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from pointsman.errors import NotFound
from pointsman.nodes.event import Recorded, RunEnded
from pointsman.teams.store.rows import RunRow
from pointsman.teams.summary import result_of

if TYPE_CHECKING:
    from pointsman.teams.engine import Engine

LOOK_SECONDS = 0.2
"""How often one that streams a run of other processes looks for its events."""


async def streamed(engine: "Engine", row: RunRow, *, pieces: bool) -> AsyncGenerator[Recorded]:
    """Submit the run and give its events; the last one is RunEnded. See `Team.stream`."""
    if engine.elsewhere:
        async with aclosing(_followed(engine, row)) as events:
            async for event in events:
                yield event
        return
    await engine.services.recorder.begin(row.run, row)
    queue = engine.services.recorder.listen(row.run, pieces=pieces)
    work = asyncio.create_task(engine.submit(row))
    repeated = True
    try:
        while not (work.done() and queue.empty()):
            getting = asyncio.create_task(queue.get())
            try:
                await asyncio.wait({getting, work}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not getting.done():
                    getting.cancel()
            if getting.done():
                repeated = False
                yield getting.result()
        await work
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        engine.services.recorder.unlisten(row.run, queue)
    ended = await result_of(engine.services, row.run)
    events = await engine.services.store.events(row.run)
    ends = [e for e in events if isinstance(e.event, RunEnded)]
    if not ends:
        raise NotFound(f"Run {ended.run} has no end on record; resume it.")
    if repeated:
        yield ends[-1]


async def _followed(engine: "Engine", row: RunRow) -> AsyncGenerator[Recorded]:
    """The same for a run that other processes move: its events come from the store, step by step,
    and never in pieces."""
    store = engine.services.store
    there = await store.find_run(row.run)
    ended = there is not None and there.state != "running"
    given = len(await store.events(row.run)) if there is not None else 0
    work = asyncio.create_task(engine.submit(row))
    last: Recorded | None = None
    try:
        while True:
            over = work.done()
            for last in (await store.events(row.run))[given:]:
                given += 1
                yield last
            if over:
                break
            await asyncio.wait({work}, timeout=LOOK_SECONDS)
        await work
    finally:
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
    if last is None or not isinstance(last.event, RunEnded):
        ends = [e for e in await store.events(row.run) if isinstance(e.event, RunEnded)]
        if not ends or not (ended or last is None):
            raise NotFound(f"Run {row.run} has no end on record; resume it.")
        yield ends[-1]
