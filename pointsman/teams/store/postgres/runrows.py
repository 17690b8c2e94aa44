"""Runs in PostgreSQL, and the journal of their models' answers."""

# ruff: noqa: S608 (psycopg's types take literal strings only)

import json
from collections.abc import Sequence
from typing import LiteralString

from pointsman.nodes.gateway.codec import decode_reply, encode_reply
from pointsman.nodes.gateway.transport import ModelReply
from pointsman.teams.approvals.audit import AuditEntry
from pointsman.teams.result import Result
from pointsman.teams.search import NEWEST, RunFilter
from pointsman.teams.store import lists
from pointsman.teams.store.mapping import RUN, run_row, run_values
from pointsman.teams.store.postgres import auditrows, searchrows
from pointsman.teams.store.postgres.database import Database, Db
from pointsman.teams.store.rows import RunRow, RunState

_FAILED: LiteralString = "state IN ('failed', 'partial') AND failed"
"""Failed, or failed after a part of it was done."""
_OFFSPRING: LiteralString = (
    'WITH RECURSIVE tree (run, depth) AS (SELECT %s::text COLLATE "C", 0 UNION ALL'
    " SELECT r.run, depth + 1 FROM runs r JOIN tree t ON r.parent = t.run WHERE r.parent <> '')"
)


