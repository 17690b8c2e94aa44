"""Blackboards in SQLite: every version a row, the newest one is the entry."""

import sqlite3

from pointsman.errors import InvalidEntry
from pointsman.teams.store.database import Database
from pointsman.teams.store.entries import BoardScope, EntryRow, EntryWrite, Put, Token
from pointsman.teams.store.leaserows import holder
from pointsman.teams.store.tokens import check_token

_ROW = "key, version, schema, value, author, run, why, at, expires, epoch"
_SCOPE = "team = ? AND tenant = ? AND thread = ?"
_NEWEST = (
    "version = (SELECT max(version) FROM board n WHERE n.team = b.team AND n.tenant = b.tenant"
    " AND n.thread = b.thread AND n.key = b.key)"
)


class BoardRows(Database):
    """The part of the store that keeps what specialists share."""

    async def board_put(
        self, scope: BoardScope, write: EntryWrite, *, expect: int, token: Token | None = None
    ) -> Put:
        def work(db: sqlite3.Connection) -> Put:
            now = self._clock()
            before = _repeated(db, scope, write)
            if before is not None:
                return Put(written=True, row=before)
            check_token(lambda name: holder(db, name, now), token, write)
            newest = _newest(db, scope, write.key)
            stands = newest if newest is not None and newest.live(now) else None
            if expect != (stands.version if stands else 0):
                return Put(written=False, row=stands)
            last = newest.version if newest else _room(db, scope, write, now)
            row = _insert(db, scope, write, last + 1, now, token)
            sql = f"DELETE FROM board WHERE {_SCOPE} AND key = ? AND version <= ?"  # noqa: S608 (constants)
            db.execute(sql, (*_of(scope), write.key, row.version - write.keep))
            return Put(written=True, row=row)

        return await self._do(work)

    async def board_get(self, scope: BoardScope, key: str) -> EntryRow | None:
        row = await self._read(lambda db: _newest(db, scope, key))
        return row if row is not None and row.live(self._clock()) else None

    async def board_list(
        self, scope: BoardScope, *, after: str = "", limit: int = 100
    ) -> tuple[EntryRow, ...]:
        sql = (
            f"SELECT {_ROW} FROM board b WHERE {_SCOPE} AND key > ? AND {_NEWEST}"  # noqa: S608 (constants)
            " AND value IS NOT NULL AND (expires IS NULL OR expires > ?) ORDER BY key LIMIT ?"
        )
        values = (*_of(scope), after, self._clock(), limit)
        rows = await self._read(lambda db: db.execute(sql, values).fetchall())
        return tuple(EntryRow(*row) for row in rows)

    async def board_history(
        self, scope: BoardScope, key: str, *, after: int = 0, limit: int = 100, back: bool = False
    ) -> tuple[EntryRow, ...]:
        sql = (
            f"SELECT {_ROW} FROM board WHERE {_SCOPE} AND key = ? AND version > ?"  # noqa: S608 (constants)
            f" ORDER BY version {'DESC' if back else 'ASC'} LIMIT ?"
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
            "SELECT DISTINCT team, tenant, thread FROM board WHERE team = ? AND tenant = ?"
            " ORDER BY thread LIMIT ?"
        )
        rows = await self._read(lambda db: db.execute(sql, (team, tenant, limit)).fetchall())
        return tuple(BoardScope(*row) for row in rows)

    async def board_erase(self, scope: BoardScope) -> int:
        def work(db: sqlite3.Connection) -> int:
            sql = f"SELECT coalesce(max(version), 0) FROM board WHERE {_SCOPE}"  # noqa: S608 (constants)
            (last,) = db.execute(sql, _of(scope)).fetchone()
            if last:
                _raise_floor(db, scope, last)
            return db.execute(f"DELETE FROM board WHERE {_SCOPE}", _of(scope)).rowcount  # noqa: S608 (constants)

        return await self._do(work)


def _of(scope: BoardScope) -> tuple[str, str, str]:
    return scope.team, scope.tenant, scope.thread


def _repeated(db: sqlite3.Connection, scope: BoardScope, write: EntryWrite) -> EntryRow | None:
    """The version that the same write made before."""
    if not write.once:
        return None
    sql = f"SELECT {_ROW} FROM board WHERE {_SCOPE} AND key = ? AND once = ?"  # noqa: S608 (constants)
    row = db.execute(sql, (*_of(scope), write.key, write.once)).fetchone()
    return EntryRow(*row) if row else None


def _newest(db: sqlite3.Connection, scope: BoardScope, key: str) -> EntryRow | None:
    sql = f"SELECT {_ROW} FROM board WHERE {_SCOPE} AND key = ? ORDER BY version DESC LIMIT 1"  # noqa: S608 (constants)
    row = db.execute(sql, (*_of(scope), key)).fetchone()
    return EntryRow(*row) if row else None


def _insert(
    db: sqlite3.Connection,
    scope: BoardScope,
    write: EntryWrite,
    version: int,
    now: float,
    token: Token | None,
) -> EntryRow:
    expires = None if write.ttl is None else now + write.ttl
    row = EntryRow(
        write.key, version, write.schema, write.value, write.author, write.run, write.why, now,
        expires, token.epoch if token else None,
    )  # fmt: skip
    sql = (
        f"INSERT INTO board (team, tenant, thread, once, {_ROW})"  # noqa: S608 (constants)
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    values = (
        row.key, row.version, row.schema, row.value, row.author, row.run, row.why, row.at,
        row.expires, row.epoch,
    )  # fmt: skip
    db.execute(sql, (*_of(scope), write.once, *values))
    return row


def _room(db: sqlite3.Connection, scope: BoardScope, write: EntryWrite, now: float) -> int:
    """Make room for a new key. The version after which it begins: above that of every key of the
    scope that was forgotten, so that no version of a key ever comes twice."""
    sql = f"SELECT count(DISTINCT key) FROM board WHERE {_SCOPE}"  # noqa: S608 (constants)
    (keys,) = db.execute(sql, _of(scope)).fetchone()
    if keys >= write.most:
        absent = (
            f"SELECT key, version FROM board b WHERE {_SCOPE} AND {_NEWEST}"  # noqa: S608 (constants)
            " AND (value IS NULL OR expires <= ?) ORDER BY coalesce(expires, at) LIMIT 1"
        )
        found = db.execute(absent, (*_of(scope), now)).fetchone()
        if found is None:
            raise InvalidEntry(
                f"The blackboard of team {scope.team!r} is full: {keys} entries in this scope.",
                hint="Remove some, give them a ttl, or raise Blackboard(max_entries=).",
            )
        _raise_floor(db, scope, found[1])
        db.execute(f"DELETE FROM board WHERE {_SCOPE} AND key = ?", (*_of(scope), found[0]))  # noqa: S608 (constants)
    sql = f"SELECT version FROM board_floors WHERE {_SCOPE}"  # noqa: S608 (constants)
    floor = db.execute(sql, _of(scope)).fetchone()
    return int(floor[0]) if floor else 0


def _raise_floor(db: sqlite3.Connection, scope: BoardScope, version: int) -> None:
    db.execute(
        "INSERT INTO board_floors VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " version = max(version, excluded.version)",
        (*_of(scope), version),
    )
