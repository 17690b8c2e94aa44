"""What is open in PostgreSQL, and what events come to."""

# ruff: noqa: S608 (psycopg's types take literal strings only)

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, LiteralString

from pydantic import TypeAdapter

from pointsman.teams.store.postgres.database import Database, Db
from pointsman.teams.store.rows import Light, Open, Standing
from pointsman.teams.store.usagerows import tally
from pointsman.teams.usage import DAY, FINE, Tally, UsageWanted

_LIGHTS: TypeAdapter[tuple[Light, ...]] = TypeAdapter(tuple[Light, ...])
_SUMS: LiteralString = (
    # Numbers of PostgreSQL's `sum` over BIGINT have no bounds; these have.
    "sum(count)::bigint, sum(seconds), sum(usd), sum(unpriced)::bigint, sum(saved_usd),"
    " sum(input_tokens)::bigint, sum(cached_tokens)::bigint, sum(output_tokens)::bigint"
)
_GROUPS: dict[str, LiteralString] = {
    name: name for name in ("kind", "tenant", "specialist", "model", "key", "outcome")
}
_OPEN: LiteralString = (
    "SELECT count(*), min(created) FROM runs WHERE state IN ('running', 'waiting')"
    " AND parent = '' AND fork_of = '' AND team = %s AND state = %s"
)


class UsageRows(Database):
    """The part of the store that knows how the team does."""

    async def usage(self, team: str, wanted: UsageWanted) -> tuple[Tally, ...]:
        sql, values = _question(team, wanted)
        many = len(wanted.by)
        rows = await self._read(lambda db: db.execute(sql, values).fetchall())
        groups = groupby(rows, key=lambda row: (row[0], row[1 : 1 + many]))
        return tuple(
            tally(start, of, [(start, of, row[1 + many], row[2 + many :]) for row in slots])
            for (start, of), slots in groups
        )

    async def standing(self, team: str) -> Standing:
        def work(db: Db) -> Standing:
            return Standing(
                running=_open(db, _OPEN + " AND seconds > 0", (team, "running")),
                queued=_open(db, _OPEN + " AND seconds <= 0", (team, "running")),
                waiting=_open(db, _OPEN, (team, "waiting")),
                tickets=_pending(db, team),
                dead=_open(
                    db,
                    "SELECT count(*), NULL FROM runs WHERE team = %s AND state IN ('failed',"
                    " 'partial') AND failed AND parent = '' AND dropped = '' AND fork_of = ''",
                    (team,),
                ).count,
                lights=_lights(db, team),
            )

        return await self._read(work)


def _open(db: Db, sql: LiteralString, values: Sequence[str]) -> Open:
    count, since = db.execute(sql, values).fetchone() or (0, None)
    return Open(count, since)


def _pending(db: Db, team: str) -> Open:
    pending: LiteralString = "FROM tickets WHERE team = %s AND status = 'pending'"
    many = _open(db, f"SELECT count(*), NULL {pending}", (team,)).count
    first = db.execute(f"SELECT ticket {pending} ORDER BY seq LIMIT 1", (team,)).fetchone()
    if first is None:
        return Open(many, None)
    return Open(many, datetime.fromisoformat(json.loads(first[0])["created"]).timestamp())


def _lights(db: Db, team: str) -> tuple[Light, ...]:
    sql = "SELECT of, key, state, at FROM breakers WHERE team = %s ORDER BY of, key"
    return _LIGHTS.validate_python(
        [
            {"of": of, "key": key, "state": state, "at": at}
            for of, key, state, at in db.execute(sql, (team,)).fetchall()
        ]
    )


def _question(team: str, wanted: UsageWanted) -> tuple[LiteralString, list[Any]]:
    start: LiteralString = "start / %s * %s" if wanted.step else "%s::bigint"
    values: list[Any] = [wanted.step, wanted.step] if wanted.step else [wanted.since]
    columns: LiteralString = "".join([", " + _GROUPS[name] for name in wanted.by])
    only: LiteralString = " AND tenant = %s" if wanted.tenant else ""
    group: LiteralString = "begins" + columns + ", slot"
    sql: LiteralString = (
        f"SELECT {start} AS begins{columns}, slot, {_SUMS} FROM usage"
        " WHERE team = %s AND width = %s AND kind = ANY(%s) AND start >= %s AND start < %s"
        f"{only} GROUP BY {group} ORDER BY {group}"
    )
    values += team, DAY if wanted.daily else FINE, list(wanted.kinds), wanted.since, wanted.until
    return sql, values + ([wanted.tenant] if wanted.tenant else [])
