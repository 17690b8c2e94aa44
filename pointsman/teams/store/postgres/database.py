"""A PostgreSQL database as the store uses it: every change a transaction, tried again while that
is safe."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Generic, LiteralString, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow
from pydantic import ValidationError

from pointsman.errors import StoreBroken
from pointsman.nodes.message import new_id
from pointsman.teams.store.postgres.address import SCHEMA, Address
from pointsman.teams.store.postgres.faults import away, none_free, passes, store_error
from pointsman.teams.store.postgres.migrate import prepare
from pointsman.teams.store.postgres.places import rebase

WAIT_SECONDS = 60.0
"""How long a change waits for a connection, and for a server that restarts, in all."""
Db = psycopg.Connection[TupleRow]
_T = TypeVar("_T")

_SESSION: LiteralString = (
    "SET lock_timeout = '30s'; SET statement_timeout = '60s';"
    " SET idle_in_transaction_session_timeout = '30s'; SET client_min_messages = 'warning';"
    # A ledger row must outlive a power cut. A server that waits for standbys goes on doing so.
    " SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'"
)
_PATH: LiteralString = f"SET search_path = {SCHEMA}; "


_COUNT: LiteralString = (
    "INSERT INTO commits (line, n) SELECT %s, 1"
    " WHERE pg_current_xact_id_if_assigned() IS NOT NULL"
    " ON CONFLICT (line) DO UPDATE SET n = commits.n + 1, at = now() RETURNING n"
)
"""Of a transaction that has written something."""
_LOOK: LiteralString = (
    "INSERT INTO commits (line, n) VALUES (%s, 0)"
    " ON CONFLICT (line) DO UPDATE SET n = commits.n RETURNING n"
)
"""An insert waits for another one of the same row that is not committed; a read would not."""


def session(address: Address) -> LiteralString:
    """What every connection is set to before its first use."""
    return _SESSION if address.named_path else _PATH + _SESSION


def connect(address: Address) -> Db:
    """A new connection, set to what the store needs."""
    db = psycopg.connect(make_conninfo(**address.connect), autocommit=True)
    try:
        db.execute(session(address))
    except BaseException:
        db.close()
        raise
    return db


class Database:
    """One PostgreSQL database, used by several processes, threads and event loops.

    Calls run on threads of its own, a connection each, so that it is bound to no event loop; at
    most `address.connections`. A call whose caller is cancelled is done all the same. `clock` is
    for tests: by default the server's clock says when a lease is over, since machines' differ.
    """

    def __init__(
        self,
        address: Address,
        *,
        clock: Callable[[], float] = time.time,
        wait: float = WAIT_SECONDS,
    ) -> None:
        self._address = address
        self._clock = clock
        self._wait = wait
        self._opening = Lock()
        self._preparing = Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._idle: deque[Db] = deque()
        self._ready = False
        self._name = new_id()

    async def _do(self, work: Callable[[Db], _T]) -> _T:
        """Run `work` in one transaction. It may be run again from its start; it is committed once.
        Raises StoreError."""
        return await self._came(self._submit(lambda until: self._transact(work, until)))

    async def _read(self, work: Callable[[Db], _T]) -> _T:
        """Run `work`, whose statements see what is committed when each begins."""
        reading = self._submit(lambda until: self._again(until, lambda: self._on(work)))
        return await self._came(reading)

    def _submit(self, work: Callable[[float], _T]) -> "Future[_T]":
        """Do it on a thread, with the time until when it may try."""
        until = time.monotonic() + self._wait
        with self._opening:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(
                    self._address.connections, thread_name_prefix="pointsman-store"
                )
            return self._threads.submit(self._mapped, work, until)

    async def _came(self, job: "Future[_T]") -> _T:
        done = asyncio.wrap_future(job)
        done.add_done_callback(_heard)
        await asyncio.wait({done}, timeout=self._wait)
        # Still in the queue: nothing of it was begun. Else its own bounds end it.
        if not done.done() and job.cancel():
            raise none_free(self._address, self._wait)
        return await asyncio.shield(done)

    def _mapped(self, work: Callable[[float], _T], until: float) -> _T:
        try:
            return work(until)
        except psycopg.Error as error:
            raise store_error(error, self._address) from error
        except ValidationError as error:
            raise StoreBroken(
                f"A row in {self._address.shown} does not fit its schema: {error.title}.",
                hint="It was written by another version, or changed by hand.",
            ) from error

    def _transact(self, work: Callable[[Db], _T], until: float) -> _T:
        while True:
            one = _Transaction(work, self._name)
            try:
                return self._again(until, lambda: self._on(one.run))  # noqa: B023 (called at once)
            except _Unknown:
                # The connection broke in the commit. The server knows what became of it.
                if self._again(until, lambda: self._on(one.committed)):  # noqa: B023 (likewise)
                    return one.came[0]

    def _again(self, until: float, attempt: Callable[[], _T]) -> _T:
        """Try until it succeeds, fails for good, or time is over."""
        while True:
            try:
                return attempt()
            except psycopg.Error as error:
                if not passes(error) or time.monotonic() > until:
                    raise
                long = 0.5 if away(error) else 0.02
                time.sleep(random.uniform(long / 10, long))  # noqa: S311 (no secret)

    def _on(self, work: Callable[[Db], _T]) -> _T:
        """With a connection, which is kept while it is sound."""
        db = self._idle.pop() if self._idle else self._connect()
        try:
            return work(db)
        finally:
            if db.closed or db.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                db.close()
            else:
                self._idle.append(db)

    def _connect(self) -> Db:
        db = connect(self._address)
        try:
            with self._preparing:
                if not self._ready:
                    prepare(db, self._address)
                    self._ready = True
            rebase(db)
            db.execute("DELETE FROM commits WHERE at < now() - interval '1 day'")
        except BaseException:
            db.close()
            raise
        return db

    def _now(self, db: Db) -> float:
        """The time by which leases end, in seconds since the epoch."""
        if self._clock is not time.time:
            return self._clock()
        row = db.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        assert row is not None  # noqa: S101 (one row, always)
        return float(row[0])

    async def aclose(self) -> None:
        """Close the connections and end the threads. Safe to call twice; the next call opens them
        again."""
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        with self._opening:
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown()
        while self._idle:
            self._idle.pop().close()


def _heard(done: "asyncio.Future[_T]") -> None:
    """The error of a call whose caller was cancelled is nobody's."""
    if not done.cancelled():
        done.exception()


