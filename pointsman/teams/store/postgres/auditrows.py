"""The audit log's rows in PostgreSQL. Triggers forbid changing and deleting them.

Its chain has one end, so that whoever adds to it waits for the one before: every transaction that
may add a row takes `lock` first, before any row of another table, and nobody waits in a circle.
"""

from pointsman.teams.approvals.audit import AuditEntry, AuditRow, Head, chained
from pointsman.teams.store.mapping import audit_rows
from pointsman.teams.store.postgres.database import Db


def lock(db: Db) -> None:
    """Be the only one, until the transaction ends, that decides, grants or adds to the log."""
    db.execute("SELECT pg_advisory_xact_lock(hashtextextended('pointsman audit', 0))")


def append(db: Db, entry: AuditEntry) -> None:
    """Add a row to the chain, in the transaction of what it tells of, which holds `lock`."""
    last = db.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    row = chained(entry, Head(seq=last[0], hash=last[1]) if last else None)
    db.execute(
        "INSERT INTO audit (seq, entry, prev, hash) VALUES (%s, %s, %s, %s)",
        (row.seq, row.entry.model_dump_json(), row.prev, row.hash),
    )


def rows(db: Db, after: int, limit: int) -> tuple[AuditRow, ...]:
    """Rows with a greater number, in their order. Raises what `mapping.audit_rows` does."""
    found = db.execute(
        "SELECT seq, convert_to(entry, 'UTF8'), convert_to(prev, 'UTF8'), convert_to(hash, 'UTF8')"
        " FROM audit WHERE seq > %s ORDER BY seq LIMIT %s",
        (after, limit),
    )
    return audit_rows([(seq, entry, prev, end) for seq, entry, prev, end in found])
