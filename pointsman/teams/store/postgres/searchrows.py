"""Runs in PostgreSQL as lists show them, newest first, from an index whatever is asked for.

Words are found in a GIN index, which knows no order. Few runs with them are looked up and sorted.
Are they in more runs than one look goes through, then the runs themselves are gone through, newest
first, and each asked for the words.
"""

# ruff: noqa: S608 (psycopg's types take literal strings only)

import json
from collections.abc import Sequence
from typing import LiteralString

from pointsman.teams.result import Result
from pointsman.teams.search import Found, RunFilter
from pointsman.teams.store import lists
from pointsman.teams.store.lists import LOOKED
from pointsman.teams.store.postgres.database import Database, Db
from pointsman.teams.store.postgres.words import question, vector

_LINE: LiteralString = (
    "r.place, r.run, r.team, r.thread, r.tenant, r.state, r.specialist, r.text, r.created, r.ended,"
    " r.seconds, r.usd, r.calls, r.error, r.release, r.parent, r.fork_of"
)
_COLUMNS: dict[str, LiteralString] = {
    "": "",
    "thread": " AND r.thread = %s",
    "state": " AND r.state = %s",
    "release": " AND r.release = %s AND r.release <> ''",
    "specialist": " AND r.specialist = %s AND r.specialist <> ''",
    "tenant": " AND r.tenant = %s",
}
_SAID: LiteralString = " AND (SELECT t.words @@ %s::tsquery FROM run_texts t WHERE t.run = r.run)"
_Sql = tuple[LiteralString, list[object]]


class SearchRows(Database):
    """The part of the store that finds runs."""

    async def search(self, team: str, wanted: RunFilter, *, before: int, limit: int) -> Found:
        asked = question(wanted.text)
        if wanted.text and not asked:
            return Found((), None)

        def work(db: Db) -> Found:
            if asked and (named := _few(db, asked)) is not None:
                places = lists.between(wanted, before)
                sql, values = _named(named, team, wanted, places)
                return _found(db.execute(sql, (*values, limit)).fetchall(), limit, None)
            return _look(db, team, wanted, asked, before, limit)

        return await self._read(work)


def _few(db: Db, asked: str) -> list[str] | None:
    """The runs with these words, of whatever team; None where one look cannot hold them."""
    sql = "SELECT run FROM run_texts WHERE words @@ %s::tsquery LIMIT %s"
    with db.transaction():
        # How many there are is what we want to know: a guess of it must not choose another way.
        db.execute("SET LOCAL enable_seqscan = off")
        rows = db.execute(sql, (asked, LOOKED + 1)).fetchall()
    return None if len(rows) > LOOKED else [run for (run,) in rows]


def _look(db: Db, team: str, wanted: RunFilter, asked: str, before: int, limit: int) -> Found:
    """One look along the index that fits best."""
    low, before = lists.between(wanted, before)
    sql, values = listed("r.place", team, wanted, (low, before), ("", []))
    row = db.execute(f"SELECT count(*), min(place) FROM ({sql}) o", (*values, LOOKED)).fetchone()
    if row is None or not row[0]:
        return Found((), None)
    looked, low = row
    where, more = rest(team, wanted)
    if asked:
        where, more = where + _SAID, [*more, asked]
    # The limit inside keeps PostgreSQL from another way through the runs.
    inner, values = listed(_LINE, team, wanted, (low, before), ("", []))
    sql = f"SELECT * FROM ({inner}) r WHERE {where} ORDER BY place DESC LIMIT %s"
    rows = db.execute(sql, (*values, LOOKED, *more, limit)).fetchall()
    return _found(rows, limit, low if looked == LOOKED else None)


def _found(rows: Sequence[Sequence[object]], limit: int, more: int | None) -> Found:
    lines = tuple(lists.line((*r[1:7], json.loads(str(r[7])), *r[8:])) for r in rows)
    return Found(lines, int(str(rows[-1][0])) if len(rows) == limit else more)


