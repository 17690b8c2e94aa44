"""Letters, payloads by reference and runs whose result is awaited elsewhere, in PostgreSQL."""

# ruff: noqa: S608 (psycopg's types take literal strings only)

import json
from typing import Any, LiteralString

from pointsman.teams.store.crossings import MOST_LETTERS, LetterRow, LetterState, Outgoing, Stands
from pointsman.teams.store.postgres.database import Database, Db

_LETTER: LiteralString = "id, team, came, why, text, body, at, state, by, reason, ended"


class LetterRows(Database):
    """The part of the store that knows what crosses its border."""

    async def add_letter(self, letter: LetterRow, *, most: int = MOST_LETTERS) -> bool:
        texts = [json.dumps(one) for one in (letter.came, letter.why, letter.text, letter.body)]
        values = (
            letter.id, letter.team, *texts, letter.at, letter.state, letter.by,
            json.dumps(letter.reason), letter.ended,
        )  # fmt: skip
        sql: LiteralString = (
            f"INSERT INTO letters AS l ({_LETTER})"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (id) DO UPDATE SET state = 'open' WHERE l.state <> 'open'"
        )

        def add(db: Db) -> bool:
            # They are counted: one at a time for a team.
            db.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 5))", (letter.team,))
            there = db.execute(
                "SELECT count(*) FROM letters WHERE team = %s AND state = 'open' AND id <> %s",
                (letter.team, letter.id),
            ).fetchone()
            if there is None or there[0] >= most:
                return False
            db.execute(sql, values)
            return True

        return await self._do(add)

    async def letters(
        self, team: str, *, state: LetterState | None = "open", limit: int = 500
    ) -> tuple[LetterRow, ...]:
        only: LiteralString = "" if state is None else " AND state = %s"
        sql: LiteralString = (
            f"SELECT {_LETTER} FROM letters WHERE team = %s{only} ORDER BY at, seq LIMIT %s"
        )
        values = (team, *([] if state is None else [state]), limit)
        rows = await self._read(lambda db: db.execute(sql, values).fetchall())
        return tuple(map(_letter, rows))

    async def end_letter(self, letter: str, state: LetterState, *, by: str, reason: str) -> bool:
        sql = (
            "UPDATE letters SET state = %s, by = %s, reason = %s, ended = %s"
            " WHERE id = %s AND state = 'open'"
        )
        values = (state, by, json.dumps(reason), self._clock(), letter)
        return await self._do(lambda db: db.execute(sql, values).rowcount == 1)

    async def put_payload(self, ref: str, body: str) -> None:
        sql = "INSERT INTO payloads VALUES (%s, %s, %s) ON CONFLICT (ref) DO NOTHING"
        values = (ref, json.dumps(body), self._clock())
        await self._do(lambda db: db.execute(sql, values))

    async def payload(self, ref: str) -> str | None:
        sql = "SELECT body FROM payloads WHERE ref = %s"
        row = await self._read(lambda db: db.execute(sql, (ref,)).fetchone())
        return str(json.loads(row[0])) if row else None

    async def add_outgoing(self, row: Outgoing) -> None:
        sql = (
            "INSERT INTO outgoing (run, team, sender, event, told, sent, noted)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (run) DO NOTHING"
        )
        values = (row.run, row.team, row.sender, row.event, row.told, row.sent, self._clock())
        await self._do(lambda db: db.execute(sql, values))

    async def outgoing(self, team: str, state: Stands, *, limit: int = 500) -> tuple[Outgoing, ...]:
        wanted: LiteralString = "r.state = %s"
        values: tuple[str | int, ...] = (team, state, limit)
        if state == "ended":
            wanted = "r.state NOT IN ('running', 'waiting') AND o.sent < r.attempt"
            values = (team, limit)
        sql: LiteralString = (
            "SELECT o.run, o.team, o.sender, o.event, o.told, o.sent FROM outgoing o"
            f" JOIN runs r ON r.run = o.run WHERE o.team = %s AND {wanted}"
            " ORDER BY o.noted, o.seq LIMIT %s"
        )
        rows = await self._read(lambda db: db.execute(sql, values).fetchall())
        return tuple(Outgoing(*row) for row in rows)

    async def published(
        self, run: str, *, told: int | None = None, sent: int | None = None
    ) -> None:
        sql = (
            "UPDATE outgoing SET told = greatest(told, %s), sent = greatest(sent, %s)"
            " WHERE run = %s"
        )
        await self._do(lambda db: db.execute(sql, (told, sent, run)))


def _letter(row: tuple[Any, ...]) -> LetterRow:
    id_, team, came, why, text, body, at, state, by, reason, ended = row
    return LetterRow(
        id_, team, json.loads(came), json.loads(why), json.loads(text), json.loads(body), at,
        state, by, json.loads(reason), ended,
    )  # fmt: skip
