"""Letters, payloads by reference and runs whose result is awaited elsewhere, in SQLite."""

import sqlite3

from pointsman.teams.store.crossings import MOST_LETTERS, LetterRow, LetterState, Outgoing, Stands
from pointsman.teams.store.database import Database

_LETTER = "id, team, came, why, text, body, at, state, by, reason, ended"


class LetterRows(Database):
    """The part of the store that knows what crosses its border."""

    async def add_letter(self, letter: LetterRow, *, most: int = MOST_LETTERS) -> bool:
        values = (
            letter.id, letter.team, letter.came, letter.why, letter.text, letter.body, letter.at,
            letter.state, letter.by, letter.reason, letter.ended,
        )  # fmt: skip
        sql = (
            f"INSERT INTO letters ({_LETTER}) VALUES ({','.join('?' * len(values))})"  # noqa: S608 (constants)
            " ON CONFLICT (id) DO UPDATE SET state = 'open' WHERE state != 'open'"
        )

        def add(db: sqlite3.Connection) -> bool:
            (there,) = db.execute(
                "SELECT count(*) FROM letters WHERE team = ? AND state = 'open' AND id != ?",
                (letter.team, letter.id),
            ).fetchone()
            if there >= most:
                return False
            db.execute(sql, values)
            return True

        return await self._do(add)

    async def letters(
        self, team: str, *, state: LetterState | None = "open", limit: int = 500
    ) -> tuple[LetterRow, ...]:
        sql = (
            f"SELECT {_LETTER} FROM letters WHERE team = ?1 AND (?2 IS NULL OR state = ?2)"  # noqa: S608 (constants)
            " ORDER BY at, rowid LIMIT ?3"
        )
        rows = await self._read(lambda db: db.execute(sql, (team, state, limit)).fetchall())
        return tuple(LetterRow(*row) for row in rows)

    async def end_letter(self, letter: str, state: LetterState, *, by: str, reason: str) -> bool:
        sql = (
            "UPDATE letters SET state = ?, by = ?, reason = ?, ended = ?"
            " WHERE id = ? AND state = 'open'"
        )
        values = (state, by, reason, self._clock(), letter)
        return await self._do(lambda db: db.execute(sql, values).rowcount == 1)

    async def put_payload(self, ref: str, body: str) -> None:
        sql = "INSERT OR IGNORE INTO payloads VALUES (?, ?, ?)"
        await self._do(lambda db: db.execute(sql, (ref, body, self._clock())))

    async def payload(self, ref: str) -> str | None:
        sql = "SELECT body FROM payloads WHERE ref = ?"
        row = await self._read(lambda db: db.execute(sql, (ref,)).fetchone())
        return row[0] if row else None

    async def add_outgoing(self, row: Outgoing) -> None:
        sql = "INSERT OR IGNORE INTO outgoing VALUES (?, ?, ?, ?, ?, ?, ?)"
        values = (row.run, row.team, row.sender, row.event, row.told, row.sent, self._clock())
        await self._do(lambda db: db.execute(sql, values))

    async def outgoing(self, team: str, state: Stands, *, limit: int = 500) -> tuple[Outgoing, ...]:
        wanted = "r.state = ?"
        values: tuple[str | int, ...] = (team, state, limit)
        if state == "ended":
            wanted = "r.state NOT IN ('running', 'waiting') AND o.sent < r.attempt"
            values = (team, limit)
        sql = (
            "SELECT o.run, o.team, o.sender, o.event, o.told, o.sent FROM outgoing o"  # noqa: S608 (constants)
            f" JOIN runs r ON r.run = o.run WHERE o.team = ? AND {wanted}"
            " ORDER BY o.noted, o.rowid LIMIT ?"
        )
        rows = await self._read(lambda db: db.execute(sql, values).fetchall())
        return tuple(Outgoing(*row) for row in rows)

    async def published(
        self, run: str, *, told: int | None = None, sent: int | None = None
    ) -> None:
        sql = (
            "UPDATE outgoing SET told = max(told, coalesce(?, told)),"
            " sent = max(sent, coalesce(?, sent)) WHERE run = ?"
        )
        await self._do(lambda db: db.execute(sql, (told, sent, run)))
