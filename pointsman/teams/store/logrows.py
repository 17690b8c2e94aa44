"""The logs of threads in SQLite, and the summaries of their older parts."""

from pointsman.nodes.message import Message
from pointsman.teams.store.database import Database
from pointsman.teams.store.rows import Logged, RunRow, Summary

_BEFORE = "seq < coalesce((SELECT min(seq) FROM log WHERE run = ?), 9e18)"
"""What earlier runs said: before the run's own first message."""


class LogRows(Database):
    """The part of the store that knows what was said."""

    async def log(self, row: RunRow, message: Message) -> None:
        sql = (
            "INSERT OR IGNORE INTO log (team, tenant, thread, run, message_id, message)"
            " VALUES (?, ?, ?, ?, ?, ?)"
        )
        values = (*_thread(row), row.run, message.id, message.model_dump_json())
        await self._do(lambda db: db.execute(sql, values))

    async def logged(self, row: RunRow, *, after: int, limit: int) -> tuple[Logged, ...]:
        sql = (
            "SELECT seq, message FROM log WHERE team = ? AND tenant = ? AND thread = ?"  # noqa: S608 (constants)
            f" AND seq > ? AND {_BEFORE} ORDER BY seq DESC LIMIT ?"
        )
        values = (*_thread(row), after, row.run, limit)
        rows = await self._read(lambda db: db.execute(sql, values).fetchall())
        return tuple(Logged(seq, Message.model_validate_json(text)) for seq, text in reversed(rows))

    async def summary(self, row: RunRow) -> Summary | None:
        sql = (
            "SELECT upto, text, run FROM summaries WHERE team = ? AND tenant = ? AND thread = ?"  # noqa: S608 (constants)
            f" AND {_BEFORE.replace('seq', 'upto', 1)} ORDER BY upto DESC LIMIT 1"
        )
        found = await self._read(lambda db: db.execute(sql, (*_thread(row), row.run)).fetchone())
        return Summary(*found) if found else None

    async def add_summary(self, row: RunRow, summary: Summary) -> None:
        sql = "INSERT OR REPLACE INTO summaries VALUES (?, ?, ?, ?, ?, ?)"
        values = (*_thread(row), summary.upto, summary.text, summary.run)
        await self._do(lambda db: db.execute(sql, values))


def _thread(row: RunRow) -> tuple[str, str, str]:
    return (row.team, row.tenant, row.thread)
