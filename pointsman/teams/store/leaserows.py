"""Leases in SQLite: who holds what until when, and in which epoch."""

import sqlite3

from pointsman.errors import Fenced
from pointsman.teams.store.database import Database
from pointsman.teams.store.entries import EntryWrite, Token


class LeaseRows(Database):
    """The part of the store that knows who may act alone."""

    async def lease(self, name: str, owner: str, ttl: float) -> int | None:
        sql = (
            "INSERT INTO leases VALUES (?1, ?2, 1, ?3) ON CONFLICT (name) DO UPDATE SET"
            " epoch = epoch + (owner != ?2), owner = ?2, expires = ?3"
            " WHERE owner = ?2 OR expires <= ?4 RETURNING epoch"
        )

        def work(db: sqlite3.Connection) -> int | None:
            now = self._clock()
            row = db.execute(sql, (name, owner, now + ttl, now)).fetchone()
            return row[0] if row else None

        return await self._do(work)

    async def seize(self, name: str, owner: str, ttl: float) -> int:
        sql = (
            "INSERT INTO leases VALUES (?1, ?2, 1, ?3) ON CONFLICT (name) DO UPDATE SET"
            " epoch = epoch + (owner != ?2), owner = ?2, expires = ?3 RETURNING epoch"
        )

        def work(db: sqlite3.Connection) -> int:
            (epoch,) = db.execute(sql, (name, owner, self._clock() + ttl)).fetchone()
            return int(epoch)

        return await self._do(work)

    async def renew(self, token: Token, ttl: float) -> bool:
        sql = "UPDATE leases SET expires = ? WHERE name = ? AND owner = ? AND epoch = ?"

        def work(db: sqlite3.Connection) -> bool:
            values = (self._clock() + ttl, token.name, token.owner, token.epoch)
            return db.execute(sql, values).rowcount == 1

        return await self._do(work)

    async def release(self, name: str, owner: str) -> None:
        sql = "UPDATE leases SET expires = 0, owner = '' WHERE name = ? AND owner = ?"
        await self._do(lambda db: db.execute(sql, (name, owner)))

    async def holder(self, name: str) -> Token | None:
        return await self._read(lambda db: _holder(db, name, self._clock()))


def _holder(db: sqlite3.Connection, name: str, now: float) -> Token | None:
    sql = "SELECT name, owner, epoch FROM leases WHERE name = ? AND owner != '' AND expires > ?"
    row = db.execute(sql, (name, now)).fetchone()
    return Token(*row) if row else None


def check_token(db: sqlite3.Connection, token: Token | None, write: EntryWrite, now: float) -> None:
    """Refuse a write whose token is not the one of its lease just now, and one without the token
    of the entry's own lease. In the transaction of the write. Raises Fenced."""
    if token is not None and _holder(db, token.name, now) != token:
        raise Fenced(
            f"The write of {write.key!r} by {write.author or 'nobody named'!r} carries epoch"
            f" {token.epoch} of a lease that ended or that somebody else holds now.",
            hint="Take the lease anew, read the entry again, and decide anew what to write.",
        )
    if not write.lease or (token is not None and token.name == write.lease):
        return
    held = _holder(db, write.lease, now)
    if held is not None:
        raise Fenced(
            f"Entry {write.key!r} is leased by {held.owner.rpartition(':')[0] or held.owner!r}.",
            hint="Wait until it is released, or take the lease and give put(lease=).",
        )
    if write.leased:
        raise Fenced(
            f"Entry {write.key!r} is written under its lease only.",
            hint="Take it with `async with board.lease(key)` and give put(lease=).",
        )
