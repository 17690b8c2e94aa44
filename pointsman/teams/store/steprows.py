"""The steps of runs in SQLite, each with what it met, and the parts of what models were asked."""

import sqlite3
from collections.abc import Mapping, Sequence

from pointsman.teams.store.database import Database
from pointsman.teams.tape import StepBody, StepRow, StepTape


class StepRows(Database):
    """The part of the store that a run is played again from."""

    async def steps(self, run: str) -> tuple[StepRow, ...]:
        sql = "SELECT run, n, step, at, body FROM steps WHERE run = ? ORDER BY n"
        rows = await self._read(lambda db: db.execute(sql, (run,)).fetchall())
        return tuple(
            StepRow(name, n, step, at, StepBody.model_validate_json(body))
            for name, n, step, at, body in rows
        )

    async def all_parts(self, run: str) -> Mapping[str, str]:
        sql = "SELECT digest, body FROM asked WHERE run = ?"
        return await self._read(lambda db: dict(db.execute(sql, (run,)).fetchall()))

    async def parts(self, run: str, digests: Sequence[str]) -> Mapping[str, str]:
        sql = "SELECT body FROM asked WHERE run = ? AND digest = ?"

        def work(db: sqlite3.Connection) -> dict[str, str]:
            found = ((one, db.execute(sql, (run, one)).fetchone()) for one in digests)
            return {one: row[0] for one, row in found if row}

        return await self._read(work)


def add(db: sqlite3.Connection, run: str, tapes: Sequence[StepTape]) -> None:
    """Insert steps after those that are there, and the parts that are new."""
    if not tapes:
        return
    (last,) = db.execute("SELECT max(n) FROM steps WHERE run = ?", (run,)).fetchone()
    rows = [(tape, tape.row(run)) for tape in tapes]
    db.executemany(
        "INSERT INTO steps (run, n, step, at, body) VALUES (?, ?, ?, ?, ?)",
        [
            (run, n, row.step, row.at, row.body.model_dump_json())
            for n, (_, row) in enumerate(rows, start=0 if last is None else last + 1)
        ],
    )
    db.executemany(
        "INSERT OR IGNORE INTO asked (run, digest, body) VALUES (?, ?, ?)",
        [(run, name, body) for tape in tapes for name, body in tape.parts.items()],
    )
