"""A server's queue of messages: each is stored before it is taken, and driven in the background.

The store is the queue: what is kept here says only in what order this process works on it. A run
that stands at `running` and that nobody holds, because its process died, is found again and driven.
"""

import asyncio
import logging
from collections import deque
from contextlib import AsyncExitStack, suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pointsman.errors import Busy, PointsmanError, RunBusy, is_control_flow
from pointsman.teams.claim import claim, refresh
from pointsman.teams.releases.rollout import assigned
from pointsman.teams.store.rows import RunRow
from pointsman.teams.summary import known_run
from pointsman.teams.team import Team
from pointsman.teams.tickets import Decision, Ticket

if TYPE_CHECKING:
    from pointsman.teams.engine import Engine

log = logging.getLogger("pointsman.teams")

WORKERS = 4
WAITING = 200
LOOK_SECONDS = 5.0
"""How often the store is looked through for runs that a dead process left."""
TRIES = 5
"""How often a run is driven anew after its driving raised; then the next start has another go."""
AGAIN_SECONDS = 1.0
"""Pause after a drive that raised; doubled each time."""
_BUSY_SECONDS = 0.5
"""Pause after somebody else was found to work on a thread."""
_REMEMBERED = 50
"""Recent drives whose mean says how long a full queue takes."""
_FIRST_GUESS = 2.0
_LONGEST_RETRY = 300.0

Line = tuple[str, str]
"""Tenant and thread: whose runs are worked on one after another."""


@dataclass(order=True)
class _Waits:
    """A run that waits for a worker."""

    priority: int
    arrival: int
    run: str = field(compare=False)
    line: Line = field(compare=False)
    not_before: float = field(default=0.0, compare=False)
    tries: int = field(default=0, compare=False)


