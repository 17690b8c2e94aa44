"""The response cache: exact answers on disk, through diskcache without its pickle (see `disk.py`).

A cache may lose anything and must break nothing. Busy, full, damaged, edited, foreign: each is a
miss with one warning a kind and process. All of it runs on one thread of its own, so the loop never
waits for the disk and its one SQLite connection is opened, used and closed on that thread.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar, cast

from pointsman.errors import Misconfigured, is_control_flow
from pointsman.nodes.gateway.cachefile import BrokenFile, prepare, set_aside
from pointsman.nodes.gateway.codec import decode_reply, encode_reply
from pointsman.nodes.gateway.transport import ModelReply

T = TypeVar("T")

log = logging.getLogger("pointsman.gateway")

LEAST_BYTES = 1 << 20
DAY = 86_400.0


class _Rows(Protocol):
    """What is used of `diskcache.Cache`, which has no types."""

    def get(self, key: str) -> object: ...
    def set(self, key: str, value: bytes, *, expire: float | None) -> object: ...
    def close(self) -> None: ...


class ResponseCache:
    """Answers by cache key, in a folder that only its owner may read.

    `max_bytes`: size of the file, from which the oldest answers leave (at least 1 MiB). `ttl`:
    seconds an answer lives, None for ever. `lock_timeout`: seconds to wait for another process's
    lock; a longer one is a miss. Opens nothing before the first use.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int = 256 << 20,
        ttl: float | None = 30 * DAY,
        lock_timeout: float = 0.2,
    ) -> None:
        if max_bytes < LEAST_BYTES or (ttl is not None and ttl <= 0) or lock_timeout < 0:
            raise Misconfigured(
                f"A response cache of {max_bytes} bytes with ttl={ttl} cannot be.",
                hint=f"max_bytes is {LEAST_BYTES} or more, ttl more than 0 or None.",
            )
        self._folder = folder
        self._max_bytes = max_bytes
        self._ttl = ttl
        self._lock_timeout = lock_timeout
        self._thread: ThreadPoolExecutor | None = None
        # All below is touched on that thread only.
        self._rows: _Rows | None = None
        self._rebuilt = False
        self._off = False
        self._warned: set[str] = set()

    async def find(self, keys: Sequence[str]) -> ModelReply | None:
        """The answer of the first of the keys that has one. Never raises."""

        def work(rows: _Rows) -> ModelReply | None:
            return next((reply for key in keys if (reply := self._read(rows, key))), None)

        return await self._do(work)

    async def put(self, answers: Sequence[tuple[str, ModelReply]]) -> None:
        """Keep the answers, as far as that can be done at once. Never raises."""

        def work(rows: _Rows) -> None:
            for key, reply in answers:
                rows.set(key, encode_reply(reply).encode(), expire=self._ttl)

        if answers:
            await self._do(work)

    async def aclose(self) -> None:
        """Close the file and end the thread. Safe to call twice; a later call opens it again."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(thread, self._close)
            await asyncio.to_thread(thread.shutdown)

    async def _do(self, work: Callable[[_Rows], T]) -> T | None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="pointsman-cache")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, work)

    def _guarded(self, work: Callable[[_Rows], T]) -> T | None:
        if self._off:
            return None
        try:
            if self._rows is None:
                self._rows = self._open()
            return work(self._rows)
        except Exception as error:
            if is_control_flow(error):
                raise
            self._failed(error)
            return None

    def _read(self, rows: _Rows, key: str) -> ModelReply | None:
        from pointsman.nodes.gateway.disk import ForeignRow

        try:
            stored = rows.get(key)
        except ForeignRow:
            stored = b""
        if stored is None:
            return None
        reply = decode_reply(stored) if isinstance(stored, bytes) else None
        if reply is None:
            self._warn("holds answers that this version did not write; they are ignored")
        return reply

    def _open(self) -> _Rows:
        import diskcache  # pyright: ignore[reportMissingTypeStubs]

        from pointsman.nodes.gateway.disk import JsonDisk

        prepare(self._folder, lock_timeout=self._lock_timeout)
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
        if isinstance(error, BrokenFile) or _damaged(error):
            self._rebuild()
        elif _busy(error):
            self._warn("is busy; answers are asked for again meanwhile")
        else:
            self._warn(f"cannot be used ({type(error).__name__}); every answer is asked for")
            if self._rows is None:
                self._off = True

    def _rebuild(self) -> None:
        self._close()
        if self._rebuilt:
            self._off = True
            return
        self._rebuilt = True
        self._warn("was damaged or another program's; it is set aside and begun anew")
        try:
            set_aside(self._folder)
        except OSError:
            self._off = True

    def _close(self) -> None:
        rows, self._rows = self._rows, None
        if rows is not None:
            rows.close()

    def _warn(self, what: str) -> None:
        if what not in self._warned:
            self._warned.add(what)
            log.warning("the response cache in %s %s", self._folder, what)


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
