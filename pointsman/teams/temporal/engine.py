"""The engine of many machines, as its callers see it: messages and decisions go to the workflow of
their thread, and workers do the rest."""

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field

from temporalio.client import Client

from pointsman.errors import Forged, PointsmanError, RunBusy, StoreUnreachable
from pointsman.teams import closing
from pointsman.teams.keyfiles import Keys
from pointsman.teams.local import LocalEngine
from pointsman.teams.releases.rollout import assigned
from pointsman.teams.store.rows import RunRow
from pointsman.teams.sweep import sweep
from pointsman.teams.temporal.crossing import sealed
from pointsman.teams.temporal.names import AGAIN, FIRST, PARKED, REFUSED, Item, Limits, workflow_id
from pointsman.teams.temporal.queues import queues_of, starts, unattended
from pointsman.teams.temporal.threads import CROWDED, Threads
from pointsman.teams.tickets import Ticket

log = logging.getLogger("pointsman.teams")

PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 2.0, 2.0)
"""Seconds between tries with a workflow that is just ending."""
SHORT = 1.0
"""Seconds. A try that took longer was no failed one: others of the thread were served meanwhile."""
LOOK_SECONDS = 5.0
"""How often one that waits looks whether somebody works."""
PATIENCE = 30.0
"""Seconds for which nobody may take work from a queue that a run waits in."""
AT_ONCE = 4
"""Callers of one process that wait at one workflow at a time. Temporal allows ten in all, unless
its operator says otherwise (`history.maxInFlightUpdates`)."""
CROWD_SECONDS = 0.3
"""How often a caller that found no place there looks in the store."""
OPENING_SECONDS = 5.0
"""How long opening a team may wait for Temporal."""


