"""The steps of runs in PostgreSQL, each with what it met, and the parts of what models got."""

import json
from collections.abc import Mapping, Sequence

from pointsman.teams.store.postgres.database import Database, Db
from pointsman.teams.tape import StepBody, StepRow, StepTape


class StepRows(Database):
    """The part of the store that a run is played again from."""

    async def steps(self, run: str) -> tuple[StepRow, ...]:
        sql = "SELECT run, n, step, at, body FROM steps WHERE run = %s ORDER BY n"
        rows = await self._read(lambda db: db.execute(sql, (run,)).fetchall())
        return tuple(
            StepRow(name, n, step, at, StepBody.model_validate_json(body))
            for name, n, step, at, body in rows
        )

    async def all_parts(self, run: str) -> Mapping[str, str]:
        sql = "SELECT digest, body FROM asked WHERE run = %s"
        rows = await self._read(lambda db: db.execute(sql, (run,)).fetchall())
        return {digest: json.loads(body) for digest, body in rows}

    async def parts(self, run: str, digests: Sequence[str]) -> Mapping[str, str]:
        sql = "SELECT digest, body FROM asked WHERE run = %s AND digest = ANY(%s)"
        values = (run, list(digests))
        rows = await self._read(lambda db: db.execute(sql, values).fetchall())
        return {digest: json.loads(body) for digest, body in rows}


def add(db: Db, run: str, tapes: Sequence[StepTape]) -> None:
    """Insert steps after those that are there, and the parts that are new. The run's row is locked:
    nobody else adds to them."""
    if not tapes:
        return
    last = db.execute("SELECT coalesce(max(n), -1) FROM steps WHERE run = %s", (run,)).fetchone()
    rows = [tape.row(run) for tape in tapes]
    db.cursor().executemany(
        "INSERT INTO steps (run, n, step, at, body) VALUES (%s, %s, %s, %s, %s)",
        [
            (run, n, row.step, row.at, row.body.model_dump_json())
            for n, row in enumerate(rows, start=last[0] + 1 if last else 0)
        ],
    )
    parts = {name: body for tape in tapes for name, body in tape.parts.items()}
    if parts:
        db.cursor().executemany(
            "INSERT INTO asked (run, digest, body) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [(run, name, json.dumps(body)) for name, body in parts.items()],
        )
