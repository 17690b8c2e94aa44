"""Blackboards in PostgreSQL: every version a row, the newest one is the entry."""

# ruff: noqa: S608 (psycopg's types take literal strings only)

import json
from typing import LiteralString

from pointsman.errors import InvalidEntry
from pointsman.teams.store.entries import BoardScope, EntryRow, EntryWrite, Put, Token
from pointsman.teams.store.postgres.database import Database, Db
from pointsman.teams.store.postgres.leaserows import steady_holder
from pointsman.teams.store.tokens import check_token

_ROW: LiteralString = "key, version, schema, value, author, run, why, at, expires, epoch"
_SCOPE: LiteralString = "team = %s AND tenant = %s AND thread = %s"
_NEWEST: LiteralString = (
    "version = (SELECT max(version) FROM board n WHERE n.team = b.team AND n.tenant = b.tenant"
    " AND n.thread = b.thread AND n.key = b.key)"
)


class BoardRows(Database):
    """The part of the store that keeps what specialists share."""

    async def board_put(
        self, scope: BoardScope, write: EntryWrite, *, expect: int, token: Token | None = None
    ) -> Put:
        def work(db: Db) -> Put:
            _alone(db, scope)
            now = self._now(db)
            before = _repeated(db, scope, write)
            if before is not None:
                return Put(written=True, row=before)
            check_token(lambda name: steady_holder(db, name, now), token, write)
            newest = _newest(db, scope, write.key)
            stands = newest if newest is not None and newest.live(now) else None
            if expect != (stands.version if stands else 0):
                return Put(written=False, row=stands)
            last = newest.version if newest else _room(db, scope, write, now)
            row = _insert(db, scope, write, last + 1, now, token)
            sql: LiteralString = f"DELETE FROM board WHERE {_SCOPE} AND key = %s AND version <= %s"
            db.execute(sql, (*_of(scope), write.key, row.version - write.keep))
            return Put(written=True, row=row)

        return await self._do(work)

    async def board_get(self, scope: BoardScope, key: str) -> EntryRow | None:
        def work(db: Db) -> EntryRow | None:
            row = _newest(db, scope, key)
            return row if row is not None and row.live(self._now(db)) else None

        return await self._read(work)

    async def board_list(
        self, scope: BoardScope, *, after: str = "", limit: int = 100
    ) -> tuple[EntryRow, ...]:
        sql: LiteralString = (
            f"SELECT {_ROW} FROM board b WHERE {_SCOPE} AND key > %s AND {_NEWEST}"
            " AND value IS NOT NULL AND (expires IS NULL OR expires > %s) ORDER BY key LIMIT %s"
        )

        def work(db: Db) -> tuple[EntryRow, ...]:
            rows = db.execute(sql, (*_of(scope), after, self._now(db), limit)).fetchall()
            return tuple(EntryRow(*row) for row in rows)

        return await self._read(work)

    async def board_history(
        self, scope: BoardScope, key: str, *, after: int = 0, limit: int = 100, back: bool = False
    ) -> tuple[EntryRow, ...]:
        order: LiteralString = "DESC" if back else "ASC"
        sql: LiteralString = (
            f"SELECT {_ROW} FROM board WHERE {_SCOPE} AND key = %s AND version > %s"
            f" ORDER BY version {order} LIMIT %s"
        )
        values = (*_of(scope), key, after, limit)
        rows = await self._read(lambda db: db.execute(sql, values).fetchall())
        return tuple(EntryRow(*row) for row in rows)

    async def board_written(self, scope: BoardScope, key: str, once: str) -> EntryRow | None:
        mark = EntryWrite(key, "", None, "", once=once)
        return await self._read(lambda db: _repeated(db, scope, mark))

    async def board_scopes(
        self, team: str, tenant: str, *, limit: int = 1000
    ) -> tuple[BoardScope, ...]:
        sql = (
            "SELECT DISTINCT team, tenant, thread FROM board WHERE team = %s AND tenant = %s"
            " ORDER BY thread LIMIT %s"
        )
        rows = await self._read(lambda db: db.execute(sql, (team, tenant, limit)).fetchall())
        return tuple(BoardScope(*row) for row in rows)

    async def board_erase(self, scope: BoardScope) -> int:
        def work(db: Db) -> int:
            _alone(db, scope)
            sql: LiteralString = f"SELECT coalesce(max(version), 0) FROM board WHERE {_SCOPE}"
            last = db.execute(sql, _of(scope)).fetchone()
            if last is not None and last[0]:
                _raise_floor(db, scope, last[0])
            away: LiteralString = f"DELETE FROM board WHERE {_SCOPE}"
            return db.execute(away, _of(scope)).rowcount

        return await self._do(work)


