"""The events in PostgreSQL as they are stored, for readers that follow them; see places.py."""

# ruff: noqa: S608 (psycopg's types take literal strings only)

from typing import LiteralString

from pointsman.teams.store.mapping import recorded
from pointsman.teams.store.postgres.database import Database
from pointsman.teams.store.postgres.places import END
from pointsman.teams.store.rows import Tail


class TailRows(Database):
    """The part of the store that readers follow."""

    async def tail(self, team: str, *, after: int, limit: int = 1000) -> Tail:
        sql: LiteralString = (
            "SELECT e.place, r.team, r.tenant, e.run, e.seq, e.at, e.event FROM ("
            f"SELECT * FROM events WHERE place > %s AND place < {END} ORDER BY place LIMIT %s) e"
            " LEFT JOIN runs r ON r.run = e.run ORDER BY e.place"
        )
        rows = await self._read(lambda db: db.execute(sql, (after, limit)).fetchall())
        events = tuple((str(row[2]), recorded(*row[3:])) for row in rows if row[1] == team)
        return Tail(events, rows[-1][0] if rows else after, len(rows) == limit)

    async def tail_end(self) -> int:
        sql: LiteralString = (
            f"SELECT place FROM events WHERE place < {END} ORDER BY place DESC LIMIT 1"
        )
        row = await self._read(lambda db: db.execute(sql).fetchone())
        return row[0] if row else 0
