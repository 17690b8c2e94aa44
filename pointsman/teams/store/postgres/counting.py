"""What events come to in PostgreSQL, counted in the transaction that stores them."""

# ruff: noqa: S608 (psycopg's types take literal strings only)

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import LiteralString
from zlib import crc32

import psycopg
from psycopg.rows import TupleRow
from pydantic import TypeAdapter

from pointsman.nodes.event import BreakerMoved, Event, Recorded
from pointsman.teams.store.counting import RunFacts, Stretch, Sums, summed

Db = psycopg.Connection[TupleRow]
PARTS = 16
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)
_SUMS: tuple[LiteralString, ...] = (
    "count", "seconds", "usd", "unpriced", "saved_usd", "input_tokens", "cached_tokens",
    "output_tokens",
)  # fmt: skip
_COLUMNS: LiteralString = (
    "team, width, kind, start, tenant, specialist, model, key, outcome, slot, part, "
    + ", ".join(_SUMS)
)
_MARKS: LiteralString = "%s, " * 18 + "%s"
_ADDED: list[LiteralString] = [f"{name} = u.{name} + excluded.{name}" for name in _SUMS]
_MORE: LiteralString = ", ".join(_ADDED)
_ADD: LiteralString = (
    f"INSERT INTO usage AS u ({_COLUMNS}) VALUES ({_MARKS})"
    " ON CONFLICT (team, width, kind, start, tenant, specialist, model, key, outcome, slot, part)"
    f" DO UPDATE SET {_MORE}"
)


def count(db: Db, run: str, facts: RunFacts, events: Sequence[Recorded]) -> None:
    """Add events of one run, which were stored just now, to the table."""
    moved: list[tuple[BreakerMoved, float]] = []
    sums = summed(
        facts, events,
        before=lambda recorded, parent: _before(db, recorded, parent),
        moved=lambda event, at: moved.append((event, at)),
    )  # fmt: skip
    _add(db, part_of(run), sums)
    _move(db, facts.team, moved)


def count_all(db: Db, batch: int = 1000) -> None:
    """Count every event of the store; for one that did not count before."""
    every: dict[Stretch, Sums] = {}
    with db.cursor(name="uncounted") as found:
        found.itersize = batch
        found.execute(
            "SELECT r.team, r.tenant, r.seconds, r.parent, e.run, e.seq, e.at, e.event"
            " FROM events e JOIN runs r ON r.run = e.run ORDER BY e.place"
        )
        for team, tenant, seconds, parent, run, seq, at, text in found:
            recorded = Recorded(run=run, seq=seq, at=at, event=_EVENT.validate_json(text))
            more = summed(
                RunFacts(team, tenant, seconds, parent), [recorded],
                before=lambda recorded, parent: _before(db, recorded, parent),
                moved=lambda event, at, team=team: _move(db, team, [(event, at)]),
            )  # fmt: skip
            for stretch, sums in more.items():
                every.setdefault(stretch, Sums()).add(sums)
    _add(db, 0, every)


def part_of(run: str) -> int:
    """Which of a stretch's rows a run's events are added to: runs that are under way at once seldom
    wait for each other, and a run never for itself."""
    return crc32(run.encode("utf-8", "replace")) % PARTS


def _add(db: Db, part: int, sums: Mapping[Stretch, Sums]) -> None:
    rows: dict[Stretch, Sums] = {}
    for stretch, adds in sums.items():
        stored = tuple(_storable(one) if isinstance(one, str) else one for one in stretch)
        rows.setdefault(stored, Sums()).add(adds)
    if rows:
        # Always in one order: nobody waits in a circle.
        db.cursor().executemany(
            _ADD,
            [(*stretch, part, *rows[stretch].values()) for stretch in sorted(rows, key=repr)],
        )


def _before(db: Db, recorded: Recorded, parent: str) -> str:
    """Who had a run's work before it was handed on; for its first route, who had its parent's."""
    sql = (
        "SELECT event FROM events WHERE run = %s AND seq < %s AND kind = 'routed'"
        " ORDER BY seq DESC LIMIT 1"
    )
    found = db.execute(sql, (recorded.run, recorded.seq)).fetchone()
    if not found and parent:
        found = db.execute(sql, (parent, 1 << 62)).fetchone()
    return str(json.loads(found[0]).get("to") or "") if found else ""


def _move(db: Db, team: str, moved: Iterable[tuple[BreakerMoved, float]]) -> None:
    for event, at in sorted(moved, key=lambda one: (one[0].of, one[0].key, one[1])):
        db.execute(
            "INSERT INTO breakers AS b VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (team, of, key) DO UPDATE SET state = excluded.state, at = excluded.at"
            " WHERE excluded.at >= b.at",
            (team, event.of, _storable(event.key), event.state, at),
        )


def _storable(text: str) -> str:
    """A name without what a column cannot hold."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
