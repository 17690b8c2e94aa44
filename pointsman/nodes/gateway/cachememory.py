"""The response cache in this process's memory: for tests, and where nothing may be on disk."""

import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from pointsman.nodes.gateway.cachestore import Room, Row, checked_bytes

OVERHEAD = 256
"""Bytes that a row takes beside its key and value, about."""


class MemoryStore:
    """Implements `CacheStore`. What was not asked for the longest leaves first.

    `max_bytes`: keys, values and what Python needs to hold them. `clock`: seconds, never set back.
    Threads and loops may share it.
    """

    def __init__(
        self, *, max_bytes: int = 64 << 20, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_bytes = checked_bytes(max_bytes)
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: OrderedDict[str, tuple[bytes, float | None]] = OrderedDict()
        self._bytes = 0
        self._counts: dict[str, float] = {}

    async def get(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        with self._lock:
            return [self._get(key) for key in keys]

    async def put(self, rows: Sequence[Row]) -> None:
        now = self._clock()
        with self._lock:
            for row in rows:
                self._drop(row.key)
                size = _size(row.key, row.value)
                if size > self._max_bytes:
                    continue
                ends = None if row.lives is None else now + row.lives
                self._rows[row.key] = row.value, ends
                self._bytes += size
                while self._bytes > self._max_bytes:
                    self._drop(next(iter(self._rows)))

    async def count(self, add: Mapping[str, float]) -> None:
        with self._lock:
            for name, number in add.items():
                self._counts[name] = self._counts.get(name, 0.0) + number

    async def scan(self, prefix: str) -> AsyncIterator[tuple[str, bytes]]:
        now = self._clock()
        with self._lock:
            found = [
                (key, value)
                for key, (value, ends) in self._rows.items()
                if key.startswith(prefix) and (ends is None or now < ends)
            ]
        for row in found:
            yield row

    async def drop(self, keys: Sequence[str]) -> int:
        with self._lock:
            return sum(self._drop(key) for key in keys)

    async def counts(self) -> Mapping[str, float]:
        return dict(self._counts)

    async def room(self) -> Room:
        return Room(self._bytes, self._max_bytes)

    async def aclose(self) -> None:
        """Nothing: the rows live as long as this object."""

    def _get(self, key: str) -> bytes | None:
        found = self._rows.get(key)
        if found is None:
            return None
        value, ends = found
        if ends is not None and self._clock() >= ends:
            self._drop(key)
            return None
        self._rows.move_to_end(key)
        return value

    def _drop(self, key: str) -> bool:
        found = self._rows.pop(key, None)
        if found is None:
            return False
        self._bytes -= _size(key, found[0])
        return True


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value) + OVERHEAD
