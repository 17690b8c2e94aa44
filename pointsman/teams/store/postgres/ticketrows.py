"""Tickets and grants in PostgreSQL, each change in one transaction with its audit row.

Every change takes the audit log's lock first, so that of two at once the second sees the first.
"""

# ruff: noqa: S608 (psycopg's types take literal strings only)

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from pointsman.errors import NotFound
from pointsman.teams.approvals import audit
from pointsman.teams.approvals.audit import AuditRow
from pointsman.teams.approvals.grant import Grant
from pointsman.teams.approvals.lifecycle import Move, moved
from pointsman.teams.store.mapping import approved_by, revoked, ticket_values
from pointsman.teams.store.postgres import auditrows
from pointsman.teams.store.postgres.database import Database, Db
from pointsman.teams.tickets import Ticket, TicketStatus


class TicketRows(Database):
    """The part of the store that people decide on."""

    async def freeze(self, tickets: Sequence[Ticket]) -> tuple[Ticket, ...]:
        def work(db: Db) -> tuple[Ticket, ...]:
            auditrows.lock(db)
            return tuple(_frozen(db, ticket) for ticket in tickets)

        return await self._do(work)

    async def find_ticket(self, ticket: str) -> Ticket | None:
        return await self._read(lambda db: _ticket(db, ticket))

    async def tickets(
        self, team: str, *, status: TicketStatus | None = None, run: str = "", limit: int = 500
    ) -> tuple[Ticket, ...]:
        where: list[LiteralString] = ["team = %s"]
        values: list[object] = [team]
        if status:
            where.append("status = %s")
            values.append(status)
        if run:
            where.append("run = %s")
            values.append(run)
        only: LiteralString = " AND ".join(where)
        sql: LiteralString = f"SELECT ticket FROM tickets WHERE {only} ORDER BY seq LIMIT %s"
        rows = await self._read(lambda db: db.execute(sql, (*values, limit)).fetchall())
        return tuple(Ticket.model_validate_json(text) for (text,) in rows)

    async def due_tickets(self, team: str, at: datetime, *, limit: int = 500) -> tuple[Ticket, ...]:
        sql = "SELECT ticket FROM tickets WHERE team = %s AND due <= %s ORDER BY due LIMIT %s"
        values = (team, at.timestamp(), limit)
        rows = await self._read(lambda db: db.execute(sql, values).fetchall())
        return tuple(Ticket.model_validate_json(text) for (text,) in rows)

    async def amend(self, ticket: str, move: Move) -> Ticket:
        # Whoever comes too late learns it here, without waiting for the lock.
        await self._read(lambda db: moved(_known(db, ticket), move))

        def work(db: Db) -> Ticket:
            auditrows.lock(db)
            before = _known(db, ticket)
            after = moved(before, move)
            entry = audit.entry(before, move, after)
            if entry is not None:
                _save(db, after)
                auditrows.append(db, entry)
            return after

        return await self._do(work)

    async def adopt(self, ticket: Ticket) -> None:
        def work(db: Db) -> None:
            auditrows.lock(db)
            _known(db, ticket.id)
            _save(db, ticket)

        await self._do(work)

    async def add_grant(self, grant: Grant) -> None:
        values = (
            grant.id, grant.team, grant.tool, grant.created.timestamp(), grant.model_dump_json(),
        )  # fmt: skip

        def work(db: Db) -> None:
            auditrows.lock(db)
            added = db.execute(
                "INSERT INTO grants (id, team, tool, live, created, body)"
                " VALUES (%s, %s, %s, TRUE, %s, %s) ON CONFLICT (id) DO NOTHING",
                values,
            )
            if added.rowcount:
                auditrows.append(db, audit.granted(grant, "grant", grant.by, grant.created))

        await self._do(work)

    async def grants(self, team: str, *, limit: int = 500) -> tuple[Grant, ...]:
        sql = "SELECT body FROM grants WHERE team = %s ORDER BY created DESC, id LIMIT %s"
        rows = await self._read(lambda db: db.execute(sql, (team, limit)).fetchall())
        return tuple(Grant.model_validate_json(body) for (body,) in rows)

    async def revoke_grant(self, team: str, grant: str, *, by: str, at: datetime) -> Grant:
        def work(db: Db) -> Grant:
            auditrows.lock(db)
            row = db.execute(
                "SELECT body FROM grants WHERE id = %s AND team = %s", (grant, team)
            ).fetchone()
            if row is None:
                raise NotFound(
                    f"Team {team!r} has no grant {grant!r}.", hint="`pointsman grants` lists them."
                )
            after = revoked(Grant.model_validate_json(row[0]), by, at)
            _save_grant(db, after, at)
            auditrows.append(db, audit.granted(after, "revoke", by, at))
            return after

        return await self._do(work)

    async def audit(self, *, after: int = 0, limit: int = 1000) -> tuple[AuditRow, ...]:
        return await self._read(lambda db: auditrows.rows(db, after, limit))


