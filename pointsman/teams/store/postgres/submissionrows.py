"""What servers need in PostgreSQL: keys of messages, unfinished runs, pages of tickets."""

# ruff: noqa: S608 (psycopg's types take literal strings only)

from collections.abc import Sequence
from typing import LiteralString, get_args

from pointsman.teams.store.postgres.database import Database, Db
from pointsman.teams.store.rows import Submitted, TicketPage
from pointsman.teams.tickets import Ticket, TicketStatus

_Sql = tuple[LiteralString, list[object]]


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
            " AND state IN ('running', 'waiting') AND place > %s AND parent = ''"
            " AND fork_of = '' AND NOT nested ORDER BY place LIMIT %s"
        )
        rows = await self._read(lambda db: db.execute(sql, (team, after, limit)).fetchall())
        return tuple((int(place), str(run)) for place, run in rows)

    async def ticket_page(
        self, team: str, *, inside: Sequence[str] = (), status: TicketStatus | None = None,
        tenant: str = "", run: str = "", after: int = 0, limit: int = 100,
    ) -> TicketPage:  # fmt: skip
        if run:
            sql, values = _of_run(team, inside, run, status, tenant, after)
        else:
            sql, values = _from_index(team, inside, status, tenant, after)
        rows = await self._read(lambda db: db.execute(sql, (*values, limit + 1)).fetchall())
        found = tuple(Ticket.model_validate_json(text) for _, text in rows[:limit])
        return TicketPage(found, int(rows[limit - 1][0]) if len(rows) > limit else None)


def _of_run(
    team: str, inside: Sequence[str], run: str, status: TicketStatus | None, tenant: str, after: int
) -> _Sql:
    """SQL for tickets of a run and of all that works for it. Its last value is yet to be given: how
    many."""
    only, more = _only(status, tenant)
    sql: LiteralString = (
        'WITH RECURSIVE tree (run) AS (SELECT %s::text COLLATE "C" UNION ALL'
        " SELECT r.run FROM runs r JOIN tree ON r.parent = tree.run WHERE r.parent <> '')"
        " SELECT seq, ticket FROM tickets WHERE run = ANY(ARRAY(SELECT run FROM tree))"
        f" AND (team = %s OR (team = ANY(%s) AND whole = %s)){only} AND seq > %s"
        " ORDER BY seq LIMIT %s"
    )
    return sql, [run, team, list(inside), team, *more, after]


def _from_index(
    team: str, inside: Sequence[str], status: TicketStatus | None, tenant: str, after: int
) -> _Sql:
    """SQL for tickets of a team and of those inside it: a part for each status, in the order of its
    index, so that they are merged and nothing is sorted. Its last value is yet to be given."""
    own: tuple[LiteralString, list[object]] = ("team = %s", [team])
    under: tuple[LiteralString, list[object]] = (
        "whole = %s AND whole <> '' AND team = ANY(%s)",
        [team, list(inside)],
    )
    parts: list[LiteralString] = []
    values: list[object] = []
    for one in (status,) if status else get_args(TicketStatus):
        only, more = _only(one, tenant)
        for where, of in (own, under) if inside else (own,):
            parts.append(
                f"(SELECT seq, ticket FROM tickets WHERE {where}{only} AND seq > %s ORDER BY seq)"
            )
            values += [*of, *more, after]
    every: LiteralString = " UNION ALL ".join(parts)
    order: LiteralString = " ORDER BY seq" if len(parts) > 1 else ""
    return every + order + " LIMIT %s", values


def _only(status: TicketStatus | None, tenant: str) -> _Sql:
    sql: LiteralString = (" AND status = %s" if status else "") + (
        " AND tenant = %s" if tenant else ""
    )
    return sql, [one for one in (status, tenant) if one]
