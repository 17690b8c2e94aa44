"""The logs of threads in PostgreSQL, and the summaries of their older parts."""

# ruff: noqa: S608 (psycopg's types take literal strings only)

import json
from typing import LiteralString

from pointsman.nodes.message import Message
from pointsman.teams.store.postgres.database import Database, Db
from pointsman.teams.store.rows import Logged, RunRow, Summary

_FIRST: LiteralString = "coalesce((SELECT min(seq) FROM log WHERE run = %s), 9223372036854775807)"
"""The run's own first message: what earlier runs said is before it."""


class LogRows(Database):
    """The part of the store that knows what was said."""

    async def log(self, row: RunRow, message: Message) -> None:
        values = (*_thread(row), row.run, message.id, message.model_dump_json())

        def work(db: Db) -> None:
            # Numbers are given before a commit: of two messages of a thread at once, the one with
            # the smaller number must not be seen later.
            db.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 2))",
                (json.dumps(_thread(row)),),
            )
            db.execute(
                "INSERT INTO log (team, tenant, thread, run, message_id, message)"
                " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                values,
            )

        await self._do(work)

    async def logged(self, row: RunRow, *, after: int, limit: int) -> tuple[Logged, ...]:
        sql: LiteralString = (
            "SELECT seq, message FROM log WHERE team = %s AND tenant = %s AND thread = %s"
            f" AND seq > %s AND seq < {_FIRST} ORDER BY seq DESC LIMIT %s"
        )
        values = (*_thread(row), after, row.run, limit)
        rows = await self._read(lambda db: db.execute(sql, values).fetchall())
        return tuple(Logged(seq, Message.model_validate_json(text)) for seq, text in reversed(rows))

    async def summary(self, row: RunRow) -> Summary | None:
        sql: LiteralString = (
            "SELECT upto, text, run FROM summaries WHERE team = %s AND tenant = %s AND thread = %s"
            f" AND upto < {_FIRST} ORDER BY upto DESC LIMIT 1"
        )
        found = await self._read(lambda db: db.execute(sql, (*_thread(row), row.run)).fetchone())
        return Summary(found[0], json.loads(found[1]), found[2]) if found else None

    async def add_summary(self, row: RunRow, summary: Summary) -> None:
        sql = (
            "INSERT INTO summaries VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (team, tenant, thread, upto) DO UPDATE"
            " SET text = excluded.text, run = excluded.run"
        )
        values = (*_thread(row), summary.upto, json.dumps(summary.text), summary.run)
        await self._do(lambda db: db.execute(sql, values))


def _thread(row: RunRow) -> tuple[str, str, str]:
    return (row.team, row.tenant, row.thread)
