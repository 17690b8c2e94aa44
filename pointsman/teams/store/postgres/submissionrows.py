"""What servers need in PostgreSQL: keys of messages, unfinished runs, pages of tickets."""

# ruff: noqa: S608 (psycopg's types take literal strings only)

from collections.abc import Sequence
from typing import LiteralString

from pointsman.teams.store.postgres.database import Database, Db
from pointsman.teams.store.rows import Submitted, TicketPage
from pointsman.teams.tickets import Ticket, TicketStatus


class SubmissionRows(Database):
    """The part of the store that servers of messages use."""

    async def submitted(
        self, team: str, tenant: str, key: str, *, digest: str, thread: str
    ) -> Submitted:
        values = (team, tenant, key, digest, thread, self._clock())
        sql = "INSERT INTO submissions VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"

        def note(db: Db) -> Submitted:
            while True:
                db.execute(sql, values)
                there = db.execute(
                    "SELECT digest, thread FROM submissions"
                    " WHERE team = %s AND tenant = %s AND key = %s",
                    (team, tenant, key),
                ).fetchone()
                if there is not None:  # else it was pruned between the two
                    return Submitted(*there)

        return await self._do(note)

    async def unfinished(
        self, team: str, *, after: int = 0, limit: int = 100
    ) -> tuple[tuple[int, str], ...]:
        sql = (
            "SELECT place, run FROM runs WHERE team = %s AND state = 'running'"
            " AND state IN ('running', 'waiting') AND place > %s AND parent = '' AND NOT nested"
            " ORDER BY place LIMIT %s"
        )
        rows = await self._read(lambda db: db.execute(sql, (team, after, limit)).fetchall())
        return tuple((int(place), str(run)) for place, run in rows)

    async def ticket_page(
        self, team: str, *, inside: Sequence[str] = (), status: TicketStatus | None = None,
        tenant: str = "", run: str = "", after: int = 0, limit: int = 100,
    ) -> TicketPage:  # fmt: skip
        # A team inside this one may work for others too: the run at the top tells.
        join: LiteralString = "JOIN runs r ON r.run = t.run"
        where: list[LiteralString] = ["t.team = %s", "t.seq > %s"]
        values: list[object] = [team, after]
        if inside:
            join += " LEFT JOIN runs top ON top.run = r.root"
            where[0] = "t.team = ANY(%s) AND (t.team = %s OR top.team = %s)"
            values[:1] = [team, *inside], team, team
        if status:
            where.append("t.status = %s")
            values.append(status)
        if tenant:
            where.append("r.tenant = %s")
            values.append(tenant)
        if run:
            below: LiteralString = "SELECT run FROM runs WHERE root = %s AND root <> ''"
            where.append(f"t.run IN (SELECT %s::text UNION ALL {below})")
            values += run, run
        sql: LiteralString = (
            f"SELECT t.seq, t.ticket FROM tickets t {join} WHERE {' AND '.join(where)}"
            " ORDER BY t.seq LIMIT %s"
        )
        rows = await self._read(lambda db: db.execute(sql, (*values, limit + 1)).fetchall())
        found = tuple(Ticket.model_validate_json(text) for _, text in rows[:limit])
        return TicketPage(found, int(rows[limit - 1][0]) if len(rows) > limit else None)
