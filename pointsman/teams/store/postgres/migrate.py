"""The tables in PostgreSQL: made when there are none, brought up to date when they are older."""

from importlib.resources import files

import psycopg
from psycopg.rows import TupleRow

from pointsman.errors import StoreBroken
from pointsman.teams.store.postgres.address import SCHEMA, Address
from pointsman.teams.store.postgres.backfill import BACKFILLS

STEPS = ("to_1.sql", "to_2.sql", "to_3.sql", "to_4.sql")
"""What leads to each schema, from nothing on, in their order."""
SCHEMA_VERSION = len(STEPS)
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('pointsman schema', 0))"
_Db = psycopg.Connection[TupleRow]


def version_of(db: _Db) -> int:
    """The schema of the tables; 0 where there are none."""
    there = db.execute("SELECT to_regclass('store_schema') IS NOT NULL").fetchone()
    if there is None or not there[0]:
        return 0
    row = db.execute("SELECT version FROM store_schema").fetchone()
    return int(row[0]) if row else 0


def prepare(db: _Db, address: Address, *, to: int = SCHEMA_VERSION) -> tuple[int, int]:
    """Make the tables, or bring them up to date: one transaction, and one process at a time. The
    version before and after. Raises StoreBroken for a schema that a newer pointsman wrote."""
    before = version_of(db)
    if before != to:
        with db.transaction():
            db.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
            db.execute(_LOCK)
            before = _migrated(db, address, to)
    return before, to


def _migrated(db: _Db, address: Address, to: int) -> int:
    before = version_of(db)  # another process may have been faster
    if before > to:
        raise StoreBroken(
            f"The store {address.shown} has schema {before}, and this pointsman knows only {to} and"
            " older ones.",
            hint="Use the version of pointsman that wrote it, or another POINTSMAN_STORE.",
        )
    if before == 0:
        if not address.named_path:
            db.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}".encode())
        db.execute("CREATE TABLE store_schema (version INTEGER NOT NULL)")
        db.execute("INSERT INTO store_schema VALUES (0)")
    for version, step in enumerate(STEPS[before:to], start=before + 1):
        db.execute((files("pointsman.teams.store.postgres") / step).read_bytes())
        if version in BACKFILLS:
            BACKFILLS[version](db)
    db.execute("UPDATE store_schema SET version = %s", (to,))
    return before