def _frozen(db: Db, ticket: Ticket) -> Ticket:
    """Insert a ticket, approved by a grant where one covers it; the row as it stands."""
    there = _ticket(db, ticket.id)
    if there is not None:
        return there
    grant = _covering(db, ticket) if ticket.open else None
    if grant is not None:
        ticket = approved_by(ticket, grant)
    db.execute(
        "INSERT INTO tickets (id, team, run, kind, tenant, whole, status, settled, due, ticket)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            ticket.id, ticket.team, ticket.run, ticket.kind, *_whose(db, ticket),
            *ticket_values(ticket),
        ),
    )  # fmt: skip
    auditrows.append(db, audit.opened(ticket))
    if grant is not None:
        used = grant.model_copy(update={"uses": grant.uses + 1})
        _save_grant(db, used, ticket.created)
        entry = audit.granted(used, "use", ticket.by, ticket.created, ticket=ticket)
        auditrows.append(db, entry)
    return ticket


def _covering(db: Db, ticket: Ticket) -> Grant | None:
    """The oldest live grant that covers the ticket."""
    rows = db.execute(
        "SELECT body FROM grants WHERE team = %s AND tool = %s AND live ORDER BY created, id",
        (ticket.team, ticket.tool),
    )
    grants = (Grant.model_validate_json(body) for (body,) in rows)
    return next((g for g in grants if g.covers(ticket, ticket.created)), None)


def _save_grant(db: Db, grant: Grant, at: datetime) -> None:
    db.execute(
        "UPDATE grants SET live = %s, body = %s WHERE id = %s",
        (grant.live(at), grant.model_dump_json(), grant.id),
    )


def _ticket(db: Db, ticket: str) -> Ticket | None:
    row = db.execute("SELECT ticket FROM tickets WHERE id = %s", (ticket,)).fetchone()
    return Ticket.model_validate_json(row[0]) if row else None


def _known(db: Db, ticket: str) -> Ticket:
    found = _ticket(db, ticket)
    if found is None:
        raise NotFound(f"There is no ticket {ticket!r}.", hint="See `pointsman approvals`.")
    return found


def _save(db: Db, ticket: Ticket) -> None:
    db.execute(
        "UPDATE tickets SET status = %s, settled = %s, due = %s, ticket = %s WHERE id = %s",
        (*ticket_values(ticket), ticket.id),
    )


def _whose(db: Db, ticket: Ticket) -> tuple[str, str]:
    """The tenant of a ticket's run, and the team that it works for; empty where it is its own."""
    sql = (
        "SELECT r.tenant, coalesce(top.team, '') FROM runs r LEFT JOIN runs top"
        " ON top.run = r.root AND top.team <> %s WHERE r.run = %s"
    )
    found = db.execute(sql, (ticket.team, ticket.run)).fetchone()
    return (str(found[0]), str(found[1])) if found else ("", "")