def _named(named: list[str], team: str, wanted: RunFilter, places: tuple[int, int]) -> _Sql:
    where, values = rest(team, wanted)
    sql: LiteralString = (
        f"SELECT {_LINE} FROM runs r WHERE r.run = ANY(%s) AND r.place >= %s AND r.place < %s"
        f" AND {where} ORDER BY place DESC LIMIT %s"
    )
    return sql, [named, *places, *values]


def listed(
    columns: LiteralString,
    team: str,
    wanted: RunFilter,
    places: tuple[int, int],
    where: _Sql,
) -> _Sql:
    """SQL for columns of runs `r` along the index that fits best, newest first, with a place in
    `places` (the second left out). Its last value is yet to be given: how many."""
    column, names = lists.fitting(wanted)
    only, more = where
    one: LiteralString = (
        f"SELECT {columns} FROM runs r WHERE r.team = %s{_COLUMNS[column]}"
        f" AND r.place >= %s AND r.place < %s{only}"
    )
    values: list[object] = []
    for name in names:
        values += [team, *([name] if column else []), *places, *more]
    if len(names) > 1:
        # Each part comes in the index's order, so that they are merged and nothing is sorted.
        one = f"({one} ORDER BY place DESC)"
    every: list[LiteralString] = [one for _ in names]
    parts: LiteralString = " UNION ALL ".join(every)
    return parts + " ORDER BY place DESC LIMIT %s", values


def rest(team: str, wanted: RunFilter) -> _Sql:
    """SQL for all that must hold of a run `r` beside its words."""
    where: list[LiteralString] = ["r.team = %s"]
    values: list[object] = [team]
    if wanted.states:
        where.append("r.state = ANY(%s)")
        values.append(list(wanted.states))
    tests: tuple[tuple[LiteralString, str | float | None], ...] = (
        ("r.thread = %s", wanted.thread or None), ("r.tenant = %s", wanted.tenant or None),
        ("r.specialist = %s", wanted.specialist or None),
        ("r.release = %s", wanted.release or None),
        ("r.created >= %s", wanted.since), ("r.created < %s", wanted.until),
        ("r.usd >= %s", wanted.usd_at_least), ("r.usd <= %s", wanted.usd_at_most),
        ("r.seconds >= %s", wanted.seconds_at_least), ("r.seconds <= %s", wanted.seconds_at_most),
    )  # fmt: skip
    for sql, value in tests:
        if value is not None:
            where.append(sql)
            values.append(value)
    if not wanted.children:
        where.append("r.parent = ''")
    if not wanted.forks:
        where.append("r.fork_of = ''")
    return " AND ".join(where), values


def free_place(db: Db, created: float) -> int:
    """The place of a run that is created now: the first free one from its time on. Somebody else
    may take it meanwhile."""
    sql = (
        "SELECT place + 1 FROM runs r WHERE place >= %s AND EXISTS (SELECT FROM runs WHERE"
        " place = %s) AND NOT EXISTS (SELECT FROM runs o WHERE o.place = r.place + 1)"
        " ORDER BY place LIMIT 1"
    )
    place = lists.place_at(created)
    found = db.execute(sql, (place, place)).fetchone()
    return found[0] if found else place


def add_text(db: Db, run: str, request: str) -> None:
    """Let a new run be found by the words of its request."""
    sql = "INSERT INTO run_texts (run, words) VALUES (%s, %s::tsvector)"
    db.execute(sql, (run, vector(request, "A")))


def save_result(db: Db, run: str, result: Result) -> None:
    """Keep what a run came to, and let it be found by the words of its answer."""
    db.execute(
        "UPDATE runs SET result = %s, usd = %s, calls = %s, error = %s WHERE run = %s",
        (result.model_dump_json(), result.usd, result.model_calls, result.error, run),
    )
    # The words of a text that did not change are not written again.
    db.execute(
        "UPDATE run_texts SET words = n.words FROM (SELECT run,"
        " ts_filter(words, '{a}') || %s::tsvector AS words FROM run_texts WHERE run = %s) n"
        " WHERE run_texts.run = n.run AND run_texts.words <> n.words",
        (vector(result.answer, "B"), run),
    )
