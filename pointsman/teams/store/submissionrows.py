"""What servers need in SQLite: keys of messages, runs that nobody finished, pages of tickets."""

import sqlite3
from collections.abc import Sequence
from typing import get_args

from pointsman.teams.store.database import Database
from pointsman.teams.store.rows import Submitted, TicketPage
from pointsman.teams.tickets import Ticket, TicketStatus

_Values = list[str | int]
_REST = " AND status = ? AND seq > ?"


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
            " AND parent = '' AND fork_of = '' AND NOT nested ORDER BY place LIMIT ?"
        )
        rows = await self._read(lambda db: db.execute(sql, (team, after, limit)).fetchall())
        return tuple((int(place), str(run)) for place, run in rows)

    async def ticket_page(
        self, team: str, *, inside: Sequence[str] = (), status: TicketStatus | None = None,
        tenant: str = "", run: str = "", after: int = 0, limit: int = 100,
    ) -> TicketPage:  # fmt: skip
        pick = _of_run if run else _from_index
        sql, values = pick(team, inside, run, status, tenant, after)
        rows = await self._read(lambda db: db.execute(sql, (*values, limit + 1)).fetchall())
        found = tuple(Ticket.model_validate_json(text) for _, text in rows[:limit])
        return TicketPage(found, int(rows[limit - 1][0]) if len(rows) > limit else None)


def _of_run(
    team: str, inside: Sequence[str], run: str, status: TicketStatus | None, tenant: str, after: int
) -> tuple[str, _Values]:
    """SQL for tickets of a run and of all that works for it. Its last value is yet to be given: how
    many."""
    marks = ",".join("?" * len(inside))
    where = [f"(team = ? OR (team IN ({marks}) AND whole = ?))", "seq > ?"]
    values: _Values = [run, team, *inside, team, after]
    for column, value in (("status", status), ("tenant", tenant)):
        if value:
            where.append(f"{column} = ?")
            values.append(value)
    sql = (
        "WITH RECURSIVE tree (run) AS (SELECT ? UNION ALL SELECT r.run FROM runs r JOIN tree"  # noqa: S608 (constants)
        " ON r.parent = tree.run WHERE r.parent != '') SELECT seq, ticket FROM tickets"
        f" INDEXED BY tickets_by_run WHERE run IN tree AND {' AND '.join(where)}"
        " ORDER BY seq LIMIT ?"
    )
    return sql, values


def _from_index(
    team: str, inside: Sequence[str], _run: str, status: TicketStatus | None, tenant: str,
    after: int,
) -> tuple[str, _Values]:  # fmt: skip
    """SQL for tickets of a team and of those inside it: a part for each status, in the order of its
    index, so that they are merged and nothing is sorted. Its last value is yet to be given."""
    by_tenant = " AND tenant = ?" if tenant else ""
    own = f"INDEXED BY {'tickets_by_tenant' if tenant else 'tickets_by_status'} WHERE team = ?"
    under = f"INDEXED BY tickets_inside{'_by_tenant' if tenant else ''} WHERE whole = ?"
    under += f" AND whole != '' AND team IN ({','.join('?' * len(inside))})"
    parts: list[str] = []
    values: _Values = []
    for one in (status,) if status else get_args(TicketStatus):
        for begins, of in ((own, [team]), *([(under, [team, *inside])] if inside else [])):
            parts.append(f"SELECT seq, ticket FROM tickets {begins}{by_tenant}{_REST}")  # noqa: S608 (constants)
            values += [*of, *([tenant] if tenant else []), one, after]
    return " UNION ALL ".join(parts) + " ORDER BY seq LIMIT ?", values
