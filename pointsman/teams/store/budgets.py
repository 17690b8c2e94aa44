"""Shared budgets on an SQLite file of their own, for all runs and processes of one machine.

What was set aside is on disk before the call is made: after a crash, and after a power cut, a call
that nobody settled counts at its worst case.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

from pointsman.errors import StoreBroken, StoreError
from pointsman.teams.store import budgetrows as rows
from pointsman.teams.store.budgetrows import Amount, Balance, BudgetAsk, Short
from pointsman.teams.store.faults import store_error, unusable

BUSY_SECONDS = 60.0
"""How long a change tries while other processes write."""
SWEEP_EVERY = 1000
"""Reservations of one process after which it sweeps; and it does so when it opens the file."""
MAX_BATCH = 64
"""Changes that go to the disk together."""
_T = TypeVar("_T")


class SqliteBudgets:
    """Balances of budgets by key. Calls run on a thread of its own, never on the loop.

    Without a `path` they are kept in memory, for one process. `clock` is the machine's, since the
    processes share it. Raises StoreError when the file cannot be used.
    """

    def __init__(self, path: Path | None, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._place = path or Path(":memory:")
        self._clock = clock
        self._thread: ThreadPoolExecutor | None = None
        self._opening = Lock()
        self._db: sqlite3.Connection | None = None
        self._takes = 0
        self._jobs: deque[_Job[Any]] = deque()

    async def reserve(self, asks: Sequence[BudgetAsk], hold: str, *, lease: float) -> float | Short:
        """Set all aside under the name `hold`, or nothing. Gives the seconds that the call may
        take, infinite where no budget bounds them. `lease` is in seconds: whoever settles later is
        taken for dead. Cancelled: nothing is set aside."""
        job = self._submit(lambda db: self._take(db, asks, hold, lease))
        try:
            return await asyncio.shield(asyncio.wrap_future(job))
        except asyncio.CancelledError:
            self._submit(lambda db: rows.release(db, hold))  # behind the reservation itself
            raise

    async def settle(self, keys: Sequence[str], hold: str, used: Amount) -> None:
        """The call took so much. What is None is counted at its worst. Done even when the caller
        is cancelled meanwhile."""
        job = self._submit(lambda db: rows.settle(db, keys, hold, used))
        await asyncio.shield(asyncio.wrap_future(job))

    async def release(self, hold: str) -> None:
        """The call was never made. Safe to call twice."""
        job = self._submit(lambda db: rows.release(db, hold))
        await asyncio.shield(asyncio.wrap_future(job))

    async def balance(self, key: str) -> Balance:
        """How a budget stands."""
        job = self._submit(lambda db: rows.balance_of(db, key, self._clock()))
        return await asyncio.wrap_future(job)

    async def sweep(self) -> int:
        """Count what dead calls held as lost. Gives their number."""
        job = self._submit(lambda db: rows.sweep(db, self._clock()))
        return await asyncio.wrap_future(job)

    async def aclose(self) -> None:
        """Close the file and end the thread. The next call opens both again; what is in memory only
        stays."""
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        with self._opening:
            thread, self._thread = self._thread, None
            if thread is not None:
                if self._path is not None:
                    thread.submit(self._close)
                thread.shutdown()

    def _submit(self, work: Callable[[sqlite3.Connection], _T]) -> "Future[_T]":
        """Do it on the thread, behind what was submitted before."""
        job = _Job(work)
        with self._opening:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="pointsman-budgets")
            self._jobs.append(job)
            self._thread.submit(self._drain)
        return job.future

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _drain(self) -> None:
        """All that waits in one transaction, so that many wait for the disk once."""
        waiting = [self._jobs.popleft() for _ in range(min(len(self._jobs), MAX_BATCH))]
        jobs = [job for job in waiting if job.future.set_running_or_notify_cancel()]
        if not jobs:
            return
        # Holds for whatever is not foreseen below, which the thread cannot raise to anybody.
        failure: StoreError | None = StoreError(f"The budgets in {self._place} were not changed.")
        try:
            self._transact(jobs)
            failure = None
        except sqlite3.Error as error:
            failure = store_error(error, self._place)
        except OSError as error:
            failure = unusable(error, self._place)
        except StoreError as error:
            failure = error
        finally:
            for job in jobs:
                job.end(failure)

    def _transact(self, jobs: "Sequence[_Job[Any]]") -> None:
        db = self._db = self._db or self._open()
        with db:
            db.execute("BEGIN IMMEDIATE")
            for job in jobs:
                job.work_on(db)

    def _take(
        self, db: sqlite3.Connection, asks: Sequence[BudgetAsk], hold: str, lease: float
    ) -> float | Short:
        now = self._clock()
        if self._takes % SWEEP_EVERY == 0:
            rows.sweep(db, now)
        self._takes += 1
        got = rows.take(db, asks, hold, now, lease)
        if isinstance(got, Short):
            return got
        return float("inf") if got is None else got / 1000

    def _open(self) -> sqlite3.Connection:
        if self._path is None:
            db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            _prepare(db, self._place)
            return db
        return _open(self._path)


class _Job(Generic[_T]):
    """One change among others of a transaction: it is done as a whole or not at all, and its
    caller hears of it once all of them are on disk."""

    def __init__(self, work: Callable[[sqlite3.Connection], _T]) -> None:
        self.future: Future[_T] = Future()
        self._work = work
        self._done: tuple[_T] | None = None

    def work_on(self, db: sqlite3.Connection) -> None:
        """Raises what makes the whole transaction impossible."""
        self._done = (self._work(db),)

    def end(self, failure: StoreError | None) -> None:
        """Tell the caller."""
        if failure is not None:
            self.future.set_exception(failure)
        elif self._done is not None:
            self.future.set_result(self._done[0])


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # Money that was set aside must outlive a power cut, not only a killed process.
        db.execute("PRAGMA synchronous = FULL")
        _prepare(db, path)
    except BaseException:
        db.close()
        raise
    path.chmod(0o600)
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    with db:
        db.execute("BEGIN IMMEDIATE")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in rows.TABLES.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {rows.SCHEMA}")
        elif version != rows.SCHEMA:
            raise StoreBroken(
                f"The budgets in {path} were written by another version of pointsman.",
                hint="Use that version, or move the file away: then every budget begins anew.",
            )
