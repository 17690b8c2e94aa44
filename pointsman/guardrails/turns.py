"""Turns: who waits for a limit, in which order, and who is told to look again.

A use that waits stands in the lane of each key that it was short of. Nobody goes past it on one of
those keys but a use of a more urgent priority, so a large use is not starved by small ones; and
nobody is held up on a key that it was never short of. Only the first of a lane looks again, when
it has waited long enough or something was given back, and the next is told when the first is gone:
one look for each departure, however many wait.
"""

import asyncio
from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from threading import RLock

Order = tuple[int, int]
"""Priority, then the number of its arrival: the smaller goes first."""


@dataclass(eq=False)
class Waiter:
    """One use that waits."""

    order: Order
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    lanes: set[str] = field(default_factory=set[str])
    seconds: float = 1.0
    """How long it thinks it has to wait."""
    turn: "asyncio.Future[None]" = field(init=False)

    def __post_init__(self) -> None:
        self.arm()

    def arm(self) -> None:
        """From here on a call of `wake` is not missed."""
        self.turn = self.loop.create_future()

    def wake(self) -> None:
        """Look again. From any thread."""
        turn = self.turn
        try:
            self.loop.call_soon_threadsafe(lambda: turn.done() or turn.set_result(None))
        except RuntimeError:  # its event loop was closed
            return


class Turns:
    """The lanes of one limiter; at most `most` wait in each. Safe for threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lanes: dict[str, list[Waiter]] = {}
        self._lock = RLock()

    def __len__(self) -> int:
        """How many wait."""
        with self._lock:
            return len({id(w) for lane in self._lanes.values() for w in lane})

    def ahead(self, keys: Sequence[str], order: Order) -> dict[str, float]:
        """The keys on which somebody goes first, with the seconds that he thinks he waits."""
        if not self._lanes:
            return {}
        with self._lock:
            firsts = {key: lane[0] for key in keys if (lane := self._lanes.get(key))}
            return {key: first.seconds for key, first in firsts.items() if first.order < order}

    def join(self, waiter: Waiter, keys: Iterable[str]) -> bool:
        """Stand in the lanes of the keys too. False when one is full: then in none of them."""
        with self._lock:
            new = [key for key in keys if key not in waiter.lanes]
            if any(len(self._lanes.get(key, ())) >= self._most for key in new):
                return False
            for key in new:
                insort(self._lanes.setdefault(key, []), waiter, key=lambda w: w.order)
                waiter.lanes.add(key)
            return True

    def leave(self, waiter: Waiter) -> None:
        """Stand in no lane any more, and tell who is first now."""
        with self._lock:
            lanes = waiter.lanes
            for key in lanes:
                lane = self._lanes[key]
                lane.remove(waiter)
                if not lane:
                    del self._lanes[key]
            waiter.lanes = set()
            self.look(lanes)

    def look(self, keys: Iterable[str]) -> None:
        """Something was given back on the keys: tell the first who waits on each."""
        if not self._lanes:
            return
        with self._lock:
            firsts = {id(lane[0]): lane[0] for key in keys if (lane := self._lanes.get(key))}
        for first in firsts.values():
            first.wake()
