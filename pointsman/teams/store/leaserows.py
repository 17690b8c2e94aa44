"""Leases in SQLite: who holds what until when, and in which epoch."""

import sqlite3

from pointsman.teams.store.database import Database
from pointsman.teams.store.entries import Token


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
        return await self._read(lambda db: holder(db, name, self._clock()))


def holder(db: sqlite3.Connection, name: str, now: float) -> Token | None:
    """Who holds a lease at that time."""
    sql = "SELECT name, owner, epoch FROM leases WHERE name = ? AND owner != '' AND expires > ?"
    row = db.execute(sql, (name, now)).fetchone()
    return Token(*row) if row else None
