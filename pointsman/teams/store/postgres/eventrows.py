"""The record's rows in PostgreSQL: every event of every run."""

# ruff: noqa: S608 (psycopg's types take literal strings only)

from collections.abc import Sequence
from typing import LiteralString

from pointsman.nodes.event import Recorded
from pointsman.teams.store.counting import RunFacts
from pointsman.teams.store.mapping import recorded
from pointsman.teams.store.postgres import counting, steprows
from pointsman.teams.store.postgres.database import Database, Db
from pointsman.teams.store.postgres.places import FIRST
from pointsman.teams.store.rows import BEGINNING, EventPage, Place, Wanted
from pointsman.teams.tape import StepTape

_CALLED_OUT: LiteralString = (
    # As it is stored, without blanks. In a text the quotation marks have backslashes.
    "(e.kind IN ('model_failed', 'hedged')"
    " OR (e.kind = 'model_called' AND strpos(e.event, '\"source\":\"model\"') > 0))"
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
        sql = (
            "UPDATE runs SET seconds = seconds + %s, seconds_left = seconds_left - %s"
            " WHERE run = %s RETURNING team, tenant, seconds, parent, fork_of"
        )

        def work(db: Db) -> None:
            # Its row first: of two who record the same run at once, one waits here.
            facts = db.execute(sql, (seconds, seconds, run)).fetchone()
            added = _add(db, run, events)
            steprows.add(db, run, steps)
            if added and facts:
                # Last: others may wait for the rows that it changes.
                counting.count(db, run, RunFacts(*facts), added)

        await self._do(work)

    async def events(self, run: str) -> tuple[Recorded, ...]:
        sql = "SELECT run, seq, at, event FROM events WHERE run = %s ORDER BY seq"
        rows = await self._read(lambda db: db.execute(sql, (run,)).fetchall())
        return tuple(recorded(*row) for row in rows)

    async def page(
        self, team: str, wanted: Wanted, *, after: Place = BEGINNING, limit: int = 1000
    ) -> EventPage:
        def work(db: Db) -> EventPage:
            last = _last(db, wanted.run, after, limit)
            where, values = _where(team, wanted, after, last)
            sql: LiteralString = (
                "SELECT r.tenant, e.run, e.seq, e.at, e.event FROM events e JOIN runs r"
                f" ON r.run = e.run WHERE {where} ORDER BY e.run, e.seq"
            )
            rows = db.execute(sql, values).fetchall()
            return EventPage(tuple((str(row[0]), recorded(*row[1:])) for row in rows), last)

        return await self._read(work)


def _add(db: Db, run: str, events: Sequence[Recorded]) -> list[Recorded]:
    """Insert the events whose places in the run are free, and give these."""
    given = {event.seq: event for event in reversed(events)}
    rows = [given[seq] for seq in dict.fromkeys(event.seq for event in events)]
    if not rows:
        return []
    sql: LiteralString = (
        "INSERT INTO events (run, seq, at, kind, event, place)"
        f" SELECT %s, e.seq, e.at, e.kind, e.event, ({FIRST}) + e.n FROM"
        " unnest(%s::bigint[], %s::float8[], %s::text[], %s::text[])"
        " WITH ORDINALITY AS e (seq, at, kind, event, n) ON CONFLICT (run, seq) DO NOTHING"
        " RETURNING seq"
    )
    values = (
        run, [e.seq for e in rows], [e.at for e in rows], [e.event.kind for e in rows],
        [e.event.model_dump_json() for e in rows],
    )  # fmt: skip
    added = {seq for (seq,) in db.execute(sql, values).fetchall()}
    return [event for event in rows if event.seq in added]


def _last(db: Db, run: str, after: Place, limit: int) -> Place | None:
    """The place of the last event of a full page; None where fewer follow."""
    only: LiteralString = "AND run = %s" if run else ""
    sql: LiteralString = (
        f"SELECT run, seq FROM events WHERE (run, seq) > (%s, %s) {only}"
        " ORDER BY run, seq LIMIT 1 OFFSET %s"
    )
    values = (after.run, after.seq, *([run] if run else []), limit - 1)
    found = db.execute(sql, values).fetchone()
    return Place(*found) if found else None


def _where(
    team: str, wanted: Wanted, after: Place, last: Place | None
) -> tuple[LiteralString, list[object]]:
    where: list[LiteralString] = ["r.team = %s", "(e.run, e.seq) > (%s, %s)"]
    values: list[object] = [team, after.run, after.seq]
    if last is not None:
        where.append("(e.run, e.seq) <= (%s, %s)")
        values += last.run, last.seq
    if wanted.run:
        where.append("e.run = %s")
        values.append(wanted.run)
    if wanted.tenant:
        where.append("r.tenant = %s")
        values.append(wanted.tenant)
    if wanted.since is not None:
        where.append("e.at >= %s")
        values.append(wanted.since)
    if wanted.until is not None:
        where.append("e.at < %s")
        values.append(wanted.until)
    if wanted.kinds:
        where.append("e.kind = ANY(%s)")
        values.append(list(wanted.kinds))
    if not wanted.forks:
        where.append(f"(r.fork_of = '' OR {_CALLED_OUT})")
    return " AND ".join(where), values
