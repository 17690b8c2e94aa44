"""The ledger of effects in SQLite."""

import sqlite3
from typing import Literal

from pointsman.teams.store.database import Database
from pointsman.teams.store.rows import EffectRow

_COLUMNS = "key, ticket, run, tool, digest, state, result, attempt, intended"


class EffectRows(Database):
    """The part of the store that knows what was done."""

    async def intend(
        self, key: str, ticket: str, run: str, tool: str, digest: str
    ) -> EffectRow | None:
        def work(db: sqlite3.Connection) -> EffectRow | None:
            there = db.execute(
                f"SELECT {_COLUMNS} FROM effects WHERE key = ?",  # noqa: S608 (constants)
                (key,),
            ).fetchone()
            if there:
                return EffectRow(*there)
            db.execute(
                "INSERT INTO effects (key, ticket, run, tool, digest, state, intended)"
                " VALUES (?, ?, ?, ?, ?, 'intended', ?)",
                (key, ticket, run, tool, digest, self._clock()),
            )
            return None

        return await self._do(work)

    async def intend_again(self, key: str, attempt: int) -> bool:
        sql = (
            "UPDATE effects SET state = 'intended', attempt = attempt + 1, intended = ?,"
            " ended = NULL, result = '' WHERE key = ? AND attempt = ?"
            " AND state IN ('intended', 'failed')"
        )
        values = (self._clock(), key, attempt)
        return await self._do(lambda db: db.execute(sql, values).rowcount == 1)

    async def effect_ended(
        self, key: str, state: Literal["done", "failed", "undone"], result: str
    ) -> None:
        sql = "UPDATE effects SET state = ?, result = ?, ended = ? WHERE key = ?"
        values = (state, result, self._clock(), key)
        await self._do(lambda db: db.execute(sql, values))

    async def effect(self, key: str) -> EffectRow | None:
        sql = f"SELECT {_COLUMNS} FROM effects WHERE key = ?"  # noqa: S608 (constants)
        row = await self._read(lambda db: db.execute(sql, (key,)).fetchone())
        return EffectRow(*row) if row else None

    async def effects(self, run: str) -> tuple[EffectRow, ...]:
        sql = f"SELECT {_COLUMNS} FROM effects WHERE run = ? ORDER BY rowid"  # noqa: S608 (constants)
        rows = await self._read(lambda db: db.execute(sql, (run,)).fetchall())
        return tuple(EffectRow(*row) for row in rows)
