"""The record's rows in SQLite: every event of every run."""

import sqlite3
from collections.abc import Sequence

from pointsman.nodes.event import Recorded
from pointsman.teams.store import counting, steprows
from pointsman.teams.store.database import Database
from pointsman.teams.store.mapping import recorded
from pointsman.teams.store.rows import BEGINNING, EventPage, Place, Wanted
from pointsman.teams.tape import StepTape

_CALLED_OUT = (
    "CASE json_extract(e.event, '$.kind') WHEN 'model_failed' THEN 1 WHEN 'hedged' THEN 1"
    " WHEN 'model_called' THEN json_extract(e.event, '$.source') = 'model' ELSE 0 END"
)
"""As `called_out`."""


class EventRows(Database):
    """The part of the store that keeps what happened."""

    async def record(
        self,
        run: str,
        events: Sequence[Recorded],
        *,
        seconds: float,
        steps: Sequence[StepTape] = (),
    ) -> None:
        time_sql = (
            "UPDATE runs SET seconds = seconds + ?, seconds_left = seconds_left - ?"
            " WHERE run = ? RETURNING team, tenant, seconds, parent, fork_of"
        )

        def work(db: sqlite3.Connection) -> None:
            added = _add(db, run, events)
            steprows.add(db, run, steps)
            facts = db.execute(time_sql, (seconds, seconds, run)).fetchone()
            if added and facts:
                counting.count(db, counting.RunFacts(*facts), added)

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


def _add(db: sqlite3.Connection, run: str, events: Sequence[Recorded]) -> list[Recorded]:
    """Insert the events whose places in the run are free, and give these."""
    if not events:
        return []
    first, last = min(e.seq for e in events), max(e.seq for e in events)
    sql = "SELECT seq FROM events WHERE run = ? AND seq BETWEEN ? AND ?"
    taken = {seq for (seq,) in db.execute(sql, (run, first, last))}
    added: list[Recorded] = []
    for event in events:
        if event.seq not in taken:
            taken.add(event.seq)
            added.append(event)
    db.executemany(
        "INSERT INTO events (run, seq, at, event) VALUES (?, ?, ?, ?)",
        [(run, e.seq, e.at, e.event.model_dump_json()) for e in added],
    )
    return added


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
    if not wanted.forks:
        where.append(f"(r.fork_of = '' OR {_CALLED_OUT})")
    if wanted.kinds:
        where.append(f"json_extract(e.event, '$.kind') IN ({','.join('?' * len(wanted.kinds))})")
        values += wanted.kinds
    return " AND ".join(where), values
