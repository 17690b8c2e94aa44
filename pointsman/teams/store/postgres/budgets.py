"""Shared budgets in PostgreSQL, for all runs and processes of all machines.

What was set aside is committed before the call is made. A budget's row is locked while it is
changed, of several in the order of their keys, so that of all calls at once no two count the same
money.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import astuple, replace
from typing import LiteralString

from pointsman.teams.store.budgetrows import (
    FOLD_AFTER,
    Amount,
    Balance,
    BudgetAsk,
    Short,
    grant,
    zeros,
)
from pointsman.teams.store.postgres.database import Database, Db

SWEEP_EVERY = 1000
"""Reservations of one process after which it sweeps; and before its first."""
_HELD: LiteralString = (
    "SELECT coalesce(sum(usd), 0), coalesce(sum(tokens), 0), coalesce(sum(calls), 0),"
    " coalesce(sum(ms), 0), count(*) FILTER (WHERE usd IS NULL) FROM holds WHERE key = %s"
)
_SPENT: LiteralString = (
    "SELECT usd, tokens, calls, ms, lost_usd, lost_tokens, lost_calls, lost_ms, unpriced"
    " FROM budgets WHERE key = %s"
)
_MORE: LiteralString = (
    "SELECT coalesce(sum(usd), 0), coalesce(sum(tokens), 0), coalesce(sum(calls), 0),"
    " coalesce(sum(ms), 0) FROM extensions WHERE key = %s"
)


class PostgresBudgets(Database):
    """Implements `store.budgetbooks.BudgetBooks`."""

    _takes = 0

    async def reserve(self, asks: Sequence[BudgetAsk], hold: str, *, lease: float) -> float | Short:
        if self._takes % SWEEP_EVERY == 0:
            await self.sweep()
        self._takes += 1
        job = self._submit(
            lambda until: self._transact(lambda db: self._take(db, asks, hold, lease), until)
        )
        try:
            got = await self._came(job)
        except asyncio.CancelledError:
            self._submit(lambda until: self._undo(job, hold, until))
            raise
        if isinstance(got, Short):
            return got
        return float("inf") if got is None else got / 1000

    async def settle(self, keys: Sequence[str], hold: str, used: Amount) -> None:
        await self._do(lambda db: _settle(db, keys, hold, used))

    async def release(self, hold: str) -> None:
        await self._do(lambda db: _release(db, hold))

    async def balance(self, key: str) -> Balance:
        return await self._read(lambda db: _balance(db, key, self._now(db)))

    async def sweep(self) -> int:
        return await self._do(lambda db: _sweep(db, self._now(db)))

    def _undo(self, job: "Future[int | Short | None]", hold: str, until: float) -> None:
        """Behind the reservation itself, whose caller was cancelled meanwhile."""
        if job.exception() is None:
            self._transact(lambda db: _release(db, hold), until)

    def _take(
        self, db: Db, asks: Sequence[BudgetAsk], hold: str, lease: float
    ) -> int | Short | None:
        now = self._now(db)
        for ask in sorted(asks, key=lambda ask: ask.key):
            _begin(db, ask)
        granted = grant(asks, [_balance(db, ask.key, now) for ask in asks])
        if isinstance(granted, Short):
            return granted
        for ask in asks:
            worst = ask.worst
            ms = worst.ms if granted is None else min(worst.ms or granted, granted)
            db.execute(
                "INSERT INTO holds VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (ask.key, hold, worst.usd, worst.tokens, worst.calls, ms, now + lease),
            )
        return granted


def _begin(db: Db, ask: BudgetAsk) -> None:
    """Its row exists and is locked until the transaction ends."""
    db.execute(
        "INSERT INTO budgets (key, ends) VALUES (%s, %s) ON CONFLICT (key) DO UPDATE"
        " SET ends = excluded.ends",
        (ask.key, ask.ends),
    )
    for more in ask.more:
        amount = replace(more.amount, **zeros(more.amount))
        db.execute(
            "INSERT INTO extensions VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (ask.key, more.token, amount.usd, amount.tokens, amount.calls, amount.ms),
        )


def _settle(db: Db, keys: Sequence[str], hold: str, used: Amount) -> None:
    for key in sorted(keys):
        # The budget's row first: as everywhere, so that nobody waits in a circle.
        _lock(db, key)
        row = db.execute(
            "DELETE FROM holds WHERE key = %s AND id = %s RETURNING usd, tokens, calls, ms",
            (key, hold),
        ).fetchone()
        # Without a row the lease ended long ago: the worst case is spent, and this comes on top.
        _add(db, key, used, _amount(row) if row else Amount())


def _release(db: Db, hold: str) -> None:
    db.execute("DELETE FROM holds WHERE id = %s", (hold,))


def _sweep(db: Db, now: float) -> int:
    over = "SELECT DISTINCT key FROM holds WHERE until <= %s ORDER BY key"
    swept: set[str] = set()
    for (key,) in db.execute(over, (now - FOLD_AFTER,)).fetchall():
        _lock(db, key)
        dead = db.execute(
            "DELETE FROM holds WHERE key = %s AND until <= %s RETURNING id, usd, tokens, calls, ms",
            (key, now - FOLD_AFTER),
        ).fetchall()
        for hold, *worst in dead:
            _add(db, key, Amount(None, None, None, None), _amount(worst))
            swept.add(hold)
    # A budget that somebody uses just now is left for the next sweep.
    db.execute(
        "DELETE FROM budgets WHERE key IN (SELECT key FROM budgets b WHERE ends <= %s"
        " AND NOT EXISTS (SELECT FROM holds h WHERE h.key = b.key) FOR UPDATE SKIP LOCKED)",
        (now,),
    )
    db.execute(
        "DELETE FROM extensions e WHERE NOT EXISTS (SELECT FROM budgets b WHERE b.key = e.key)"
    )
    return len(swept)


def _lock(db: Db, key: str) -> None:
    db.execute("SELECT FROM budgets WHERE key = %s FOR UPDATE", (key,))


def _balance(db: Db, key: str, now: float) -> Balance:
    """How the budget stands at that time. A hold whose lease has ended is no longer held: what it
    set aside may have been spent."""
    held: LiteralString = f"{_HELD} AND until > %s"
    dead: LiteralString = f"{_HELD} AND until <= %s"
    row = _numbers(db, _SPENT, (key,)) or (0,) * 9
    kept = _numbers(db, held, (key, now))
    lost = _numbers(db, dead, (key, now))
    return Balance(
        spent=Amount(*row[:4]),
        lost=Amount(*(a + b for a, b in zip(row[4:8], lost[:4], strict=True))),
        held=Amount(*kept[:4]),
        more=Amount(*_numbers(db, _MORE, (key,))),
        unpriced=row[8] + lost[4],
    )


def _numbers(db: Db, sql: LiteralString, values: Sequence[object]) -> tuple[int, ...]:
    row = db.execute(sql, values).fetchone()
    return tuple(int(value) for value in row) if row else ()


def _amount(row: Sequence[object]) -> Amount:
    return Amount(*(None if value is None else int(str(value)) for value in row))


def _add(db: Db, key: str, used: Amount, worst: Amount) -> None:
    pairs = list(zip(astuple(used), astuple(worst), strict=True))
    spent = [take or 0 for take, _ in pairs]
    lost = [0 if take is not None else most or 0 for take, most in pairs]
    unpriced = int(used.usd is None and worst.usd is None)
    db.execute(
        "INSERT INTO budgets AS b (key, usd, tokens, calls, ms, lost_usd, lost_tokens, lost_calls,"
        " lost_ms, unpriced) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (key) DO UPDATE SET"
        " usd = b.usd + excluded.usd, tokens = b.tokens + excluded.tokens,"
        " calls = b.calls + excluded.calls, ms = b.ms + excluded.ms,"
        " lost_usd = b.lost_usd + excluded.lost_usd,"
        " lost_tokens = b.lost_tokens + excluded.lost_tokens,"
        " lost_calls = b.lost_calls + excluded.lost_calls,"
        " lost_ms = b.lost_ms + excluded.lost_ms, unpriced = b.unpriced + excluded.unpriced",
        (key, *spent, *lost, unpriced),
    )
