"""The ledger of effects in PostgreSQL."""

# ruff: noqa: S608 (psycopg's types take literal strings only)

import json
from collections.abc import Sequence
from typing import Any, Literal, LiteralString

from pointsman.teams.store.postgres.database import Database, Db
from pointsman.teams.store.rows import EffectRow

_COLUMNS: LiteralString = "key, ticket, run, tool, digest, state, result, attempt, intended"


class EffectRows(Database):
    """The part of the store that knows what was done."""

    async def intend(
        self, key: str, ticket: str, run: str, tool: str, digest: str
    ) -> EffectRow | None:
        values = (key, ticket, run, tool, digest, self._clock())

        def work(db: Db) -> EffectRow | None:
            while True:
                new = db.execute(
                    "INSERT INTO effects (key, ticket, run, tool, digest, state, intended)"
                    " VALUES (%s, %s, %s, %s, %s, 'intended', %s) ON CONFLICT (key) DO NOTHING",
                    values,
                )
                if new.rowcount:
                    return None
                there = db.execute(f"SELECT {_COLUMNS} FROM effects WHERE key = %s", (key,))
                if row := there.fetchone():
                    return _effect(row)

        return await self._do(work)

    async def intend_again(self, key: str, attempt: int) -> bool:
        sql = (
            "UPDATE effects SET state = 'intended', attempt = attempt + 1, intended = %s,"
            " ended = NULL, result = '\"\"' WHERE key = %s AND attempt = %s"
            " AND state IN ('intended', 'failed')"
        )
        values = (self._clock(), key, attempt)
        return await self._do(lambda db: db.execute(sql, values).rowcount == 1)

    async def effect_ended(
        self, key: str, state: Literal["done", "failed", "undone"], result: str
    ) -> None:
        sql = "UPDATE effects SET state = %s, result = %s, ended = %s WHERE key = %s"
        values = (state, json.dumps(result), self._clock(), key)
        await self._do(lambda db: db.execute(sql, values))

    async def effect(self, key: str) -> EffectRow | None:
        sql: LiteralString = f"SELECT {_COLUMNS} FROM effects WHERE key = %s"
        row = await self._read(lambda db: db.execute(sql, (key,)).fetchone())
        return _effect(row) if row else None

    async def effects(self, run: str) -> tuple[EffectRow, ...]:
        sql: LiteralString = f"SELECT {_COLUMNS} FROM effects WHERE run = %s ORDER BY seq"
        rows = await self._read(lambda db: db.execute(sql, (run,)).fetchall())
        return tuple(map(_effect, rows))


def _effect(row: Sequence[Any]) -> EffectRow:
    key, ticket, run, tool, digest, state, result, *rest = row
    return EffectRow(key, ticket, run, tool, digest, state, json.loads(result), *rest)