@dataclass(frozen=True)
class TemporalEngine(LocalEngine):
    """Gives runs to Temporal. Reads the store and the checkpoints; moves no run itself, but for
    runs in somebody else's graph, which that graph moves."""

    client: Client | None = None
    limits: Limits = field(default_factory=Limits)
    keys: Keys = field(default_factory=Keys)
    """What it signs with."""
    woken: set[str] = field(default_factory=set[str])
    """Runs that this has woken: workers look after them every minute."""
    moving: Counter[str] = field(default_factory=Counter[str])
    """How many callers wait at which workflow."""

    @property
    def elsewhere(self) -> bool:
        """See `Engine`."""
        return True

    @property
    def threads(self) -> Threads:
        """The workflows of the team's threads."""
        assert self.client is not None  # noqa: S101 (made with one)
        return Threads(self.client, self.limits)

    def _item(self, row: RunRow, priority: int) -> Item:
        return Item(row.run, priority, sealed(row, self.keys))

    async def submit(self, row: RunRow) -> None:
        """See `Engine`. The update's id is the run's, which the message gives: however often it is
        sent, it is one."""
        if await self._new(row):
            await self._driven(row.run, row.run)

    async def post(self, row: RunRow) -> None:
        """See `Engine`."""
        if await self._new(row):
            await self.threads.wake(row, self._item(row, row.request.priority))

    async def _new(self, row: RunRow) -> bool:
        """Store the run. False for one that has ended: its message was sent again, and there is
        nothing to do, whatever workflow its thread has now."""
        store = self.services.store
        if await store.add_run(await assigned(self.services, row)):
            return True
        over = await self._state(row.run) not in ("running", "waiting")
        return not over or await closing.has_offers(self.services, row.run)

    async def drive(self, run: str) -> None:
        """Have the run's thread take it on, and wait until it has ended or waits for a person."""
        await self._driven(run, None)

    async def _driven(self, run: str, update: str | None) -> None:
        row = await self.services.store.find_run(run)
        top = await self._top(row) if row is not None else None
        if row is None or top is None or top.team != self.services.spec.name:
            return
        if top.nested:
            await super().drive(run)
            return
        # One that is no new message goes first: people waited long enough.
        item = self._item(top, top.request.priority if top.state == "running" else FIRST)
        pauses, lost = iter(PAUSES), 0.0
        while True:
            began = asyncio.get_running_loop().time()
            try:
                state = await self._watched(top, self._moved(top, item, update))
            except StoreUnreachable as error:
                if not lost:
                    log.warning("run %s waits: %s", top.run, error)
                lost = lost or began
                if began - lost >= PATIENCE:
                    raise
                await asyncio.sleep(SHORT)
                continue
            lost = 0.0
            if state == PARKED and update is None:
                raise RunBusy(
                    f"Thread {top.thread!r} of team {top.team!r} is parked: every attempt at one of"
                    " its runs failed. The message is stored.",
                    hint="`pointsman engine status` says why; go on with `pointsman engine unpark`"
                    " and --retry, --skip or --give-up.",
                )
            # An update of that id may have been answered long ago.
            stale = update is not None and await self._state(top.run) == "running"
            if state == REFUSED:
                raise Forged(
                    f"The workers of team {top.team!r} do not believe who sent run {top.run}.",
                    hint="`pointsman dead letters` says why. This process needs a key that they"
                    " list: POINTSMAN_SIGNING_KEY.",
                )
            if state not in (AGAIN, PARKED) and not stale:
                return
            update = None
            if asyncio.get_running_loop().time() - began > SHORT:
                pauses = iter(PAUSES)
            pause = next(pauses, None)
            if pause is None:
                break
            await asyncio.sleep(pause)
        raise RunBusy(
            f"Thread {top.thread!r} of team {top.team!r} does not take run {top.run} on.",
            hint="Its message is stored; workers go on with it. Look at `pointsman engine status`.",
        )

    async def _moved(self, top: RunRow, item: Item, update: str | None) -> str:
        """`Threads.move` for many callers at once. One that finds no place leaves its run in the
        mailbox, so that it keeps its turn, and looks in the store until there is one."""
        workflow, left = workflow_id(top.team, top.tenant, top.thread), False
        while True:
            if self.moving[workflow] < AT_ONCE:
                self.moving[workflow] += 1
                try:
                    state = await self.threads.move(top, item, update=update)
                finally:
                    self.moving[workflow] -= 1
                    if not self.moving[workflow]:
                        del self.moving[workflow]
                if state != CROWDED:
                    return state
            if not left:
                await self.threads.wake(top, item)
                left = True
            await asyncio.sleep(CROWD_SECONDS)
            state = await self._state(top.run)
            if top.state == "running" != state:
                return state

    async def _state(self, run: str) -> str:
        row = await self.services.store.find_run(run)
        return "" if row is None else row.state

    async def cancel(self, row: RunRow, who: str) -> None:
        """See `Engine`. Its thread is told, so that nothing waits for the run any more."""
        await super().cancel(row, who)
        top = await self._top(row)
        if not top.nested:
            await self.threads.wake(top, self._item(top, FIRST))

    async def recover(self) -> tuple[Ticket, ...]:
        """See `Engine`. Waits for no worker, and for Temporal a few seconds at most: workers look
        after what was left every minute."""
        swept: list[Ticket] = []
        try:
            async with asyncio.timeout(OPENING_SECONDS):
                for team in (self.services, *self.services.kin.values()):
                    swept += await sweep(team)
                    for run in await self.services.store.decided_runs(team.spec.name):
                        await self._wake_once(run)
        except (TimeoutError, StoreUnreachable) as error:
            log.warning("runs of team %s wait to be woken: %s", self.services.spec.name, error)
        return tuple(swept)

    async def _wake_once(self, run: str) -> None:
        row = await self.services.store.find_run(run)
        top = await self._top(row) if row is not None else None
        if top is None or top.team != self.services.spec.name or top.run in self.woken:
            return
        if top.nested:
            await super().drive(run)
            return
        await self.threads.wake(top, self._item(top, FIRST))
        self.woken.add(top.run)

    async def _watched(self, row: RunRow, work: Coroutine[None, None, str]) -> str:
        """Wait for it, for as long as somebody takes work from the queue that the run waits in.
        Raises RunBusy when nobody does."""
        assert self.client is not None  # noqa: S101 (made with one)
        waiting, alone = asyncio.create_task(work), 0.0
        try:
            while not (await asyncio.wait({waiting}, timeout=LOOK_SECONDS))[0]:
                try:
                    queue = await unattended(self.client, row)
                except PointsmanError as error:
                    log.warning("run %s waits: %s", row.run, error)
                    continue
                if not queue:
                    alone = 0.0
                    continue
                alone += LOOK_SECONDS
                spec = self.services.spec
                pool = next((p for p, q in queues_of(spec) if q == queue), queue)
                start = f"pointsman {next(iter(starts(spec, (pool,))), 'worker')}"
                log.warning("nobody works on %s: run %s waits. Start: %s", queue, row.run, start)
                if alone >= PATIENCE:
                    raise RunBusy(
                        f"Nobody takes work from queue {queue}, and run {row.run} of team"
                        f" {row.team!r} waits there. Its message is stored.",
                        hint=f"Start a worker, and it goes on: `{start}`.",
                    )
            return waiting.result()
        finally:
            waiting.cancel()
