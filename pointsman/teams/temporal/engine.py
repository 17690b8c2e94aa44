"""The engine of many machines, as its callers see it: messages and decisions go to the workflow of
their thread, and workers do the rest."""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field

from temporalio.client import Client

from pointsman.errors import Forged, PointsmanError, RunBusy, StoreUnreachable
from pointsman.teams.keyfiles import Keys
from pointsman.teams.local import LocalEngine
from pointsman.teams.releases.rollout import assigned
from pointsman.teams.store.rows import RunRow
from pointsman.teams.sweep import sweep
from pointsman.teams.temporal.crossing import sealed
from pointsman.teams.temporal.names import AGAIN, FIRST, PARKED, REFUSED, Item, Limits
from pointsman.teams.temporal.queues import queues_of, unattended
from pointsman.teams.temporal.threads import Threads
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
        await self.services.store.add_run(await assigned(self.services, row))
        await self._driven(row.run, row.run)

    async def post(self, row: RunRow) -> None:
        """See `Engine`."""
        await self.services.store.add_run(await assigned(self.services, row))
        await self.threads.wake(row, self._item(row, row.request.priority))

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
                state = await self._watched(top, self.threads.move(top, item, update=update))
            except StoreUnreachable as error:
                lost = lost or began
                if began - lost >= PATIENCE:
                    raise
                log.warning("run %s waits: %s", top.run, error)
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
            stale = update is not None and await self._runs(top.run)
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

    async def _runs(self, run: str) -> bool:
        row = await self.services.store.find_run(run)
        return row is not None and row.state == "running"

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
                pool = next((p for p, q in queues_of(self.services.spec) if q == queue), queue)
                start = f"pointsman worker --pool {pool}"
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
