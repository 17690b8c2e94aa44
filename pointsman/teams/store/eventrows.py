"""The record's rows in SQLite: every event of every run."""

import sqlite3
from collections.abc import Sequence

from pointsman.nodes.event import Recorded
from pointsman.teams.store.database import Database
from pointsman.teams.store.mapping import recorded
from pointsman.teams.store.rows import BEGINNING, EventPage, Place, Wanted


class EventRows(Database):
    """The part of the store that keeps what happened."""

    async def record(self, run: str, events: Sequence[Recorded], *, seconds: float) -> None:
        rows = [(run, e.seq, e.at, e.event.model_dump_json()) for e in events]
        time_sql = "UPDATE runs SET seconds = seconds + ?, seconds_left = seconds_left - ?"

        def work(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?)", rows)
            db.execute(f"{time_sql} WHERE run = ?", (seconds, seconds, run))

        await self._do(work)

    async def events(self, run: str) -> tuple[Recorded, ...]:
        sql = "SELECT run, seq, at, event FROM events WHERE run = ? ORDER BY seq"
        rows = await self._read(lambda db: db.execute(sql, (run,)).fetchall())
        return tuple(recorded(*row) for row in rows)

    async def page(
        self, team: str, wanted: Wanted, *, after: Place = BEGINNING, limit: int = 1000
    ) -> EventPage:
        def work(db: sqlite3.Connection) -> EventPage:
            last = _last(db, wanted.run, after, limit)
            where, values = _where(team, wanted, after, last)
            # The order of the loops is fixed: along the record, whose primary key it is.
            rows = db.execute(
                "SELECT r.tenant, e.run, e.seq, e.at, e.event FROM events e CROSS JOIN runs r"  # noqa: S608 (constants)
                f" ON r.run = e.run WHERE {where} ORDER BY e.run, e.seq",
                values,
            )
            return EventPage(tuple((str(row[0]), recorded(*row[1:])) for row in rows), last)

        return await self._read(work)


def _last(db: sqlite3.Connection, run: str, after: Place, limit: int) -> Place | None:
    """The place of the last event of a full page; None where fewer follow."""
    only, values = ("AND run = ?", [run]) if run else ("", [])
    found = db.execute(
        f"SELECT run, seq FROM events WHERE (run, seq) > (?, ?) {only}"  # noqa: S608 (constants)
        " ORDER BY run, seq LIMIT 1 OFFSET ?",
        (after.run, after.seq, *values, limit - 1),
    ).fetchone()
    return Place(*found) if found else None


def _where(
    team: str, wanted: Wanted, after: Place, last: Place | None
) -> tuple[str, list[str | int | float]]:
    where = ["r.team = ?", "(e.run, e.seq) > (?, ?)"]
    values: list[str | int | float] = [team, after.run, after.seq]
    if last is not None:
        where.append("(e.run, e.seq) <= (?, ?)")
        values += last.run, last.seq
    for column, value in (("e.run", wanted.run), ("r.tenant", wanted.tenant)):
        if value:
            where.append(f"{column} = ?")
            values.append(value)
    for sign, value in ((">=", wanted.since), ("<", wanted.until)):
        if value is not None:
            where.append(f"e.at {sign} ?")
            values.append(value)
    if wanted.kinds:
        where.append(f"json_extract(e.event, '$.kind') IN ({','.join('?' * len(wanted.kinds))})")
        values += wanted.kinds
    return " AND ".join(where), values
