"""The books of rate limits on an SQLite file of their own: several processes on one machine.

Losing them to a power cut only fills every bucket, so a take waits for no disk. In WAL mode with
`synchronous = NORMAL` the file itself is never damaged by one.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import ParamSpec, TypeVar

from pointsman.errors import StoreBroken
from pointsman.guardrails.books import MAX_KEYS, Ask, Held, Return, Short, free_at
from pointsman.guardrails.gcra import (
    Bucket,
    Slot,
    bucket_at,
    given_back,
    read,
    taken,
    wait_for,
    written,
)
from pointsman.teams.store.faults import store_error, unusable

SCHEMA = 1
BUSY_SECONDS = 10.0
"""How long a take tries while other processes write."""
SWEEP_EVERY = 1000
"""Takes of one process after which it forgets what is full or free."""
_T = TypeVar("_T")
_P = ParamSpec("_P")

_TABLES = """
CREATE TABLE buckets (key TEXT PRIMARY KEY, due REAL NOT NULL, line TEXT NOT NULL)
    STRICT, WITHOUT ROWID;
CREATE INDEX buckets_due ON buckets (due);
CREATE TABLE places (key TEXT NOT NULL, permit TEXT NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (key, permit)) STRICT, WITHOUT ROWID;
CREATE INDEX places_until ON places (until);
"""


class SqliteBooks:
    """Implements `guardrails.books.Books`. Calls run on a thread of its own, never on the loop.

    `clock` is the machine's, since the processes share it. Keys are kept as hashes: no tenant's
    name is in the file. At most `max_keys` buckets are kept; beyond, those nearest to full are
    forgotten. Raises StoreError when the file cannot be used.
    """

    poll = 0.25

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.time, max_keys: int = MAX_KEYS
    ) -> None:
        self._path = path
        self._clock = clock
        self._max = max_keys
        self._thread: ThreadPoolExecutor | None = None
        self._opening = Lock()
        self._db: sqlite3.Connection | None = None
        self._takes = 0

    async def take(self, asks: Sequence[Ask], permit: str) -> tuple[Held, ...] | Short:
        job = self._submit(self._do, lambda db: self._take(db, asks, permit))
        try:
            return await asyncio.shield(asyncio.wrap_future(job))
        except asyncio.CancelledError:
            self._submit(self._undo, job, permit)
            raise

    async def give(self, returns: Sequence[Return], permit: str) -> None:
        job = self._submit(self._do, lambda db: self._give(db, returns, permit))
        await asyncio.shield(asyncio.wrap_future(job))

    async def aclose(self) -> None:
        """Close the file and end the thread. The next take opens both again."""
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        with self._opening:
            thread, self._thread = self._thread, None
            if thread is not None:
                thread.submit(self._close)
                thread.shutdown()

    def _submit(self, work: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> "Future[_T]":
        with self._opening:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="pointsman-limits")
            return self._thread.submit(work, *args, **named)

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _do(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            db = self._db = self._db or _open(self._path)
            with db:
                db.execute("BEGIN IMMEDIATE")
                return work(db)
        except sqlite3.Error as error:
            raise store_error(error, self._path) from error
        except OSError as error:
            raise unusable(error, self._path) from error

    def _undo(self, job: "Future[tuple[Held, ...] | Short]", permit: str) -> None:
        """On the thread, behind the take itself: its caller was cancelled meanwhile."""
        if job.exception() is None and not isinstance(got := job.result(), Short):
            self._do(lambda db: self._give(db, [Return(held) for held in got], permit))

    def _take(
        self, db: sqlite3.Connection, asks: Sequence[Ask], permit: str
    ) -> tuple[Held, ...] | Short:
        now = self._clock()
        self._takes += 1
        if self._takes % SWEEP_EVERY == 0:
            self._sweep(db, now)
        keys = [hashed(ask) for ask in asks]
        pairs = list(zip(asks, keys, strict=True))
        buckets = {key: bucket_at(_load(db, key), now) for ask, key in pairs if not ask.lease}
        waits = tuple(
            _places_wait(db, ask, key, now) if ask.lease
            else wait_for(buckets[key], now, cost=ask.cost, every=ask.every, burst=ask.room)
            for ask, key in pairs
        )  # fmt: skip
        if any(waits):
            return Short(waits)
        return tuple(
            _hold_place(db, ask, key, permit, now + ask.lease) if ask.lease
            else Held(ask, _write(db, key, buckets[key], now, ask.cost * ask.every))
            for ask, key in pairs
        )  # fmt: skip

    def _give(self, db: sqlite3.Connection, returns: Sequence[Return], permit: str) -> None:
        now = self._clock()
        for back in returns:
            ask, slot, key = back.held.ask, back.held.slot, hashed(back.held.ask)
            if slot is None:
                db.execute("DELETE FROM places WHERE key = ? AND permit = ?", (key, permit))
                continue
            over, bucket = back.used - ask.cost, _load(db, key)
            if over > 0:
                _write(db, key, bucket_at(bucket, now), now, over * ask.every)
            elif left := given_back(bucket, now, slot, -over * ask.every):
                _save(db, key, left)

    def _sweep(self, db: sqlite3.Connection, now: float) -> None:
        db.execute("DELETE FROM buckets WHERE due <= ?", (now,))
        db.execute("DELETE FROM places WHERE until <= ?", (now,))
        (count,) = db.execute("SELECT count(*) FROM buckets").fetchone()
        if count > self._max:
            db.execute(
                "DELETE FROM buckets WHERE key IN"
                " (SELECT key FROM buckets ORDER BY due LIMIT ?)",
                (count - self._max,),
            )  # fmt: skip


def hashed(ask: Ask) -> str:
    """The name under which an ask's bucket or places are kept: names of people stay out."""
    return blake2b(
        f"{ask.quota} {ask.key}".encode("utf-8", "surrogatepass"), digest_size=16
    ).hexdigest()


def _places_wait(db: sqlite3.Connection, ask: Ask, key: str, now: float) -> float:
    db.execute("DELETE FROM places WHERE key = ? AND until <= ?", (key, now))
    rows = db.execute("SELECT until FROM places WHERE key = ?", (key,)).fetchall()
    return free_at([until for (until,) in rows], now) if len(rows) >= ask.room else 0.0


def _hold_place(db: sqlite3.Connection, ask: Ask, key: str, permit: str, until: float) -> Held:
    db.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?)", (key, permit, until))
    return Held(ask)


def _load(db: sqlite3.Connection, key: str) -> Bucket | None:
    row = db.execute("SELECT line FROM buckets WHERE key = ?", (key,)).fetchone()
    return None if row is None else read(row[0])


def _save(db: sqlite3.Connection, key: str, bucket: Bucket) -> None:
    db.execute(
        "INSERT OR REPLACE INTO buckets VALUES (?, ?, ?)", (key, bucket.due, written(bucket))
    )


def _write(db: sqlite3.Connection, key: str, bucket: Bucket, now: float, seconds: float) -> Slot:
    bucket, slot = taken(bucket, now, seconds)
    _save(db, key, bucket)
    return slot


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        with db:
            db.execute("BEGIN IMMEDIATE")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _TABLES.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {SCHEMA}")
            elif version != SCHEMA:
                raise StoreBroken(
                    f"The rate limits in {path} were written by another version of pointsman.",
                    hint="Delete the file: it holds nothing that has to be kept.",
                )
    except BaseException:
        db.close()
        raise
    path.chmod(0o600)
    return db
