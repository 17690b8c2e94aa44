"""What servers need in SQLite: keys of messages, runs that nobody finished, pages of tickets."""

import sqlite3
from collections.abc import Sequence

from pointsman.teams.store.database import Database
from pointsman.teams.store.rows import Submitted, TicketPage
from pointsman.teams.tickets import Ticket, TicketStatus


class SubmissionRows(Database):
    """The part of the store that servers of messages use."""

    async def submitted(
        self, team: str, tenant: str, key: str, *, digest: str, thread: str
    ) -> Submitted:
        def note(connection: sqlite3.Connection) -> Submitted:
            connection.execute(
                "INSERT OR IGNORE INTO submissions VALUES (?, ?, ?, ?, ?, ?)",
                (team, tenant, key, digest, thread, self._clock()),
            )
            sql = "SELECT digest, thread FROM submissions WHERE team = ? AND tenant = ? AND key = ?"
            return Submitted(*connection.execute(sql, (team, tenant, key)).fetchone())

        return await self._do(note)

    async def unfinished(
        self, team: str, *, after: int = 0, limit: int = 100
    ) -> tuple[tuple[int, str], ...]:
        sql = (
            "SELECT place, run FROM runs WHERE team = ? AND state = 'running' AND place > ?"
            " AND parent = '' AND NOT nested ORDER BY place LIMIT ?"
        )
        rows = await self._read(lambda db: db.execute(sql, (team, after, limit)).fetchall())
        return tuple((int(place), str(run)) for place, run in rows)

    async def ticket_page(
        self, team: str, *, inside: Sequence[str] = (), status: TicketStatus | None = None,
        tenant: str = "", run: str = "", after: int = 0, limit: int = 100,
    ) -> TicketPage:  # fmt: skip
        marks = ",".join("?" * len(inside))
        # A team inside this one may work for others too: the run at the top tells.
        join = "JOIN runs r ON r.run = t.run LEFT JOIN runs top ON top.run = r.root"
        where = [f"(t.team = ? OR (t.team IN ({marks}) AND top.team = ?))", "t.seq > ?"]
        values: list[str | int] = [team, *inside, team, after]
        for column, value in (("t.status", status), ("r.tenant", tenant)):
            if value:
                where.append(f"{column} = ?")
                values.append(value)
        if run:
            where.append("(t.run = ? OR r.root = ?)")
            values += run, run
        sql = (
            f"SELECT t.seq, t.ticket FROM tickets t {join} WHERE {' AND '.join(where)}"  # noqa: S608 (constants)
            " ORDER BY t.seq LIMIT ?"
        )
        rows = await self._read(lambda db: db.execute(sql, (*values, limit + 1)).fetchall())
        found = tuple(Ticket.model_validate_json(text) for _, text in rows[:limit])
        return TicketPage(found, int(rows[limit - 1][0]) if len(rows) > limit else None)
