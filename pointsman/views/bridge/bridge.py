"""The bridge: requests from a broker become runs, and what comes of them goes back to it."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field

from pointsman.errors import PointsmanError, RunBusy, StoreError
from pointsman.nodes.digest import JsonObject, canonical
from pointsman.teams.store.crossings import Outgoing
from pointsman.teams.team import Team
from pointsman.views.bridge.broker import Broker, Subjects

log = logging.getLogger("pointsman.bridge")

LOOK_SECONDS = 0.5
"""How often it looks for what has ended: also what was decided or worked on elsewhere."""
LONGEST_PAUSE = 30.0
BUSY_SECONDS = 2.0
"""How long it leaves a run alone whose thread somebody else works on."""


@dataclass
class Bridge:
    """Between a broker and an open team. What it has to do is in the team's store: it may die at
    any point, and goes on where it was."""

    team: Team
    broker: Broker
    subjects: Subjects
    at_once: int = 16
    """Requests that are taken in, and runs that are worked on here, at the same time."""
    drives: bool = True
    """Whether runs are worked on here; else on workers."""
    look_seconds: float = LOOK_SECONDS
    _under_way: dict[str, "asyncio.Task[None]"] = field(
        default_factory=dict[str, "asyncio.Task[None]"], init=False
    )
    _news: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; then runs that are under way are left for the next start."""
        pumping = asyncio.create_task(self._pump())
        starting = asyncio.create_task(self.broker.start(self._take, at_once=self.at_once))
        stopping = asyncio.create_task(stop.wait())
        try:
            waiting = {starting, stopping, pumping}
            while not stopping.done():
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for one in done - {stopping}:
                    one.result()
        finally:
            await self.broker.stop()
            for task in (pumping, starting, stopping, *self._under_way.values()):
                task.cancel()
                with suppress(asyncio.CancelledError, PointsmanError):
                    await task

    async def _take(self, body: bytes) -> str:
        try:
            accepted = await self.team.accept(body, came=self.subjects.requests)
        except StoreError as error:
            raise ConnectionError(f"the store: {error}") from error
        self._news.set()
        return accepted.why

    async def _pump(self) -> None:
        """Work on what came in, and publish what came of it, as long as it takes."""
        pause = self.look_seconds
        while True:
            self._news.clear()
            try:
                await self._look()
            except (OSError, TimeoutError, PointsmanError) as error:
                pause = min(pause * 2, LONGEST_PAUSE)
                log.warning("publishing waits %.1f s: %s", pause, error)
            else:
                pause = self.look_seconds
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), pause)

    async def _look(self) -> None:
        running = await self.team.awaited("running")
        for row in running if self.drives else ():
            if row.run not in self._under_way and len(self._under_way) < self.at_once:
                self._under_way[row.run] = asyncio.create_task(self._drive(row.run))
        if self.subjects.events:
            for row in (*running, *await self.team.awaited("waiting")):
                await self._tell(row)
        for row in await self.team.awaited("ended"):
            try:
                await self._ended(row)
            except PointsmanError as error:  # one that cannot be worded keeps nobody waiting
                log.error("the result of run %s is not published: %s", row.run, error)

    async def _ended(self, row: Outgoing) -> None:
        await self._tell(row)
        event, attempt = await self.team.result_event(row)
        await self._publish(self.subjects.results, event)
        await self.team.published(row.run, sent=attempt)

    async def _tell(self, row: Outgoing) -> None:
        if not self.subjects.events:
            return
        async for seq, event in self.team.run_events(row):
            await self._publish(self.subjects.events, event)
            await self.team.published(row.run, told=seq)

    async def _publish(self, subject: str, event: JsonObject) -> None:
        await self.broker.publish(
            subject, canonical(event), name=str(event["id"]), key=str(event.get("thread", ""))
        )

    async def _drive(self, run: str) -> None:
        """Take a run on. One that waits for people gets its place back at once."""
        try:
            await self.team.resume(run)
        except RunBusy:
            await asyncio.sleep(BUSY_SECONDS)
        except PointsmanError as error:
            log.warning("run %s is tried again: %s", run, error)
            await asyncio.sleep(BUSY_SECONDS)
        finally:
            self._under_way.pop(run, None)
            self._news.set()
