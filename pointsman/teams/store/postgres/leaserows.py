"""Leases in PostgreSQL: who holds what until when, and in which epoch."""

from pointsman.teams.store.entries import Token
from pointsman.teams.store.postgres.database import Database, Db


class LeaseRows(Database):
    """The part of the store that knows who may act alone."""

    async def lease(self, name: str, owner: str, ttl: float) -> int | None:
        sql = (
            "INSERT INTO leases AS l VALUES (%(name)s, %(owner)s, 1, %(until)s)"
            " ON CONFLICT (name) DO UPDATE SET epoch = l.epoch + (l.owner <> %(owner)s)::int,"
            " owner = %(owner)s, expires = %(until)s"
            " WHERE l.owner = %(owner)s OR l.expires <= %(now)s RETURNING epoch"
        )

        def work(db: Db) -> int | None:
            _wait_for_writes(db, name)
            now = self._now(db)
            values = {"name": name, "owner": owner, "until": now + ttl, "now": now}
            row = db.execute(sql, values).fetchone()
            return row[0] if row else None

        return await self._do(work)

    async def seize(self, name: str, owner: str, ttl: float) -> int:
        sql = (
            "INSERT INTO leases AS l VALUES (%(name)s, %(owner)s, 1, %(until)s)"
            " ON CONFLICT (name) DO UPDATE SET epoch = l.epoch + (l.owner <> %(owner)s)::int,"
            " owner = %(owner)s, expires = %(until)s RETURNING epoch"
        )

        def work(db: Db) -> int:
            _wait_for_writes(db, name)
            values = {"name": name, "owner": owner, "until": self._now(db) + ttl}
            row = db.execute(sql, values).fetchone()
            assert row is not None  # noqa: S101 (it is inserted or updated)
            return int(row[0])

        return await self._do(work)

    async def renew(self, token: Token, ttl: float) -> bool:
        sql = "UPDATE leases SET expires = %s WHERE name = %s AND owner = %s AND epoch = %s"

        def work(db: Db) -> bool:
            values = (self._now(db) + ttl, token.name, token.owner, token.epoch)
            return db.execute(sql, values).rowcount == 1

        return await self._do(work)

    async def release(self, name: str, owner: str) -> None:
        sql = "UPDATE leases SET expires = 0, owner = '' WHERE name = %s AND owner = %s"
        await self._do(lambda db: db.execute(sql, (name, owner)))

    async def holder(self, name: str) -> Token | None:
        return await self._read(lambda db: holder(db, name, self._now(db)))


def _wait_for_writes(db: Db, name: str) -> None:
    """The lease does not change hands while a write is under way that looked who holds it."""
    db.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (name,))


def holder(db: Db, name: str, now: float) -> Token | None:
    """Who holds a lease at that time."""
    sql = "SELECT name, owner, epoch FROM leases WHERE name = %s AND owner <> '' AND expires > %s"
    row = db.execute(sql, (name, now)).fetchone()
    return Token(*row) if row else None


def steady_holder(db: Db, name: str, now: float) -> Token | None:
    """The same; nobody else gets the lease before this transaction ends."""
    db.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 1))", (name,))
    return holder(db, name, now)
