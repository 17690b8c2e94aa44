"""The response cache on disk, through diskcache without its pickle (see `disk.py`).

Busy, full, damaged, edited, foreign: each is a miss with one warning a kind and process. All of it
runs on one thread of its own, so the loop never waits for the disk and its one SQLite connection is
opened, used and closed on that thread.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar, cast

from pointsman.errors import Misconfigured, StoreError, is_control_flow
from pointsman.nodes.gateway import cachefile
from pointsman.nodes.gateway.cachestore import Room, Row, Sayings, checked_bytes

T = TypeVar("T")

PAGE = 100
"""Rows read at once in a scan."""


class _Rows(Protocol):
    """What is used of `diskcache.Cache`, which has no types."""

    def get(self, key: str) -> object: ...
    def set(self, key: str, value: bytes, *, expire: float | None) -> object: ...
    def close(self) -> None: ...


class DiskStore:
    """Implements `CacheStore` in a folder that only its owner may read.

    `max_bytes`: size of the file, from which the oldest rows leave. `lock_timeout`: seconds to wait
    for another process's lock; a longer one is a miss. Opens nothing before the first use.
    """

    def __init__(
        self, folder: Path, *, max_bytes: int = 256 << 20, lock_timeout: float = 0.2
    ) -> None:
        if lock_timeout < 0:
            raise Misconfigured(
                f"A response cache cannot wait {lock_timeout} s for a lock.", hint="Try 0.2."
            )
        self._folder = folder
        self._max_bytes = checked_bytes(max_bytes)
        self._lock_timeout = lock_timeout
        self._sayings = Sayings(f"in {folder}")
        self._thread: ThreadPoolExecutor | None = None
        # All below is touched on that thread only.
        self._rows: _Rows | None = None
        self._rebuilt = False
        self._off = False

    async def get(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        def work() -> list[bytes | None]:
            rows = self._opened()
            return [_read(rows, key) for key in keys]

        found = await self._do(work)
        return [None] * len(keys) if found is None else found

    async def put(self, rows: Sequence[Row]) -> None:
        def work() -> None:
            into = self._opened()
            for row in rows:
                into.set(row.key, row.value, expire=row.lives)

        await self._do(work)

    async def count(self, add: Mapping[str, float]) -> None:
        def work() -> None:
            self._opened()
            cachefile.count(self._folder, add, lock_timeout=self._lock_timeout)

        await self._do(work)

    async def scan(self, prefix: str) -> AsyncIterator[tuple[str, bytes]]:
        last = 0
        while page := await self._page(prefix, last):
            for _, key, value in page:
                yield key, value
            last = page[-1][0]

    async def drop(self, keys: Sequence[str]) -> int:
        return await self._ask(lambda: cachefile.drop(self._folder, keys)) or 0

    async def counts(self) -> Mapping[str, float]:
        return await self._ask(lambda: cachefile.counts(self._folder)) or {}

    async def room(self) -> Room:
        used = await self._ask(lambda: cachefile.used(self._folder)) or 0
        return Room(used, self._max_bytes)

    async def aclose(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(thread, self._close)
            await asyncio.to_thread(thread.shutdown)

    async def _page(self, prefix: str, after: int) -> list[tuple[int, str, bytes]]:
        found = await self._ask(
            lambda: cachefile.page(self._folder, prefix, after=after, rows=PAGE)
        )
        return found or []

    async def _on_thread(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="pointsman-cache")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _do(self, work: Callable[[], T]) -> T | None:
        """For a call to a model: what cannot be is None."""
        return await self._on_thread(lambda: self._guarded(work))

    async def _ask(self, work: Callable[[], T]) -> T | None:
        """For a person: None where there is no file. Raises StoreError."""

        def told() -> T | None:
            if not (self._folder / cachefile.FILE).exists():
                return None
            try:
                cachefile.prepare(self._folder, lock_timeout=cachefile.ADMIN_TIMEOUT)
                return work()
            except (sqlite3.Error, OSError, cachefile.BrokenFile) as error:
                why = str(error) or "it is damaged or another version's"
                raise StoreError(
                    f"The response cache in {self._folder} cannot be used: {why}.",
                    hint="It may be deleted: its answers are asked for again.",
                ) from error

        return await self._on_thread(told)

    def _guarded(self, work: Callable[[], T]) -> T | None:
        if self._off:
            return None
        try:
            return work()
        except Exception as error:
            if is_control_flow(error):
                raise
            self._failed(error)
            return None

    def _opened(self) -> _Rows:
        if self._rows is None:
            self._rows = self._open()
        return self._rows

    def _open(self) -> _Rows:
        import diskcache  # pyright: ignore[reportMissingTypeStubs]

        from pointsman.nodes.gateway.disk import JsonDisk

        cachefile.prepare(self._folder, lock_timeout=self._lock_timeout)
        return cast(
            "_Rows",
            diskcache.Cache(
                str(self._folder.absolute()),
                timeout=self._lock_timeout,  # pyright: ignore[reportArgumentType]
                disk=JsonDisk,
                size_limit=self._max_bytes,
                eviction_policy="least-recently-stored",
                cull_limit=10,
                statistics=0,
                tag_index=0,
                # A mapped file that somebody truncates would end the process with SIGBUS.
                sqlite_mmap_size=0,
            ),
        )

    def _failed(self, error: Exception) -> None:
        if isinstance(error, cachefile.BrokenFile) or _damaged(error):
            self._rebuild()
        elif _busy(error):
            self._sayings.say("is busy; answers are asked for again meanwhile")
        else:
            self._sayings.say(f"cannot be used ({type(error).__name__}); every answer is asked for")
            if self._rows is None:
                self._off = True

    def _rebuild(self) -> None:
        self._close()
        if self._rebuilt:
            self._off = True
            return
        self._rebuilt = True
        self._sayings.say("was damaged or another program's; it is set aside and begun anew")
        try:
            cachefile.set_aside(self._folder)
        except OSError:
            self._off = True

    def _close(self) -> None:
        rows, self._rows = self._rows, None
        if rows is not None:
            rows.close()


def _read(rows: _Rows, key: str) -> bytes | None:
    from pointsman.nodes.gateway.disk import ForeignRow

    try:
        stored = rows.get(key)
    except ForeignRow:
        return b""
    return stored if stored is None or isinstance(stored, bytes) else b""


def _busy(error: Exception) -> bool:
    from diskcache import Timeout  # pyright: ignore[reportMissingTypeStubs]

    return isinstance(error, Timeout) or _code(error) in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


def _damaged(error: Exception) -> bool:
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _code(error: Exception) -> int:
    # The low byte is the kind; the rest of an extended code says more of the same.
    code = error.sqlite_errorcode if isinstance(error, sqlite3.Error) else 0
    return code & 0xFF
