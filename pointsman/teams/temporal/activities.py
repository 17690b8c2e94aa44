"""What workers do: segments of a run on the router's queue, single steps on a specialist's."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

from temporalio import activity
from temporalio.exceptions import ApplicationError

from pointsman.errors import Forged, NotFound
from pointsman.nodes.message import Failure
from pointsman.teams.store.rows import RunRow
from pointsman.teams.sweep import sweep
from pointsman.teams.temporal.crossing import checked
from pointsman.teams.temporal.names import (
    BURY,
    HANDED_BACK,
    REFUSED,
    SEGMENT,
    STEP,
    Bury,
    Dispatch,
    Moved,
    Work,
    plain,
)
from pointsman.teams.temporal.segments import SegmentEngine


@dataclass(frozen=True)
class Activities:
    """The activities of one worker process, over an engine whose graph hands its steps out."""

    engine: SegmentEngine

    @activity.defn(name=SEGMENT)
    async def segment(self, work: Work) -> Moved:
        """Take a run as far as it goes without a specialist: until it ends, waits for people, or
        wants steps taken elsewhere."""
        row = await self._row(work.run)
        if await checked(self.engine.services, row, work.event, self.engine.keys):
            return Moved(REFUSED)
        clock = self.engine.services.clock
        late = replace(self.engine.services, clock=lambda: max(clock(), work.now))
        await sweep(late)
        async with _alive(), self.engine.holding(row):
            await self.engine.advance(row)
            return await self._moved(row)

    @activity.defn(name=STEP)
    async def step(self, work: Work) -> None:
        """Take one step of a run, and checkpoint what it gave. A step that was taken meanwhile is
        left as it is: the run has another checkpoint then."""
        row = await self._row(work.run)
        if refused := await checked(self.engine.services, row, work.event, self.engine.keys):
            raise ApplicationError(
                f"The envelope of run {row.run} is not believed here: letter {refused.letter}.",
                type=Forged.__name__, non_retryable=True,
            )  # fmt: skip
        async with _alive(), self.engine.holding(row):
            await self.engine.take_step(row, work.step, at=work.at)

    @activity.defn(name=BURY)
    async def bury(self, work: Bury) -> None:
        """End a run that every attempt failed on. It is a dead letter then."""
        row = await self._row(work.run)
        async with _alive(), self.engine.holding(row):
            await self.engine.fail(row, Failure(error="WorkerLost", text=plain(work.why)))

    async def _row(self, run: str) -> RunRow:
        row = await self.engine.services.store.find_run(run)
        if row is None:
            raise ApplicationError(
                f"Run {run} is not in the store.", type=NotFound.__name__, non_retryable=True
            )
        return row

    async def _moved(self, row: RunRow) -> Moved:
        now = await self._row(row.run)
        wanted = await self.engine.wanted(row)
        dispatches = [Dispatch(one.step, one.pool, one.at, one.shard) for one in wanted]
        due = await self.engine.next_due(row) if now.state == "waiting" else None
        return Moved(now.state, dispatches, due)


@asynccontextmanager
async def _alive() -> AsyncGenerator[None]:
    """Tell the engine that this attempt lives, three times in each time-out, while the block runs.
    The time-out counts from the attempt's start, so that a short one says nothing: it would be one
    more call to the engine. One that is cut off since its worker stops is handed back: it counts
    as no failure."""
    timeout = activity.info().heartbeat_timeout

    async def beat() -> None:
        while timeout is not None:
            await asyncio.sleep(timeout.total_seconds() / 3)
            activity.heartbeat()

    beating = asyncio.create_task(beat())
    try:
        yield
    except asyncio.CancelledError:
        why = activity.cancellation_details()
        if why is None or not why.worker_shutdown:
            raise
        raise ApplicationError(
            "The worker that had it was told to stop.", type=HANDED_BACK, non_retryable=True
        ) from None
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