class _Unknown(Exception):
    """The connection broke while a transaction was committed."""


class _Transaction(Generic[_T]):
    """One transaction, and afterwards what became of it.

    Each that writes counts its connection's own row in `commits` up: that row tells. The number of
    the transaction would not: a server that crashed gives numbers anew of which it has no record.
    """

    came: tuple[_T]

    def __init__(self, work: Callable[[Db], _T], store: str) -> None:
        self._work = work
        self._store = store
        self._mark: tuple[str, int] | None = None

    def run(self, db: Db) -> _T:
        """Do it. Raises _Unknown when nobody can tell whether it was committed."""
        self._mark = None
        line = f"{self._store}:{db.info.backend_pid}"
        try:
            with db.transaction():
                self.came = (self._work(db),)
                row = db.execute(_COUNT, (line,)).fetchone()
                self._mark = (line, int(row[0])) if row else None
        except psycopg.Error as error:
            if self._mark is not None and away(error):
                raise _Unknown from error
            raise
        return self.came[0]

    def committed(self, db: Db) -> bool:
        """What the row says, on another connection. Waits for a commit that is under way."""
        assert self._mark is not None  # noqa: S101 (else it is known that nothing was committed)
        line, count = self._mark
        row = db.execute(_LOOK, (line,)).fetchone()
        return row is not None and int(row[0]) >= count
