"""The books that rate limits are kept in: what is asked, what was taken. And those in memory."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol, TypeVar

from pointsman.guardrails.gcra import Bucket, Slot, bucket_at, given_back, taken, wait_for

_T = TypeVar("_T")

MAX_KEYS = 100_000
GUESS = 1.0
"""Seconds in which a place may be free: nobody knows when work ends."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What one quota is asked for one use: `cost` units of a bucket, or one of `room` places."""

    quota: str
    """Its id."""
    key: str
    """The use's key in it; with `quota`, the name of the bucket or of the places."""
    room: float
    """Units at once; places."""
    every: float = 0.0
    """Seconds in which one unit comes back."""
    cost: float = 0.0
    """Units."""
    lease: float = 0.0
    """Seconds a place is held at most. Above 0 for places, 0 for a bucket."""
    estimate: bool = False
    """Whether `cost` is an estimate, settled later."""


@dataclass(frozen=True, slots=True)
class Held:
    """What one ask took: a slot of a bucket, or (None) a place under the permit's id."""

    ask: Ask
    slot: Slot | None = None


@dataclass(frozen=True, slots=True)
class Short:
    """Nothing was taken. Seconds to wait, ask by ask; 0 where there is room."""

    waits: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Return:
    """The end of what was held, with the units that were really used, more or less."""

    held: Held
    used: float = 0.0


class Books(Protocol):
    """Where limits are kept. Each call is one step that no other comes between."""

    poll: float
    """Seconds after which a use that waits looks again, for what other processes gave back."""

    async def take(self, asks: Sequence[Ask], permit: str) -> tuple[Held, ...] | Short:
        """Take all of it or none. Cancelled: nothing is taken."""
        ...

    async def give(self, returns: Sequence[Return], permit: str) -> None:
        """Settle what a permit held. Done even when the caller is cancelled meanwhile."""
        ...

    async def aclose(self) -> None:
        """Close what is open. Safe to call twice."""
        ...


def free_at(expiries: Sequence[float], now: float) -> float:
    """Seconds until a place is free, for who was told that there is none."""
    return max(0.0, min(GUESS, min(expiries) - now))


class MemoryBooks:
    """Books of one process, whatever its event loops and threads.

    At most `max_keys` keys a quota are kept: the one used longest ago is forgotten, which fills its
    bucket. One that is full anyway is forgotten as soon as it is the longest unused.
    """

    poll = float("inf")

    def __init__(
        self, *, clock: Callable[[], float] = time.monotonic, max_keys: int = MAX_KEYS
    ) -> None:
        self._clock = clock
        self._max = max_keys
        self._buckets: dict[str, OrderedDict[str, Bucket]] = {}
        self._places: dict[str, OrderedDict[str, dict[str, float]]] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        """Keys that are kept."""
        tables = (*self._buckets.values(), *self._places.values())
        return sum(len(table) for table in tables)

    async def take(self, asks: Sequence[Ask], permit: str) -> tuple[Held, ...] | Short:
        now = self._clock()
        with self._lock:
            waits = tuple(self._wait(ask, now) for ask in asks)
            if any(waits):
                return Short(waits)
            return tuple(self._hold(ask, permit, now) for ask in asks)

    async def give(self, returns: Sequence[Return], permit: str) -> None:
        now = self._clock()
        with self._lock:
            for back in returns:
                self._settle(back, permit, now)

    async def aclose(self) -> None:
        """Nothing is open."""

    def _wait(self, ask: Ask, now: float) -> float:
        if ask.lease:
            return self._places_wait(ask, now)
        buckets = self._buckets.get(ask.quota)
        bucket = bucket_at(buckets.get(ask.key) if buckets else None, now)
        return wait_for(bucket, now, cost=ask.cost, every=ask.every, burst=ask.room)

    def _places_wait(self, ask: Ask, now: float) -> float:
        table = self._places.get(ask.quota)
        places = table.get(ask.key) if table else None
        if not places or len(places) < ask.room:
            return 0.0
        for permit in [p for p, until in places.items() if until <= now]:
            del places[permit]
        return free_at(tuple(places.values()), now) if len(places) >= ask.room else 0.0

    def _hold(self, ask: Ask, permit: str, now: float) -> Held:
        if ask.lease:
            table = self._places.setdefault(ask.quota, OrderedDict())
            table.setdefault(ask.key, {})[permit] = now + ask.lease
            table.move_to_end(ask.key)
            self._forget(table, lambda places: all(until <= now for until in places.values()))
            return Held(ask)
        slot = self._write(ask, now, ask.cost)
        return Held(ask, slot)

    def _write(self, ask: Ask, now: float, units: float) -> Slot:
        buckets = self._buckets.setdefault(ask.quota, OrderedDict())
        bucket = bucket_at(buckets.get(ask.key), now)
        buckets[ask.key], slot = taken(bucket, now, units * ask.every)
        buckets.move_to_end(ask.key)
        self._forget(buckets, lambda bucket: bucket.due <= now)
        return slot

    def _settle(self, back: Return, permit: str, now: float) -> None:
        ask, slot = back.held.ask, back.held.slot
        if slot is None:
            table = self._places.get(ask.quota, OrderedDict())
            places = table.get(ask.key, {})
            places.pop(permit, None)
            if not places:
                table.pop(ask.key, None)
            return
        over = back.used - ask.cost
        if over > 0:
            self._write(ask, now, over)
        elif over < 0:
            buckets = self._buckets.get(ask.quota, OrderedDict())
            left = given_back(buckets.get(ask.key), now, slot, -over * ask.every)
            if left is not None:
                buckets[ask.key] = left

    def _forget(self, table: OrderedDict[str, _T], spent: Callable[[_T], bool]) -> None:
        """Two at a time: a table never has more to forget than it has had takes."""
        for _ in range(2):
            key = next(iter(table))
            if len(table) <= self._max and not spent(table[key]):
                return
            if len(table) > 1:
                del table[key]
