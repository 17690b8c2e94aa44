"""The bulkhead: at most so many visits to one specialist at once, the rest in a fair queue.

Named after the walls in a ship (Nygard, "Release It!", 2nd ed. 2018, chapter 5): one specialist
that hangs holds its own places and no others.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from threading import Lock

from pointsman.errors import Misconfigured, RateLimited
from pointsman.guardrails.guard import closed
from pointsman.nodes.message import Message, Refusal
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

MAX_WAITING = 100
MAX_WAIT = 30.0


@dataclass(eq=False)
class _Waiter:
    loop: asyncio.AbstractEventLoop
    turn: asyncio.Future[None]
    given: bool = False


@dataclass(frozen=True)
class Bulkhead:
    """Lets `most` visits in at once; up to `waiting` more wait, first come first served, at most
    `wait` seconds and never past the run's deadline.

    Raises RateLimited when the queue is full or the wait was in vain, DeadlineExceeded when the
    run's time is over, Misconfigured for bounds that are none. One object holds for one process,
    whatever its event loops and threads.
    """

    most: int
    waiting: int = MAX_WAITING
    wait: float = MAX_WAIT
    name: str = "bulkhead"
    _inside: list[int] = field(default_factory=lambda: [0], init=False, repr=False, compare=False)
    _queue: deque[_Waiter] = field(
        default_factory=deque[_Waiter], init=False, repr=False, compare=False
    )
    _lock: Lock = field(default_factory=Lock, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.most < 1 or self.waiting < 0 or not 0 <= self.wait < float("inf"):
            raise Misconfigured(
                f"Bulkhead({self.most}, waiting={self.waiting}, wait={self.wait}) lets nobody in.",
                hint="most is at least 1, waiting and wait are 0 or more.",
            )

    @property
    def inside(self) -> int:
        """Visits under way."""
        return self._inside[0]

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def bounded(message: Message, run: Run) -> Message:
            seconds = closed(self.name, "input", run, lambda: run.remaining(self.wait))
            if isinstance(seconds, Refusal):
                return message.reply(seconds, sender=run.specialist)
            async with self.place(run.specialist, seconds):
                return await inner(message, run)

        return bounded

    @asynccontextmanager
    async def place(self, who: str, seconds: float) -> AsyncGenerator[None]:
        """A place for the block, waited for at most `seconds`. Raises RateLimited."""
        waiter = self._enter(who)
        if waiter is not None:
            await self._wait_for(waiter, who, seconds)
        try:
            yield
        finally:
            with self._lock:
                self._hand_on()

    def _enter(self, who: str) -> _Waiter | None:
        """None for a place now, or a place in the queue."""
        with self._lock:
            if self._inside[0] < self.most:
                self._inside[0] += 1
                return None
            if len(self._queue) >= self.waiting:
                raise self._full(who, "and no more may wait")
            loop = asyncio.get_running_loop()
            waiter = _Waiter(loop, loop.create_future())
            self._queue.append(waiter)
            return waiter

    async def _wait_for(self, waiter: _Waiter, who: str, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await waiter.turn
        except BaseException as error:
            with self._lock:
                if waiter.given:
                    self._hand_on()
                else:
                    self._queue.remove(waiter)
            if isinstance(error, TimeoutError):
                raise self._full(who, f"and none ended in {seconds:g} s") from error
            raise

    def _hand_on(self) -> None:
        """Give a place that is free now to the first who waits. Under the lock."""
        while self._queue:
            waiter = self._queue.popleft()
            waiter.given = True
            try:
                waiter.loop.call_soon_threadsafe(_wake, waiter.turn)
            except RuntimeError:  # its event loop was closed
                continue
            return
        self._inside[0] -= 1

    def _full(self, who: str, why: str) -> RateLimited:
        return RateLimited(
            f"Specialist {who!r} has {self.most} visits under way, {why}.",
            hint="Try again later, or raise its max_concurrent.",
            retry_after=1.0,
        )


def _wake(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