class Mailbox:
    """Takes messages for an open team and drives their runs, at most `workers` at once.

    One run of a thread at a time, so a long thread holds one worker only; among threads the most
    urgent run goes first, then the one that came first. At most `waiting` runs wait; then `submit`
    raises Busy. `async with` it inside of `async with team`.
    """

    def __init__(
        self, team: Team, *, workers: int = WORKERS, waiting: int = WAITING,
        grace: float = 20.0, look_seconds: float = LOOK_SECONDS,
    ) -> None:  # fmt: skip
        """`grace`: seconds that runs under way have when it is closed, before they are stopped
        where they stand; they go on at the next start."""
        self.team = team
        self.workers = max(1, workers)
        self.waiting = max(1, waiting)
        self._grace = grace
        self._look_seconds = look_seconds
        self._stack = AsyncExitStack()
        self._engine: Engine | None = None
        self._queue: dict[str, _Waits] = {}
        self._working: dict[str, asyncio.Task[None]] = {}
        self._lines: set[Line] = set()
        self._failed: dict[str, int] = {}
        self._took: deque[float] = deque(maxlen=_REMEMBERED)
        self._arrivals = 0
        self._taking = False
        self._looking: asyncio.Task[None] | None = None
        self._waking: asyncio.TimerHandle | None = None
        self._ended = asyncio.Event()
        self._context = Context()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            engine = await stack.enter_async_context(self.team.sessions.engine())
            # A busy thread is tried again, not waited on: others may have work meanwhile.
            self._engine = engine.impatient()
            self._context = copy_context()
            self._taking = True
            stack.push_async_callback(self.drain)
            await self._look()
            self._looking = asyncio.create_task(self._look_again())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    # What it stands at

    @property
    def queued(self) -> int:
        """Runs that wait for a worker here."""
        return len(self._queue)

    @property
    def working(self) -> int:
        """Runs that are driven here now."""
        return len(self._working)

    @property
    def taking(self) -> bool:
        """Whether it is open and not about to stop."""
        return self._taking

    # Taking work

    async def submit(self, row: RunRow) -> RunRow:
        """Store the run and have it driven; gives it as stored. The same run again is not run
        twice. Raises Busy when the queue is full or closes, and StoreError: then it is not taken,
        unless it was before."""
        engine = self._opened()
        there = await engine.services.store.find_run(row.run)
        if there is None:
            self._refuse_when_full()
            added = await engine.services.store.add_run(await assigned(engine.services, row))
            there = await known_run(engine.services, row.run)
            if not added:
                return there
        if there.state == "running":
            self._put(there)
        return there

    async def resume(self, run: str) -> RunRow:
        """Have a run driven on. Raises NotFound."""
        row = await known_run(self._opened().services, run)
        await self._nudge(row)
        return row

    async def decide(self, ticket: str, decision: Decision) -> Ticket:
        """Record a person's decision and have the run go on; gives the ticket as it stands then.

        Raises NotFound, TicketClosed and InvalidDecision, as `Team.decide` does. A run inside
        somebody else's graph goes on when that graph is invoked."""
        services = self._opened().services
        at = services.now()
        there, shut = await refresh(services.spec, services.store, ticket, at, decision)
        row = await known_run(services, there.run)
        if shut:
            await self._nudge(row)  # time closed it: its run goes on without this decision
        after = await claim(services.spec, services.store, ticket, decision, services.now())
        if not after.open:
            await self._nudge(row)
        return after

    async def cancel(self, run: str, *, by: str, reason: str = "") -> RunRow:
        """Cancel a run and what it gave to others. Raises NotFound."""
        services = self._opened().services
        row = await known_run(services, run)
        await self._opened().cancel(row, f"{by} ({reason})" if reason else by)
        await self._nudge(row)
        return await known_run(services, run)

    async def ended(self, run: str, seconds: float) -> RunRow:
        """The run when it is not running any more, or as it is after so many seconds. Raises
        NotFound."""
        services = self._engine.services if self._engine else self._opened().services
        row = await known_run(services, run)
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while row.state == "running" and (left := until - loop.time()) > 0:
            # Whoever drives it may be another process: the store is looked at in any case.
            await self.some_end(min(left, 0.5))
            row = await known_run(services, run)
        return row

    async def some_end(self, seconds: float) -> None:
        """Wait until some run ends or pauses here, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()

    def stop(self) -> None:
        """Take nothing more, and tell whoever waits here that it closes. `drain` does the rest."""
        self._taking = False
        self._announce()

    async def drain(self) -> None:
        """Take nothing more, let what is under way end, and stop what takes too long: it goes on at
        the next start, as does what waits. Safe to call twice."""
        self.stop()
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking
            self._looking = None
        if self._waking is not None:
            self._waking.cancel()
        if self._working:
            _, late = await asyncio.wait(self._working.values(), timeout=self._grace)
            for task in late:
                task.cancel()
            if late:
                log.warning("%s runs were stopped where they stand; they go on later", len(late))
                await asyncio.wait(late)

    # Working

    def _announce(self) -> None:
        """Wake all that wait in `some_end`."""
        woken, self._ended = self._ended, asyncio.Event()
        woken.set()

    def _opened(self) -> "Engine":
        if self._engine is None or not self._taking:
            raise Busy(
                f"The server of team {self.team.name!r} takes nothing now: it starts or stops.",
                hint="Try again; nothing was taken.",
                retry_after=5.0,
            )
        return self._engine

    def _refuse_when_full(self) -> None:
        if len(self._queue) < self.waiting:
            return
        mean = sum(self._took) / len(self._took) if self._took else _FIRST_GUESS
        seconds = mean * len(self._queue) / self.workers
        raise Busy(
            f"{len(self._queue)} messages wait for team {self.team.name!r}, as many as its server"
            " takes.",
            hint="Try again later; this one was not taken.",
            retry_after=min(max(1.0, seconds), _LONGEST_RETRY),
        )

    async def _nudge(self, row: RunRow) -> None:
        """Have the tree of runs driven that this one is of."""
        top = row if not row.parent else await known_run(self._opened().services, row.top)
        self._put(top)

    def _put(self, row: RunRow, *, tries: int = 0, pause: float = 0.0) -> None:
        if row.run in self._queue:
            return
        self._arrivals += 1
        at = asyncio.get_running_loop().time() + pause
        line = (row.tenant, row.thread)
        self._queue[row.run] = _Waits(
            row.request.priority, self._arrivals, row.run, line, at, tries
        )
        self._fill()

    def _fill(self) -> None:
        """Give idle workers what is next."""
        loop = asyncio.get_running_loop()
        while self._taking and len(self._working) < self.workers:
            ready = [w for w in self._queue.values() if w.line not in self._lines]
            due = [w for w in ready if w.not_before <= loop.time()]
            if not due:
                self._wake_at(min((w.not_before for w in ready), default=None), loop)
                return
            first = min(due)
            del self._queue[first.run]
            self._lines.add(first.line)
            # Not in the context of the request, or the run, that happened to bring it here.
            task = asyncio.create_task(
                self._work(first), name=f"pointsman-run-{first.run}", context=self._context.copy()
            )
            self._working[first.run] = task

    def _wake_at(self, when: float | None, loop: asyncio.AbstractEventLoop) -> None:
        if self._waking is not None:
            self._waking.cancel()
        self._waking = None if when is None else loop.call_at(when, self._fill)

    async def _work(self, waits: _Waits) -> None:
        loop = asyncio.get_running_loop()
        began, again = loop.time(), None
        try:
            again = await self._driven(waits)
            if again is None:
                self._took.append(loop.time() - began)
        finally:
            del self._working[waits.run]
            self._lines.discard(waits.line)
            if again is not None and waits.run not in self._queue:
                waits.not_before = loop.time() + again
                self._queue[waits.run] = waits
            self._fill()
            self._announce()

    async def _driven(self, waits: _Waits) -> float | None:
        """Drive the run. Seconds until it is to be tried again; None: it is done, or waits."""
        assert self._engine is not None  # noqa: S101 (opened before anything is put in)
        try:
            await self._engine.drive(waits.run)
        except RunBusy:
            return _BUSY_SECONDS
        except Exception as error:
            if is_control_flow(error):
                raise
            waits.tries += 1
            self._failed[waits.run] = waits.tries
            level = logging.WARNING if isinstance(error, PointsmanError) else logging.ERROR
            known = isinstance(error, PointsmanError)
            log.log(
                level, "driving run %s failed (%s of %s): %s", waits.run, waits.tries, TRIES,
                error, exc_info=None if known else error,
            )  # fmt: skip
            return None if waits.tries >= TRIES else AGAIN_SECONDS * 2.0**waits.tries
        self._failed.pop(waits.run, None)
        return None

    # What others left

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            if not self._taking:
                return
            try:
                await self._look()
            except PointsmanError as error:
                log.warning("looking for runs that nobody drives failed: %s", error)

    async def _look(self) -> None:
        """Queue runs that stand at `running`, as far as there is room. One that another process
        works on is found busy and tried again."""
        services = self._opened().services
        after = 0
        while len(self._queue) < self.waiting:
            page = await services.store.unfinished(self.team.name, after=after)
            for after, run in page:  # noqa: B007 (the next page begins there)
                if len(self._queue) >= self.waiting:
                    return
                if run in self._queue or run in self._working:
                    continue
                if self._failed.get(run, 0) >= TRIES:
                    continue
                row = await services.store.find_run(run)
                if row is not None and row.state == "running":
                    self._put(row)
            if not page:
                return
