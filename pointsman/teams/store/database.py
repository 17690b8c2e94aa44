"""An SQLite file as the store uses it: one connection, one thread, every change a transaction."""

import asyncio
import random
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from pointsman.errors import StoreBroken
from pointsman.teams.store.faults import store_error, unusable
from pointsman.teams.store.migrate import SCHEMA_VERSION, migrate, script

BUSY_SECONDS = 60.0
"""How long a transaction tries while other processes write. SQLite's own wait is unfair: under many
writers one may starve, so it is short, and tried again after a random pause."""
_WAIT_SECONDS = 2.0
MEMORY = Path(":memory:")
"""In place of a file: a store that nothing is left of when it is closed."""
_T = TypeVar("_T")


class Database:
    """One SQLite file in WAL mode with full fsync, safe for several processes and threads.

    Calls run on one thread of its own, so the loop never blocks and one connection is enough.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pointsman-store")
        self._db: sqlite3.Connection | None = None

    async def _do(
        self, work: Callable[[sqlite3.Connection], _T], *, begin: str = "BEGIN IMMEDIATE"
    ) -> _T:
        """Run `work` in one transaction on the store's thread."""

        def transaction() -> _T:
            db = self._db = self._db or _open(self._path)
            with db:
                db.execute(begin)
                return work(db)

        def mapped() -> _T:
            try:
                return _patiently(transaction)
            except sqlite3.Error as error:
                raise store_error(error, self._path) from error
            except OSError as error:
                raise unusable(error, self._path) from error
            except ValidationError as error:
                raise StoreBroken(
                    f"A row in {self._path} does not fit its schema: {error.title}.",
                    hint="It was written by another version, or changed by hand.",
                ) from error

        return await asyncio.get_running_loop().run_in_executor(self._thread, mapped)

    async def _read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run `work` in one transaction that takes no write lock."""
        return await self._do(work, begin="BEGIN")

    async def aclose(self) -> None:
        """Close the file and end the thread. Safe to call twice."""

        def close() -> None:
            if self._db is not None:
                self._db.close()
                self._db = None

        await asyncio.to_thread(lambda: _on(self._thread, close))


def _patiently(transaction: Callable[[], _T]) -> _T:
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return transaction()
        except sqlite3.OperationalError as error:
            busy = (getattr(error, "sqlite_errorcode", 0) & 0xFF) == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > give_up:
                raise
            time.sleep(random.uniform(0.005, 0.05))  # noqa: S311 (no secret)


def _on(thread: ThreadPoolExecutor, work: Callable[[], None]) -> None:
    try:
        thread.submit(work).result()
    except RuntimeError:
        return  # the thread was ended by an earlier call
    thread.shutdown()


def _open(path: Path) -> sqlite3.Connection:
    if path != MEMORY:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # A ledger row must outlive a power cut, not only a killed process.
        db.execute("PRAGMA synchronous = FULL")
        with db:
            db.execute("BEGIN IMMEDIATE")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                script(db, "schema.sql")
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif version != SCHEMA_VERSION:
                migrate(db, version, path)
    except BaseException:
        db.close()
        raise
    if path != MEMORY:
        path.chmod(0o600)
    return db
