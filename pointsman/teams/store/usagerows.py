"""What is open in SQLite, what events come to, and the events as they are stored."""

import sqlite3
from itertools import groupby

from pydantic import TypeAdapter

from pointsman.nodes.event import Event, Recorded
from pointsman.teams.store.database import Database
from pointsman.teams.store.rows import Light, Open, Standing, Tail
from pointsman.teams.usage import DAY, FINE, NO_SLOT, Tally, UsageWanted

_EVENT: TypeAdapter[Event] = TypeAdapter(Event)
_LIGHTS: TypeAdapter[tuple[Light, ...]] = TypeAdapter(tuple[Light, ...])
_SUMS = ", ".join(
    f"sum({name})"
    for name in (
        "count", "seconds", "usd", "unpriced", "saved_usd", "input_tokens", "cached_tokens",
        "output_tokens",
    )
)  # fmt: skip
_OPEN = (
    "runs INDEXED BY runs_open WHERE state IN ('running', 'waiting') AND parent = ''"
    " AND fork_of = '' AND team = ? AND state = ?"
)
_Sums = tuple[int, float, float, int, float, int, int, int]
_Summed = tuple[int, tuple[str, ...], int, _Sums]
"""Start, group, slot, sums."""


class UsageRows(Database):
    """The part of the store that knows how the team does."""

    async def usage(self, team: str, wanted: UsageWanted) -> tuple[Tally, ...]:
        sql, values = _question(team, wanted)
        many = len(wanted.by)

        def work(db: sqlite3.Connection) -> list[_Summed]:
            return [
                (row[0], row[1 : 1 + many], row[1 + many], row[2 + many :])
                for row in db.execute(sql, values)
            ]

        rows = await self._read(work)
        groups = groupby(rows, key=lambda row: (row[0], row[1]))
        return tuple(tally(start, of, list(slots)) for (start, of), slots in groups)

    async def standing(self, team: str) -> Standing:
        begun, new = (
            f"SELECT count(*), min(created) FROM {_OPEN} AND seconds {sign} 0"  # noqa: S608 (constants)
            for sign in (">", "<=")
        )
        waiting = f"SELECT count(*), min(created) FROM {_OPEN}"  # noqa: S608 (constants)
        tickets = (
            "SELECT count(*), (SELECT unixepoch(json_extract(ticket, '$.created')) FROM tickets"
            " WHERE team = ?1 AND status = 'pending' ORDER BY seq LIMIT 1)"
            " FROM tickets WHERE team = ?1 AND status = 'pending'"
        )
        dead = (
            "SELECT count(*) FROM runs INDEXED BY runs_dead WHERE team = ?"
            " AND state IN ('failed', 'partial') AND (state = 'failed' OR error != '')"
            " AND parent = '' AND dropped = '' AND fork_of = ''"
        )
        lights = "SELECT of, key, state, at FROM breakers WHERE team = ? ORDER BY of, key"

        def work(db: sqlite3.Connection) -> Standing:
            return Standing(
                running=Open(*db.execute(begun, (team, "running")).fetchone()),
                queued=Open(*db.execute(new, (team, "running")).fetchone()),
                waiting=Open(*db.execute(waiting, (team, "waiting")).fetchone()),
                tickets=Open(*db.execute(tickets, (team,)).fetchone()),
                dead=db.execute(dead, (team,)).fetchone()[0],
                lights=_LIGHTS.validate_python(
                    [
                        {"of": of, "key": key, "state": state, "at": at}
                        for of, key, state, at in db.execute(lights, (team,))
                    ]
                ),
            )

        return await self._read(work)

    async def tail(self, team: str, *, after: int, limit: int = 1000) -> Tail:
        # Writers follow one another here: a later transaction has later places.
        sql = (
            "SELECT e.place, r.team, r.tenant, e.run, e.seq, e.at, e.event FROM events e"
            " LEFT JOIN runs r ON r.run = e.run WHERE e.place > ? ORDER BY e.place LIMIT ?"
        )
        rows = await self._read(lambda db: db.execute(sql, (after, limit)).fetchall())
        events = tuple(
            (str(tenant), Recorded(run=run, seq=seq, at=at, event=_EVENT.validate_json(event)))
            for _, of, tenant, run, seq, at, event in rows
            if of == team
        )
        return Tail(events, rows[-1][0] if rows else after, len(rows) == limit)

    async def tail_end(self) -> int:
        sql = "SELECT coalesce(max(place), 0) FROM events"
        return await self._read(lambda db: db.execute(sql).fetchone()[0])


def _question(team: str, wanted: UsageWanted) -> tuple[str, list[str | int]]:
    start = "start / ?1 * ?1" if wanted.step else "?2"
    columns = "".join(f", {name}" for name in wanted.by)
    only = " AND tenant = ?6" if wanted.tenant else ""
    marks = ",".join(f"?{n + 7}" for n in range(len(wanted.kinds)))
    sql = (
        f"SELECT {start} AS begins{columns}, slot, {_SUMS} FROM usage"  # noqa: S608 (constants)
        f" WHERE team = ?3 AND width = ?4 AND kind IN ({marks})"
        f" AND start >= ?2 AND start < ?5{only}"
        f" GROUP BY begins{columns}, slot ORDER BY begins{columns}, slot"
    )
    width = DAY if wanted.daily else FINE
    first: list[str | int] = [wanted.step, wanted.since, team, width, wanted.until, wanted.tenant]
    return sql, [*first, *wanted.kinds]


def tally(start: int, of: tuple[str, ...], rows: list[_Summed]) -> Tally:
    """A stretch's figures from its rows, one a slot."""
    count, seconds, usd, unpriced, saved, given, cached, written = zip(
        *(sums for *_, sums in rows), strict=True
    )
    return Tally(
        start=start,
        of=of,
        count=sum(count),
        seconds=sum(seconds),
        usd=sum(usd),
        unpriced=sum(unpriced),
        saved_usd=sum(saved),
        input_tokens=sum(given),
        cached_tokens=sum(cached),
        output_tokens=sum(written),
        slots=tuple((slot, sums[0]) for _, _, slot, sums in rows if slot != NO_SLOT),
    )
