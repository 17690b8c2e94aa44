"""Places of events in PostgreSQL's record of all runs: numbers that readers can go by.

Transactions commit in another order than they began, and a sequence's numbers are given before a
commit: a reader that goes by such a number alone misses whoever commits late. So an event's place
is the number of its transaction (`pg_current_xact_id`, 64 bits, never used again) times 2^20, and
which of that transaction's events it is. Readers see what lies below the oldest transaction that is
under way (`pg_snapshot_xmin`): all those before it have ended, so that nothing is added there any
more. Nobody waits for anybody; a reader is behind by the longest write that is under way anywhere
on the server.

A copy of the database on another server counts its transactions anew. `base`, which is added to
their numbers, is raised by whoever connects first and finds places that were not given yet.
"""

# ruff: noqa: S608 (psycopg's types take literal strings only)

from typing import LiteralString

import psycopg
from psycopg.rows import TupleRow

OF_ONE: LiteralString = "20"
"""Bits of a place that tell a transaction's events apart: a million of them."""
FIRST: LiteralString = (
    f"((SELECT base FROM record_base) + pg_current_xact_id()::text::bigint) << {OF_ONE}"
)
"""The first place of the present transaction."""
END: LiteralString = (
    "(SELECT (base + pg_snapshot_xmin(pg_current_snapshot())::text::bigint)"
    f" << {OF_ONE} FROM record_base)"
)
"""The first place at which something may still be added."""
_AHEAD: LiteralString = (
    f"SELECT (coalesce((SELECT max(place) FROM events), 0) >> {OF_ONE})"
    " - base - pg_snapshot_xmax(pg_current_snapshot())::text::bigint FROM record_base"
)
"""By how many transactions the places are ahead of what was given, and one less; negative where
all is well: every event that is seen is of a transaction below the next one's number."""


def rebase(db: psycopg.Connection[TupleRow]) -> None:
    """Begin places anew above those that are there, where the server has given fewer."""
    if _ahead(db) < 0:
        return
    with db.transaction():
        db.execute("SELECT FROM record_base FOR UPDATE")
        db.execute("UPDATE record_base SET base = base + %s", (max(_ahead(db), -1) + 1,))


def _ahead(db: psycopg.Connection[TupleRow]) -> int:
    row = db.execute(_AHEAD).fetchone()
    return int(row[0]) if row else -1