class RunRows(Database):
    """The part of the store that knows runs."""

    async def add_run(self, row: RunRow) -> bool:
        values = (*run_values(row), row.request.priority)
        text = lists.request_text(row.request)
        begins = json.dumps(text[: lists.TEXT_SHOWN])
        marks: LiteralString = "%s," * 27 + "%s"
        sql: LiteralString = (
            f"INSERT INTO runs ({RUN}, priority, created, place, text) VALUES ({marks})"
            " ON CONFLICT DO NOTHING"
        )

        def insert(db: Db) -> bool:
            now = self._clock()
            while True:
                place = searchrows.free_place(db, now)
                if db.execute(sql, (*values, now, place, begins)).rowcount:
                    return True
                there = db.execute("SELECT FROM runs WHERE run = %s", (row.run,)).fetchone()
                if there is not None:  # else another run took the place meanwhile
                    return False

        def add(db: Db) -> bool:
            # Who cancels the parent meanwhile waits for this, and then finds the child.
            parent = db.execute(
                "SELECT cancelled_by FROM runs WHERE run = %s AND run <> '' FOR SHARE",
                (row.parent,),
            ).fetchone() if row.parent else None  # fmt: skip
            if not insert(db):
                return False
            searchrows.add_text(db, row.run, text)
            if parent is not None and parent[0]:
                inherit = "UPDATE runs SET cancelled_by = %s WHERE run = %s"
                db.execute(inherit, (parent[0], row.run))
            return True

        return await self._do(add)

    async def find_run(self, run: str) -> RunRow | None:
        sql: LiteralString = f"SELECT {RUN} FROM runs WHERE run = %s"
        found = await self._select(sql, (run,))
        return found[0] if found else None

    async def runs(
        self, team: str, *, states: Sequence[RunState] = (), thread: str = "", limit: int = 100,
        forks: bool = False,
    ) -> tuple[RunRow, ...]:  # fmt: skip
        wanted = RunFilter(thread=thread, states=tuple(states), children=True, forks=forks)
        columns: LiteralString = f"{RUN}, place"
        rest = searchrows.rest(team, wanted)
        also: tuple[LiteralString, list[object]] = (f" AND {rest[0]}", rest[1])
        sql, values = searchrows.listed(columns, team, wanted, (0, NEWEST), also)
        rows = await self._read(lambda db: db.execute(sql, (*values, limit)).fetchall())
        return tuple(run_row(row[:-1]) for row in rows)

    async def move_run(
        self, run: str, to: RunState, *, frm: Sequence[RunState], result: Result | None = None
    ) -> bool:
        specialist = "" if result is None else result.specialist
        # Without a result it keeps the one it has.
        failed = None if result is None else to == "failed" or bool(result.error)
        sql = (
            "UPDATE runs SET state = %s, specialist = %s, ended = %s,"
            " failed = coalesce(%s, failed OR %s) WHERE run = %s AND state = ANY(%s)"
        )

        def move(db: Db) -> bool:
            ended = None if to in ("running", "waiting") else self._clock()
            values = (to, specialist, ended, failed, to == "failed", run, list(frm))
            moved = db.execute(sql, values).rowcount == 1
            if moved and result is not None:
                searchrows.save_result(db, run, result)
            return moved

        return await self._do(move)

    async def decided_runs(self, team: str) -> tuple[str, ...]:
        sql = (
            "SELECT DISTINCT r.run FROM tickets t JOIN runs r ON r.run = t.run WHERE t.team = %s"
            " AND NOT t.settled AND t.status IN ('approved', 'rejected', 'answered', 'expired')"
            " AND CASE r.state WHEN 'waiting' THEN NOT r.nested WHEN 'running' THEN FALSE"
            # What an ended run still asks: to undo something, or whether that has happened.
            " ELSE t.kind IN ('compensate', 'ambiguous') END"
        )
        rows = await self._read(lambda db: db.execute(sql, (team,)).fetchall())
        return tuple(run for (run,) in rows)

    async def ask_cancel(self, run: str, by: str) -> None:
        def work(db: Db) -> None:
            # Level by level, each looked up after the rows above it are ours: a child that was
            # added meanwhile is found, and one that is added later sees its parent cancelled.
            level = [run]
            while level:
                db.execute("UPDATE runs SET cancelled_by = %s WHERE run = ANY(%s)", (by, level))
                below = "SELECT run FROM runs WHERE parent = ANY(%s) AND parent <> '' ORDER BY run"
                level = [child for (child,) in db.execute(below, (level,)).fetchall()]

        await self._do(work)

    async def children(self, run: str) -> tuple[RunRow, ...]:
        sql: LiteralString = (
            f"SELECT {RUN} FROM runs WHERE parent = %s AND parent <> '' ORDER BY created, seq"
        )
        return await self._select(sql, (run,))

    async def offspring(self, run: str) -> tuple[RunRow, ...]:
        sql: LiteralString = (
            f"{_OFFSPRING} SELECT {RUN} FROM runs JOIN tree USING (run)"
            " WHERE depth > 0 ORDER BY depth, created, runs.seq"
        )
        return await self._select(sql, (run,))

    # Dead letters

    async def dead(self, team: str, *, limit: int = 500) -> tuple[RunRow, ...]:
        sql: LiteralString = (
            f"SELECT {RUN} FROM runs WHERE team = %s AND parent = '' AND dropped = '' AND {_FAILED}"
            " AND fork_of = '' ORDER BY created LIMIT %s"
        )
        return await self._select(sql, (team, limit))

    async def redrive(self, row: RunRow, entry: AuditEntry) -> bool:
        sql: LiteralString = (
            "UPDATE runs SET state = 'running', result = NULL, failed = FALSE, dropped = '',"
            " usd = NULL, calls = 0, error = '', ended = NULL,"
            " attempt = attempt + 1, root_thread = run || '~' || (attempt + 1), seconds_left = %s,"
            " budget_usd = %s, budget_calls = %s WHERE run = %s AND attempt = %s AND NOT nested"
            f" AND {_FAILED}"
        )
        values = (row.seconds_left, row.budget_usd, row.budget_calls, row.run, row.attempt)
        return await self._audited(sql, values, entry)

    async def drop(self, run: str, entry: AuditEntry) -> bool:
        sql: LiteralString = (
            f"UPDATE runs SET dropped = %s WHERE run = %s AND dropped = '' AND {_FAILED}"
        )
        return await self._audited(sql, (entry.by, run), entry)

    async def _audited(
        self, sql: LiteralString, values: tuple[object, ...], entry: AuditEntry
    ) -> bool:
        def work(db: Db) -> bool:
            auditrows.lock(db)
            changed = db.execute(sql, values).rowcount == 1
            if changed:
                auditrows.append(db, entry)
            return changed

        return await self._do(work)

    # Threads

    async def line(self, row: RunRow, *, limit: int = 100) -> tuple[RunRow, ...]:
        sql: LiteralString = (
            f"SELECT {RUN} FROM runs WHERE team = %s AND tenant = %s AND thread = %s"
            " AND state = 'running' AND parent = '' AND NOT nested"
            " ORDER BY seconds > 0 DESC, priority, created, seq LIMIT %s"
        )
        return await self._select(sql, (row.team, row.tenant, row.thread, limit))

    async def last_specialist(self, row: RunRow) -> str:
        sql = (
            "SELECT specialist FROM runs WHERE team = %s AND tenant = %s AND thread = %s"
            " AND specialist <> '' AND parent = '' ORDER BY created DESC LIMIT 1"
        )
        values = (row.team, row.tenant, row.thread)
        found = await self._read(lambda db: db.execute(sql, values).fetchone())
        return found[0] if found else ""

    async def release_runs(
        self, team: str, release: str, *, since: float = 0.0, limit: int = 1000
    ) -> tuple[RunRow, ...]:
        sql: LiteralString = (
            f"SELECT {RUN} FROM runs WHERE team = %s AND release = %s AND release <> ''"
            " AND place >= %s AND created >= %s AND parent = '' AND fork_of = ''"
            " AND state NOT IN ('running', 'waiting') ORDER BY place DESC LIMIT %s"
        )
        return await self._select(sql, (team, release, lists.place_at(since), since, limit))

    async def _select(self, sql: LiteralString, values: Sequence[object]) -> tuple[RunRow, ...]:
        return await self._read(lambda db: tuple(map(run_row, db.execute(sql, values).fetchall())))

    # The journal

    async def journal_get(
        self, run_id: str, step: str, occurrence: int, digest: str
    ) -> ModelReply | None:
        sql = (
            "SELECT reply FROM journal"
            " WHERE run = %s AND step = %s AND occurrence = %s AND digest = %s"
        )
        values = (run_id, step, occurrence, digest)
        row = await self._read(lambda db: db.execute(sql, values).fetchone())
        return decode_reply(row[0]) if row else None

    async def journal_put(
        self, run_id: str, step: str, occurrence: int, digest: str, reply: ModelReply
    ) -> None:
        sql = "INSERT INTO journal VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
        values = (run_id, step, occurrence, digest, encode_reply(reply))
        await self._do(lambda db: db.execute(sql, values))
