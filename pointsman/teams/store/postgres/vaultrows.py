"""The vault's rows in PostgreSQL. Their values are sealed; the key is not in this database."""

from collections.abc import Sequence

import psycopg

from pointsman.guardrails.sealing import VaultRow
from pointsman.teams.store.postgres.database import Database, Db


class VaultTable(Database):
    """The part of the store that keeps what was redacted."""

    async def vault_add(self, run: str, rows: Sequence[VaultRow]) -> bool:
        values = [(run, r.label, r.number, r.mac, r.key_id, r.sealed) for r in rows]
        sql = (
            "INSERT INTO vault (run, label, number, mac, key_id, sealed)"
            " VALUES (%s, %s, %s, %s, %s, %s)"
        )

        def work(db: Db) -> bool:
            try:
                with db.transaction():  # a savepoint
                    db.cursor().executemany(sql, values)
            except psycopg.errors.UniqueViolation:
                return False
            return True

        return await self._do(work) if values else True

    async def vault(self, run: str) -> tuple[VaultRow, ...]:
        sql = "SELECT label, number, mac, key_id, sealed FROM vault WHERE run = %s ORDER BY seq"
        rows = await self._read(lambda db: db.execute(sql, (run,)).fetchall())
        return tuple(VaultRow(*row) for row in rows)

    async def vault_erase(self, run: str) -> int:
        return await self._do(
            lambda db: db.execute("DELETE FROM vault WHERE run = %s", (run,)).rowcount
        )
