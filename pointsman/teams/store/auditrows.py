"""The audit log's rows in SQLite. Triggers forbid changing and deleting them."""

import sqlite3

from pointsman.teams.approvals.audit import AuditEntry, AuditRow, Head, chained


def append(db: sqlite3.Connection, entry: AuditEntry) -> None:
    """Add a row to the chain, in the transaction of what it tells of."""
    last = db.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    row = chained(entry, Head(seq=last[0], hash=last[1]) if last else None)
    db.execute(
        "INSERT INTO audit (seq, entry, prev, hash) VALUES (?, ?, ?, ?)",
        (row.seq, row.entry.model_dump_json(), row.prev, row.hash),
    )


def rows(db: sqlite3.Connection, after: int, limit: int) -> tuple[AuditRow, ...]:
    """Rows with a greater number, in their order."""
    found = db.execute(
        "SELECT seq, entry, prev, hash FROM audit WHERE seq > ? ORDER BY seq LIMIT ?",
        (after, limit),
    )
    return tuple(
        AuditRow(seq=seq, entry=AuditEntry.model_validate_json(entry), prev=prev, hash=hash_)
        for seq, entry, prev, hash_ in found
    )
