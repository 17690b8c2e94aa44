"""The books of rate limits in PostgreSQL: several machines, one limit.

They stand in unlogged tables and are committed without waiting for the disk: losing them only fills
every bucket.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future

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
from pointsman.teams.store.limits import hashed
from pointsman.teams.store.postgres.database import Database, Db

SWEEP_EVERY = 1000
"""Takes of one process after which it forgets what is full or free."""


class PostgresBooks(Database):
    """Implements `guardrails.books.Books`. Keys are kept as hashes: no tenant's name is in them.

    At most `MAX_KEYS` buckets are kept; beyond, those nearest to full are forgotten. Raises
    StoreError.
    """

    poll = 0.25
    _takes = 0

    async def take(self, asks: Sequence[Ask], permit: str) -> tuple[Held, ...] | Short:
        if self._takes % SWEEP_EVERY == SWEEP_EVERY - 1:
            await self._do(lambda db: _sweep(db, self._now(db)))
        self._takes += 1
        job = self._submit(
            lambda until: self._transact(lambda db: self._take(db, asks, permit), until)
        )
        try:
            return await self._came(job)
        except asyncio.CancelledError:
            self._submit(lambda until: self._undo(job, permit, until))
            raise

    async def give(self, returns: Sequence[Return], permit: str) -> None:
        await self._do(lambda db: self._give(db, returns, permit))

    def _undo(self, job: "Future[tuple[Held, ...] | Short]", permit: str, until: float) -> None:
        """Behind the take itself, whose caller was cancelled meanwhile."""
        if job.exception() is None and not isinstance(got := job.result(), Short):
            back = [Return(held) for held in got]
            self._transact(lambda db: self._give(db, back, permit), until)

    def _take(self, db: Db, asks: Sequence[Ask], permit: str) -> tuple[Held, ...] | Short:
        _alone(db, [hashed(ask) for ask in asks])
        now = self._now(db)
        pairs = [(ask, hashed(ask)) for ask in asks]
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

    def _give(self, db: Db, returns: Sequence[Return], permit: str) -> None:
        _alone(db, [hashed(back.held.ask) for back in returns])
        now = self._now(db)
        for back in returns:
            ask, slot, key = back.held.ask, back.held.slot, hashed(back.held.ask)
            if slot is None:
                db.execute("DELETE FROM places WHERE key = %s AND permit = %s", (key, permit))
                continue
            over, bucket = back.used - ask.cost, _load(db, key)
            if over > 0:
                _write(db, key, bucket_at(bucket, now), now, over * ask.every)
            elif left := given_back(bucket, now, slot, -over * ask.every):
                _save(db, key, left)


def _alone(db: Db, keys: Sequence[str]) -> None:
    """One step of a bucket at a time; of several buckets in the order of their names."""
    db.execute("SET LOCAL synchronous_commit = off")
    for key in sorted(set(keys)):
        db.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 4))", (key,))


def _sweep(db: Db, now: float) -> None:
    # What another step has locked just now is left for the next sweep.
    db.execute(
        "DELETE FROM buckets WHERE key IN"
        " (SELECT key FROM buckets WHERE due <= %s FOR UPDATE SKIP LOCKED)",
        (now,),
    )
    db.execute(
        "DELETE FROM places WHERE (key, permit) IN"
        " (SELECT key, permit FROM places WHERE until <= %s FOR UPDATE SKIP LOCKED)",
        (now,),
    )
    counted = db.execute("SELECT count(*) FROM buckets").fetchone()
    if counted is not None and counted[0] > MAX_KEYS:
        db.execute(
            "DELETE FROM buckets WHERE key IN"
            " (SELECT key FROM buckets ORDER BY due LIMIT %s FOR UPDATE SKIP LOCKED)",
            (counted[0] - MAX_KEYS,),
        )


def _places_wait(db: Db, ask: Ask, key: str, now: float) -> float:
    db.execute("DELETE FROM places WHERE key = %s AND until <= %s", (key, now))
    rows = db.execute("SELECT until FROM places WHERE key = %s", (key,)).fetchall()
    return free_at([until for (until,) in rows], now) if len(rows) >= ask.room else 0.0


def _hold_place(db: Db, ask: Ask, key: str, permit: str, until: float) -> Held:
    db.execute(
        "INSERT INTO places VALUES (%s, %s, %s)"
        " ON CONFLICT (key, permit) DO UPDATE SET until = excluded.until",
        (key, permit, until),
    )
    return Held(ask)


def _load(db: Db, key: str) -> Bucket | None:
    row = db.execute("SELECT line FROM buckets WHERE key = %s", (key,)).fetchone()
    return None if row is None else read(row[0])


def _save(db: Db, key: str, bucket: Bucket) -> None:
    db.execute(
        "INSERT INTO buckets VALUES (%s, %s, %s)"
        " ON CONFLICT (key) DO UPDATE SET due = excluded.due, line = excluded.line",
        (key, bucket.due, written(bucket)),
    )


def _write(db: Db, key: str, bucket: Bucket, now: float, seconds: float) -> Slot:
    bucket, slot = taken(bucket, now, seconds)
    _save(db, key, bucket)
    return slot
