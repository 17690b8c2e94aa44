"""Runs in SQLite as lists show them, newest first, from an index whatever is asked for."""

import sqlite3

from pointsman.teams.result import Result
from pointsman.teams.search import Found, RunFilter
from pointsman.teams.store.database import Database
from pointsman.teams.store.lists import LOOKED, between, fitting, line, place_at

_LINE = (
    "r.place, r.run, r.team, r.thread, r.tenant, r.state, r.specialist, r.text, r.created, r.ended,"
    " r.seconds, r.usd, r.calls, r.error, r.release, r.parent, r.fork_of"
)
_SAID = "run_texts MATCH ? AND run_texts.rowid >= ? AND run_texts.rowid < ?"
_INDEXES = {
    "": "runs_listed", "thread": "runs_of_thread", "state": "runs_by_state",
    "release": "runs_by_release", "specialist": "runs_by_specialist", "tenant": "runs_by_tenant",
}  # fmt: skip
_Values = list[str | int | float]


class SearchRows(Database):
    """The part of the store that finds runs."""

    async def search(self, team: str, wanted: RunFilter, *, before: int, limit: int) -> Found:
        if wanted.text and not matching(wanted.text):
            return Found((), None)
        places, values = _places(team, wanted, before)
        window = f"SELECT count(*), min(place) FROM ({places})"  # noqa: S608 (constants)

        def work(db: sqlite3.Connection) -> Found:
            looked, low = db.execute(window, (*values, LOOKED)).fetchone()
            if not looked:
                return Found((), None)
            sql, more = listed(_LINE, team, wanted, (low, before))
            rows = db.execute(sql, (*more, limit)).fetchall()
            lines = tuple(line(row[1:]) for row in rows)
            if len(rows) == limit:
                return Found(lines, rows[-1][0])
            return Found(lines, low if looked == LOOKED else None)

        return await self._read(work)


def matching(text: str) -> str:
    """The words of a text as an FTS5 query that all of them match; empty where it has none."""
    words = (word for word in text.split() if any(c.isalnum() for c in word))
    return " ".join('"' + word.replace('"', '""') + '"*' for word in words)


def _places(team: str, wanted: RunFilter, before: int) -> tuple[str, _Values]:
    """SQL for places of runs, newest first, from the index that fits best: those that need looking
    at. Its last value is yet to be given: how many."""
    low, before = between(wanted, before)
    if wanted.text:
        sql = f"SELECT rowid AS place FROM run_texts WHERE {_SAID} ORDER BY rowid DESC LIMIT ?"  # noqa: S608 (constants)
        return sql, [matching(wanted.text), low, before]
    return _from_index("place", team, wanted, (low, before), ("", []))


def listed(
    columns: str, team: str, wanted: RunFilter, places: tuple[int, int]
) -> tuple[str, _Values]:
    """SQL for columns of the runs `r` that fit, with a place in `places` (the second left out),
    newest first. Its last value is yet to be given: how many."""
    where, values = _rest(team, wanted)
    if not wanted.text:
        return _from_index(columns, team, wanted, places, (f" AND {where}", values))
    # The loops' order is fixed: along the texts, which come newest first.
    sql = (
        f"SELECT {columns} FROM run_texts CROSS JOIN runs r ON r.place = run_texts.rowid"  # noqa: S608 (constants)
        f" WHERE {_SAID} AND {where} ORDER BY run_texts.rowid DESC LIMIT ?"
    )
    return sql, [matching(wanted.text), *places, *values]


def _from_index(
    columns: str,
    team: str,
    wanted: RunFilter,
    places: tuple[int, int],
    rest: tuple[str, _Values],
) -> tuple[str, _Values]:
    column, names = fitting(wanted)
    index = _INDEXES[column]
    where, more = rest
    one = f"SELECT {columns} FROM runs r INDEXED BY {index} WHERE r.team = ?"  # noqa: S608 (constants)
    one += f" AND r.{column} = ?" if column else ""
    one += f" AND r.{column} != ''" if column in ("specialist", "release") else ""
    one += f" AND r.place >= ? AND r.place < ?{where}"
    values: _Values = []
    for name in names:
        values += [team, *([name] if column else []), *places, *more]
    # Each part comes in the index's order, so that they are merged and nothing is sorted.
    return " UNION ALL ".join([one] * len(names)) + " ORDER BY place DESC LIMIT ?", values


def _rest(team: str, wanted: RunFilter) -> tuple[str, _Values]:
    """SQL for all that must hold of a run `r`, also what the index holds for already."""
    where, values = ["r.team = ?"], _Values([team])
    for column in ("thread", "specialist", "tenant", "release"):
        value: str = getattr(wanted, column)
        if value:
            where.append(f"r.{column} = ?")
            values.append(value)
    if wanted.states:
        where.append(f"r.state IN ({','.join('?' * len(wanted.states))})")
        values += wanted.states
    for bound, number in (
        ("r.created >= ?", wanted.since), ("r.created < ?", wanted.until),
        ("r.usd >= ?", wanted.usd_at_least), ("r.usd <= ?", wanted.usd_at_most),
        ("r.seconds >= ?", wanted.seconds_at_least), ("r.seconds <= ?", wanted.seconds_at_most),
    ):  # fmt: skip
        if number is not None:
            where.append(bound)
            values.append(number)
    if not wanted.children:
        where.append("r.parent = ''")
    if not wanted.forks:
        where.append("r.fork_of = ''")
    return " AND ".join(where), values


def free_place(db: sqlite3.Connection, created: float) -> int:
    """The place of a run that is created now: the first free one from its time on."""
    place = place_at(created)
    sql = (
        "SELECT place + 1 FROM runs r WHERE place >= ?1 AND EXISTS (SELECT 1 FROM runs WHERE"
        " place = ?1) AND NOT EXISTS (SELECT 1 FROM runs o WHERE o.place = r.place + 1)"
        " ORDER BY place LIMIT 1"
    )
    found = db.execute(sql, (place,)).fetchone()
    return found[0] if found else place


def add_text(db: sqlite3.Connection, place: int, request: str) -> None:
    """Let a new run be found by the words of its request."""
    sql = "INSERT INTO run_texts (rowid, request, answer) VALUES (?, ?, '')"
    db.execute(sql, (place, request))


def save_result(db: sqlite3.Connection, run: str, result: Result | None) -> None:
    """Keep what a run came to, and let it be found by the words of its answer."""
    if result is None:
        db.execute("UPDATE runs SET specialist = '' WHERE run = ?", (run,))
        return
    (place,) = db.execute(
        "UPDATE runs SET result = ?, specialist = ?, usd = ?, calls = ?, error = ? WHERE run = ?"
        " RETURNING place",
        (
            result.model_dump_json(), result.specialist, result.usd, result.model_calls,
            result.error, run,
        ),
    ).fetchone()  # fmt: skip
    # The words of a text that did not change are not taken apart again.
    db.execute(
        "UPDATE run_texts SET answer = ?1 WHERE rowid = ?2 AND answer != ?1",
        (result.answer, place),
    )
