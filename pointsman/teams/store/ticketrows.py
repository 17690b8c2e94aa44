"""Tickets and grants in SQLite, each change in one transaction with its audit row."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from pointsman.errors import NotFound
from pointsman.teams.approvals import audit
from pointsman.teams.approvals.audit import AuditRow
from pointsman.teams.approvals.grant import Grant
from pointsman.teams.approvals.lifecycle import Move, moved
from pointsman.teams.store import auditrows
from pointsman.teams.store.database import Database
from pointsman.teams.store.mapping import approved_by, revoked, ticket_values
from pointsman.teams.tickets import Ticket, TicketStatus


class TicketRows(Database):
    """The part of the store that people decide on."""

    async def freeze(self, tickets: Sequence[Ticket]) -> tuple[Ticket, ...]:
        return await self._do(lambda db: tuple(_frozen(db, ticket) for ticket in tickets))

    async def find_ticket(self, ticket: str) -> Ticket | None:
        return await self._read(lambda db: _ticket(db, ticket))

    async def tickets(
        self, team: str, *, status: TicketStatus | None = None, run: str = "", limit: int = 500
    ) -> tuple[Ticket, ...]:
        where, values = ["team = ?"], [team]
        if status:
            where.append("status = ?")
            values.append(status)
        if run:
            where.append("run = ?")
            values.append(run)
        sql = f"SELECT ticket FROM tickets WHERE {' AND '.join(where)} ORDER BY seq LIMIT ?"  # noqa: S608 (constants)
        rows = await self._read(lambda db: db.execute(sql, (*values, limit)).fetchall())
        return tuple(Ticket.model_validate_json(text) for (text,) in rows)

    async def due_tickets(self, team: str, at: datetime, *, limit: int = 500) -> tuple[Ticket, ...]:
        sql = "SELECT ticket FROM tickets WHERE team = ? AND due <= ? ORDER BY due LIMIT ?"
        values = (team, at.timestamp(), limit)
        rows = await self._read(lambda db: db.execute(sql, values).fetchall())
        return tuple(Ticket.model_validate_json(text) for (text,) in rows)

    async def amend(self, ticket: str, move: Move) -> Ticket:
        # Whoever comes too late learns it here, without taking the write lock.
        await self._read(lambda db: moved(_known(db, ticket), move))

        def work(db: sqlite3.Connection) -> Ticket:
            before = _known(db, ticket)
            after = moved(before, move)
            entry = audit.entry(before, move, after)
            if entry is not None:
                _save(db, after)
                auditrows.append(db, entry)
            return after

        return await self._do(work)

    async def adopt(self, ticket: Ticket) -> None:
        def work(db: sqlite3.Connection) -> None:
            _known(db, ticket.id)
            _save(db, ticket)

        await self._do(work)

    async def add_grant(self, grant: Grant) -> None:
        def work(db: sqlite3.Connection) -> None:
            added = db.execute(
                "INSERT OR IGNORE INTO grants (id, team, tool, live, created, body)"
                " VALUES (?, ?, ?, 1, ?, ?)",
                (
                    grant.id, grant.team, grant.tool, grant.created.timestamp(),
                    grant.model_dump_json(),
                ),
            )  # fmt: skip
            if added.rowcount:
                auditrows.append(db, audit.granted(grant, "grant", grant.by, grant.created))

        await self._do(work)

    async def grants(self, team: str, *, limit: int = 500) -> tuple[Grant, ...]:
        sql = "SELECT body FROM grants WHERE team = ? ORDER BY created DESC, id LIMIT ?"
        rows = await self._read(lambda db: db.execute(sql, (team, limit)).fetchall())
        return tuple(Grant.model_validate_json(body) for (body,) in rows)

    async def revoke_grant(self, team: str, grant: str, *, by: str, at: datetime) -> Grant:
        def work(db: sqlite3.Connection) -> Grant:
            row = db.execute(
                "SELECT body FROM grants WHERE id = ? AND team = ?", (grant, team)
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


def _frozen(db: sqlite3.Connection, ticket: Ticket) -> Ticket:
    """Insert a ticket, approved by a grant where one covers it; the row as it stands."""
    there = _ticket(db, ticket.id)
    if there is not None:
        return there
    grant = _covering(db, ticket) if ticket.open else None
    if grant is not None:
        ticket = approved_by(ticket, grant)
    db.execute(
        "INSERT INTO tickets (id, seq, team, run, tenant, whole, status, settled, due, ticket)"
        " VALUES (?, (SELECT coalesce(max(seq), 0) + 1 FROM tickets), ?, ?, ?, ?, ?, ?, ?, ?)",
        (ticket.id, ticket.team, ticket.run, *_whose(db, ticket), *ticket_values(ticket)),
    )
    auditrows.append(db, audit.opened(ticket))
    if grant is not None:
        used = grant.model_copy(update={"uses": grant.uses + 1})
        _save_grant(db, used, ticket.created)
        entry = audit.granted(used, "use", ticket.by, ticket.created, ticket=ticket)
        auditrows.append(db, entry)
    return ticket


def _covering(db: sqlite3.Connection, ticket: Ticket) -> Grant | None:
    """The oldest live grant that covers the ticket."""
    rows = db.execute(
        "SELECT body FROM grants WHERE team = ? AND tool = ? AND live = 1 ORDER BY created, id",
        (ticket.team, ticket.tool),
    )
    grants = (Grant.model_validate_json(body) for (body,) in rows)
    return next((g for g in grants if g.covers(ticket, ticket.created)), None)


def _save_grant(db: sqlite3.Connection, grant: Grant, at: datetime) -> None:
    db.execute(
        "UPDATE grants SET live = ?, body = ? WHERE id = ?",
        (grant.live(at), grant.model_dump_json(), grant.id),
    )


def _ticket(db: sqlite3.Connection, ticket: str) -> Ticket | None:
    row = db.execute("SELECT ticket FROM tickets WHERE id = ?", (ticket,)).fetchone()
    return Ticket.model_validate_json(row[0]) if row else None


def _known(db: sqlite3.Connection, ticket: str) -> Ticket:
    found = _ticket(db, ticket)
    if found is None:
        raise NotFound(f"There is no ticket {ticket!r}.", hint="See `pointsman approvals`.")
    return found


def _save(db: sqlite3.Connection, ticket: Ticket) -> None:
    db.execute(
        "UPDATE tickets SET status = ?, settled = ?, due = ?, ticket = ? WHERE id = ?",
        (*ticket_values(ticket), ticket.id),
    )


def _whose(db: sqlite3.Connection, ticket: Ticket) -> tuple[str, str]:
    """The tenant of a ticket's run, and the team that it works for; empty where it is its own."""
    sql = (
        "SELECT r.tenant, coalesce(top.team, '') FROM runs r LEFT JOIN runs top"
        " ON top.run = r.root AND top.team != ?1 WHERE r.run = ?2"
    )
    found = db.execute(sql, (ticket.team, ticket.run)).fetchone()
    return (str(found[0]), str(found[1])) if found else ("", "")
