"""A run as it happens: each event while the engine works on it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import TYPE_CHECKING

from pointsman.errors import NotFound
from pointsman.nodes.event import Recorded, RunEnded
from pointsman.teams.store.rows import RunRow
from pointsman.teams.summary import result_of

if TYPE_CHECKING:
    from pointsman.teams.local import LocalEngine


async def streamed(engine: "LocalEngine", row: RunRow, *, pieces: bool) -> AsyncGenerator[Recorded]:
    """Submit the run and give its events; the last one is RunEnded. See `Team.stream`."""
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
