"""From an older schema of the store to the present one, in one transaction."""

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from pointsman.errors import StoreBroken
from pointsman.nodes.digest import digest
from pointsman.teams.approvals.audit import AuditEntry
from pointsman.teams.store import counting
from pointsman.teams.store.auditrows import append
from pointsman.teams.tickets import (
    DECISION,
    Decision,
    Edit,
    Escalate,
    Respond,
    Ticket,
    TicketStatus,
)

SCHEMA_VERSION = 6
_LED_TO: Mapping[str, TicketStatus] = {
    "approve": "approved",
    "edit": "approved",
    "reject": "rejected",
    "respond": "answered",
    "escalate": "pending",
}
"""What a decision made of its ticket in schema 1, where one approval was enough."""


def migrate(db: sqlite3.Connection, version: int, path: Path) -> None:
    """Bring an older store up to date, schema by schema. Raises StoreBroken for one that a newer
    pointsman wrote."""
    if not 0 < version < SCHEMA_VERSION:
        raise StoreBroken(
            f"The store {path} has schema {version}, and this pointsman knows only"
            f" {SCHEMA_VERSION} and older ones.",
            hint="Use the version of pointsman that wrote it, or another POINTSMAN_HOME.",
        )
    for step in STEPS[version - 1 :]:
        step(db)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _to_2(db: sqlite3.Connection) -> None:
    script(db, "to_2.sql")
    _decisions_into_audit(db)
    db.execute("DROP TABLE decisions")


def _to_3(db: sqlite3.Connection) -> None:
    script(db, "to_3.sql")


def _to_4(db: sqlite3.Connection) -> None:
    script(db, "to_4.sql")


def _to_5(db: sqlite3.Connection) -> None:
    script(db, "to_5.sql")
    counting.count_all(db)


def _to_6(db: sqlite3.Connection) -> None:
    script(db, "to_6.sql")


STEPS = (_to_2, _to_3, _to_4, _to_5, _to_6)
"""From schema 1 on, in their order."""


def _decisions_into_audit(db: sqlite3.Connection) -> None:
    """Schema 1 kept decisions in a table of their own, without a chain."""
    rows = db.execute(
        "SELECT t.ticket, d.decision, d.at FROM decisions d JOIN tickets t ON t.id = d.ticket"
        " ORDER BY d.seq"
    ).fetchall()
    for body, text, at in rows:
        decision = DECISION.validate_json(text)
        append(db, _entry(Ticket.model_validate_json(body), decision, at))


def _entry(ticket: Ticket, decision: Decision, at: str) -> AuditEntry:
    text = decision.text if isinstance(decision, Respond) else decision.reason
    return AuditEntry(
        at=datetime.fromisoformat(at),
        team=ticket.team,
        run=ticket.run,
        ticket=ticket.id,
        action=decision.type,
        by=decision.by,
        status=_LED_TO[decision.type],
        tool=ticket.tool,
        digest=ticket.shows if isinstance(decision, Edit) else ticket.digest,
        to=decision.to if isinstance(decision, Escalate) else "",
        text_digest=digest(text) if text else "",
    )


def script(db: sqlite3.Connection, name: str) -> None:
    """Run one of the package's SQL files inside the present transaction."""
    for statement in _statements((files("pointsman.teams.store") / name).read_text("utf-8")):
        db.execute(statement)


def _statements(script: str) -> Iterable[str]:
    """Split at the ends of statements: executescript() would commit the transaction around it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
