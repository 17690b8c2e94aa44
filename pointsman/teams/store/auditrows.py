"""The audit log's rows in SQLite. Triggers forbid changing and deleting them."""

import sqlite3

from pointsman.teams.approvals.audit import AuditEntry, AuditRow, Head, chained
from pointsman.teams.store.mapping import audit_rows


def append(db: sqlite3.Connection, entry: AuditEntry) -> None:
    """Add a row to the chain, in the transaction of what it tells of."""
    last = db.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    row = chained(entry, Head(seq=last[0], hash=last[1]) if last else None)
    db.execute(
        "INSERT INTO audit (seq, entry, prev, hash) VALUES (?, ?, ?, ?)",
        (row.seq, row.entry.model_dump_json(), row.prev, row.hash),
    )


def rows(db: sqlite3.Connection, after: int, limit: int) -> tuple[AuditRow, ...]:
    """Rows with a greater number, in their order, up to the first that cannot be read. Raises
    StoreBroken, with its number, when that is the very first one."""
    # As bytes: text that is no UTF-8 is a fault of its row, not of the file.
    found = db.execute(
        "SELECT seq, CAST(entry AS BLOB), CAST(prev AS BLOB), CAST(hash AS BLOB) FROM audit"
        " WHERE seq > ? ORDER BY seq LIMIT ?",
        (after, limit),
    )
    return audit_rows(found.fetchall())