def _alone(db: Db, scope: BoardScope) -> None:
    """One write of a scope at a time: they count its keys, and forget some."""
    values = (json.dumps(_of(scope)),)
    db.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 3))", values)


def _of(scope: BoardScope) -> tuple[str, str, str]:
    return scope.team, scope.tenant, scope.thread


def _repeated(db: Db, scope: BoardScope, write: EntryWrite) -> EntryRow | None:
    """The version that the same write made before."""
    if not write.once:
        return None
    sql: LiteralString = f"SELECT {_ROW} FROM board WHERE {_SCOPE} AND key = %s AND once = %s"
    row = db.execute(sql, (*_of(scope), write.key, write.once)).fetchone()
    return EntryRow(*row) if row else None


def _newest(db: Db, scope: BoardScope, key: str) -> EntryRow | None:
    sql: LiteralString = (
        f"SELECT {_ROW} FROM board WHERE {_SCOPE} AND key = %s ORDER BY version DESC LIMIT 1"
    )
    row = db.execute(sql, (*_of(scope), key)).fetchone()
    return EntryRow(*row) if row else None


def _insert(
    db: Db, scope: BoardScope, write: EntryWrite, version: int, now: float, token: Token | None
) -> EntryRow:
    expires = None if write.ttl is None else now + write.ttl
    row = EntryRow(
        write.key, version, write.schema, write.value, write.author, write.run, write.why, now,
        expires, token.epoch if token else None,
    )  # fmt: skip
    sql: LiteralString = (
        f"INSERT INTO board (team, tenant, thread, once, {_ROW})"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
    )
    values = (
        row.key, row.version, row.schema, row.value, row.author, row.run, row.why, row.at,
        row.expires, row.epoch,
    )  # fmt: skip
    db.execute(sql, (*_of(scope), write.once, *values))
    return row


def _room(db: Db, scope: BoardScope, write: EntryWrite, now: float) -> int:
    """Make room for a new key. The version after which it begins: above that of every key of the
    scope that was forgotten, so that no version of a key ever comes twice."""
    sql: LiteralString = f"SELECT count(DISTINCT key) FROM board WHERE {_SCOPE}"
    counted = db.execute(sql, _of(scope)).fetchone()
    keys = counted[0] if counted else 0
    if keys >= write.most:
        absent: LiteralString = (
            f"SELECT key, version FROM board b WHERE {_SCOPE} AND {_NEWEST}"
            " AND (value IS NULL OR expires <= %s) ORDER BY coalesce(expires, at) LIMIT 1"
        )
        found = db.execute(absent, (*_of(scope), now)).fetchone()
        if found is None:
            raise InvalidEntry(
                f"The blackboard of team {scope.team!r} is full: {keys} entries in this scope.",
                hint="Remove some, give them a ttl, or raise Blackboard(max_entries=).",
            )
        _raise_floor(db, scope, found[1])
        away: LiteralString = f"DELETE FROM board WHERE {_SCOPE} AND key = %s"
        db.execute(away, (*_of(scope), found[0]))
    floors: LiteralString = f"SELECT version FROM board_floors WHERE {_SCOPE}"
    floor = db.execute(floors, _of(scope)).fetchone()
    return int(floor[0]) if floor else 0


def _raise_floor(db: Db, scope: BoardScope, version: int) -> None:
    db.execute(
        "INSERT INTO board_floors AS f VALUES (%s, %s, %s, %s) ON CONFLICT (team, tenant, thread)"
        " DO UPDATE SET version = greatest(f.version, excluded.version)",
        (*_of(scope), version),
    )
