"""The vault's rows in SQLite. Their values are sealed; the key is not in this file."""

import sqlite3
from collections.abc import Sequence

from pointsman.guardrails.sealing import VaultRow
from pointsman.teams.store.database import Database


class VaultTable(Database):
    """The part of the store that keeps what was redacted."""

    async def vault_add(self, run: str, rows: Sequence[VaultRow]) -> bool:
        values = [(run, r.label, r.number, r.mac, r.key_id, r.sealed) for r in rows]
        sql = (
            "INSERT OR IGNORE INTO vault (run, label, number, mac, key_id, sealed)"
            " VALUES (?, ?, ?, ?, ?, ?)"
        )

        def work(db: sqlite3.Connection) -> bool:
            db.execute("SAVEPOINT vault_add")
            whole = db.executemany(sql, values).rowcount == len(values)
            if not whole:
                db.execute("ROLLBACK TO vault_add")
            db.execute("RELEASE vault_add")
            return whole

        return await self._do(work)

    async def vault(self, run: str) -> tuple[VaultRow, ...]:
        sql = "SELECT label, number, mac, key_id, sealed FROM vault WHERE run = ? ORDER BY rowid"
        rows = await self._read(lambda db: db.execute(sql, (run,)).fetchall())
        return tuple(VaultRow(*row) for row in rows)

    async def vault_erase(self, run: str) -> int:
        return await self._do(
            lambda db: db.execute("DELETE FROM vault WHERE run = ?", (run,)).rowcount
        )
