"""What the response cache asks of a place where it keeps its rows: on disk, in memory, in Redis."""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pointsman.errors import Misconfigured

log = logging.getLogger("pointsman.gateway")

LEAST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """A key, its bytes, and the seconds they are kept (None: until there is no more room)."""

    key: str
    value: bytes
    lives: float | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes a store takes and bytes it may take."""

    used: int
    bound: int


class CacheStore(Protocol):
    """Keeps bytes by key, and may lose any of them.

    `get`, `put` and `count` serve calls to models: they never raise, and say once what is wrong.
    The others serve a person, who is told: they raise StoreError.
    """

    async def get(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        """The value of each key; None where there is none, b"" for a row that nobody may read."""
        ...

    async def put(self, rows: Sequence[Row]) -> None:
        """Keep the rows; the oldest ones leave when there is no room."""
        ...

    async def count(self, add: Mapping[str, float]) -> None:
        """Add to the counters of that name, of which there are few."""
        ...

    def scan(self, prefix: str) -> AsyncIterator[tuple[str, bytes]]:
        """Key and value of each row whose key begins so. Rows that change meanwhile may be left
        out. May change nothing, and makes nothing where there is nothing."""
        ...

    async def drop(self, keys: Sequence[str]) -> int:
        """Forget the rows; how many there were."""
        ...

    async def counts(self) -> Mapping[str, float]:
        """The counters."""
        ...

    async def room(self) -> Room:
        """What the store takes."""
        ...

    async def aclose(self) -> None:
        """Close what is open. Safe to call twice; a later call opens it again."""
        ...


class Sayings:
    """Warnings about one place, each said once a process and place."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._said: set[str] = set()

    def say(self, what: str) -> None:
        """Log the warning, unless it was logged before."""
        if what not in self._said:
            self._said.add(what)
            log.warning("the response cache %s %s", self._place, what)


def checked_bytes(max_bytes: int) -> int:
    """The bound, if there is room in it. Raises Misconfigured."""
    if max_bytes < LEAST_BYTES:
        raise Misconfigured(
            f"A response cache of {max_bytes} bytes cannot be.",
            hint=f"max_bytes is {LEAST_BYTES} or more.",
        )
    return max_bytes
