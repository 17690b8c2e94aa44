"""The store on SQLite: one file, one writer thread, every change a transaction on disk."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from pointsman.errors import NotFound, StoreBroken, TicketClosed
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.event import Event, Recorded
from pointsman.nodes.gateway.codec import decode_reply, encode_reply
from pointsman.nodes.gateway.transport import ModelReply
from pointsman.nodes.message import Message
from pointsman.teams.result import Result
from pointsman.teams.store.faults import store_error, unusable
from pointsman.teams.store.protocol import EffectRow, RunRow, RunState
from pointsman.teams.tickets import Decision, Ticket, TicketStatus

SCHEMA_VERSION = 1
_T = TypeVar("_T")
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)
_RUN = (
    "run, team, thread, tenant, request, state, root_thread, nested, seconds_left, budget_usd,"
    " budget_calls, seconds, cancelled_by, result"
)


class SqliteStore:
    """`Store` on one SQLite file in WAL mode with full fsync, safe for several processes.

    Calls run on one thread of its own, so the loop never blocks and one connection is enough.
    Timestamps of leases are seconds since the epoch by `clock`.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pointsman-store")
        self._db: sqlite3.Connection | None = None

    async def _do(
        self, work: Callable[[sqlite3.Connection], _T], *, begin: str = "BEGIN IMMEDIATE"
    ) -> _T:
        """Run `work` in one transaction on the store's thread."""

        def transaction() -> _T:
            db = self._db = self._db or _open(self._path)
            with db:
                db.execute(begin)
                return work(db)

        def mapped() -> _T:
            try:
                return transaction()
            except sqlite3.Error as error:
                raise store_error(error, self._path) from error
            except OSError as error:
                raise unusable(error, self._path) from error
            except ValidationError as error:
                raise StoreBroken(
                    f"A row in {self._path} does not fit its schema: {error.title}.",
                    hint="It was written by another version, or changed by hand.",
                ) from error

        return await asyncio.get_running_loop().run_in_executor(self._thread, mapped)

    async def _read(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run `work` in one transaction that takes no write lock."""
        return await self._do(work, begin="BEGIN")

    # Runs

    async def add_run(self, row: RunRow) -> bool:
        values = (
            row.run, row.team, row.thread, row.tenant, row.request.model_dump_json(), row.state,
            row.root_thread, row.nested, row.seconds_left, row.budget_usd, row.budget_calls,
            row.seconds, row.cancelled_by, None, self._clock(),
        )  # fmt: skip
        marks = ",".join("?" * len(values))
        sql = f"INSERT OR IGNORE INTO runs ({_RUN}, created) VALUES ({marks})"  # noqa: S608 (constants)
        return await self._do(lambda db: db.execute(sql, values).rowcount == 1)

    async def find_run(self, run: str) -> RunRow | None:
        sql = f"SELECT {_RUN} FROM runs WHERE run = ?"  # noqa: S608 (constants)
        return await self._read(lambda db: next(map(_run_row, db.execute(sql, (run,))), None))

    async def runs(
        self, team: str, *, states: Sequence[RunState] = (), thread: str = "", limit: int = 100
    ) -> tuple[RunRow, ...]:
        where, values = ["team = ?"], [team]
        if states:
            where.append(f"state IN ({','.join('?' * len(states))})")
            values += states
        if thread:
            where.append("thread = ?")
            values.append(thread)
        sql = f"SELECT {_RUN} FROM runs WHERE {' AND '.join(where)} ORDER BY created DESC LIMIT ?"  # noqa: S608 (constants)
        return await self._read(lambda db: tuple(map(_run_row, db.execute(sql, (*values, limit)))))

    async def move_run(
        self, run: str, to: RunState, *, frm: Sequence[RunState], result: Result | None = None
    ) -> bool:
        text = None if result is None else result.model_dump_json()
        specialist = "" if result is None else result.specialist
        sql = (
            "UPDATE runs SET state = ?, result = coalesce(?, result), specialist = ?"  # noqa: S608
            f" WHERE run = ? AND state IN ({','.join('?' * len(frm))})"
        )
        return await self._do(
            lambda db: db.execute(sql, (to, text, specialist, run, *frm)).rowcount == 1
        )

    async def decided_runs(self, team: str) -> tuple[str, ...]:
        sql = (
            "SELECT DISTINCT r.run FROM runs r JOIN tickets t ON t.run = r.run WHERE r.team = ?"
            " AND r.state = 'waiting' AND NOT r.nested"
            " AND t.status IN ('approved', 'rejected', 'answered')"
        )
        rows = await self._read(lambda db: db.execute(sql, (team,)).fetchall())
        return tuple(run for (run,) in rows)

    async def ask_cancel(self, run: str, by: str) -> None:
        sql = "UPDATE runs SET cancelled_by = ? WHERE run = ?"
        await self._do(lambda db: db.execute(sql, (by, run)))

    # The thread's log

    async def log(self, row: RunRow, message: Message) -> None:
        sql = (
            "INSERT OR IGNORE INTO log (team, tenant, thread, run, message_id, message)"
            " VALUES (?, ?, ?, ?, ?, ?)"
        )
        values = (
            row.team, row.tenant, row.thread, row.run, message.id, message.model_dump_json(),
        )  # fmt: skip
        await self._do(lambda db: db.execute(sql, values))

    async def window(self, row: RunRow, *, limit: int) -> list[Message]:
        sql = (
            "SELECT message FROM log WHERE team = ? AND tenant = ? AND thread = ? AND seq <"
            " coalesce((SELECT min(seq) FROM log WHERE run = ?), 9e18) ORDER BY seq DESC LIMIT ?"
        )
        values = (row.team, row.tenant, row.thread, row.run, limit)
        rows = await self._read(lambda db: db.execute(sql, values).fetchall())
        return [Message.model_validate_json(text) for (text,) in reversed(rows)]

    async def last_specialist(self, row: RunRow) -> str:
        sql = (
            "SELECT specialist FROM runs WHERE team = ? AND tenant = ? AND thread = ?"
            " AND specialist != '' ORDER BY created DESC LIMIT 1"
        )
        values = (row.team, row.tenant, row.thread)
        found = await self._read(lambda db: db.execute(sql, values).fetchone())
        return found[0] if found else ""

    # Tickets

    async def freeze(self, tickets: Sequence[Ticket]) -> None:
        sql = (
            "INSERT OR IGNORE INTO tickets (id, seq, team, run, status, ticket)"
            " VALUES (?, (SELECT coalesce(max(seq), 0) + 1 FROM tickets), ?, ?, ?, ?)"
        )

        def work(db: sqlite3.Connection) -> None:
            for t in tickets:
                db.execute(sql, (t.id, t.team, t.run, t.status, t.model_dump_json()))

        await self._do(work)

    async def find_ticket(self, ticket: str) -> Ticket | None:
        return await self._read(lambda db: _ticket(db, ticket))

    async def tickets(
        self, team: str, *, status: TicketStatus | None = None, run: str = "", limit: int = 500
    ) -> tuple[Ticket, ...]:
        where, values = ["team = ?"], [team]
        if status:
            where.append("status = ?")
            values.append(status)
        if run:
            where.append("run = ?")
            values.append(run)
        sql = f"SELECT ticket FROM tickets WHERE {' AND '.join(where)} ORDER BY seq LIMIT ?"  # noqa: S608 (constants)
        rows = await self._read(lambda db: db.execute(sql, (*values, limit)).fetchall())
        return tuple(Ticket.model_validate_json(text) for (text,) in rows)

    async def claim(
        self, ticket: str, decision: Decision, at: datetime, args: JsonObject | None
    ) -> Ticket:
        def work(db: sqlite3.Connection) -> Ticket:
            before = _ticket(db, ticket)
            if before is None:
                raise NotFound(f"There is no ticket {ticket!r}.", hint="See `pointsman approvals`.")
            if before.status != "pending":
                raise _closed(before)
            if before.expires is not None and before.expires <= at:
                raise TicketClosed(
                    f"Ticket {ticket} expired at {before.expires:%Y-%m-%d %H:%M} UTC."
                )
            after = before.decided_by(decision, at, args)
            _save(db, after)
            db.execute(
                "INSERT INTO decisions (ticket, decision, at) VALUES (?, ?, ?)",
                (ticket, decision.model_dump_json(), at.astimezone(UTC).isoformat()),
            )
            return after

        return await self._do(work)

    async def settle_ticket(
        self, ticket: str, to: TicketStatus, *, frm: Sequence[TicketStatus], outcome: str
    ) -> bool:
        def work(db: sqlite3.Connection) -> bool:
            before = _ticket(db, ticket)
            if before is None or before.status not in frm:
                return False
            _save(db, before.model_copy(update={"status": to, "outcome": outcome}))
            return True

        return await self._do(work)

    # Effects

    async def intend(self, key: str, ticket: str, run: str, tool: str) -> EffectRow | None:
        def work(db: sqlite3.Connection) -> EffectRow | None:
            there = db.execute(
                "SELECT key, ticket, state, result FROM effects WHERE key = ?", (key,)
            ).fetchone()
            if there:
                return EffectRow(*there)
            db.execute(
                "INSERT INTO effects (key, ticket, run, tool, state, intended)"
                " VALUES (?, ?, ?, ?, 'intended', ?)",
                (key, ticket, run, tool, self._clock()),
            )
            return None

        return await self._do(work)

    async def effect_ended(self, key: str, state: Literal["done", "failed"], result: str) -> None:
        sql = "UPDATE effects SET state = ?, result = ?, ended = ? WHERE key = ?"
        values = (state, result, self._clock(), key)
        await self._do(lambda db: db.execute(sql, values))

    # Journal and events

    async def journal_get(
        self, run_id: str, step: str, occurrence: int, digest: str
    ) -> ModelReply | None:
        sql = (
            "SELECT reply FROM journal WHERE run = ? AND step = ? AND occurrence = ? AND digest = ?"
        )
        row = await self._read(
            lambda db: db.execute(sql, (run_id, step, occurrence, digest)).fetchone()
        )
        return decode_reply(row[0]) if row else None

    async def journal_put(
        self, run_id: str, step: str, occurrence: int, digest: str, reply: ModelReply
    ) -> None:
        sql = "INSERT OR IGNORE INTO journal VALUES (?, ?, ?, ?, ?)"
        values = (run_id, step, occurrence, digest, encode_reply(reply))
        await self._do(lambda db: db.execute(sql, values))

    async def record(self, run: str, events: Sequence[Recorded], *, seconds: float) -> None:
        rows = [(run, e.seq, e.at, e.event.model_dump_json()) for e in events]
        time_sql = "UPDATE runs SET seconds = seconds + ?, seconds_left = seconds_left - ?"

        def work(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?)", rows)
            db.execute(f"{time_sql} WHERE run = ?", (seconds, seconds, run))

        await self._do(work)

    async def events(self, run: str) -> tuple[Recorded, ...]:
        sql = "SELECT run, seq, at, event FROM events WHERE run = ? ORDER BY seq"
        rows = await self._read(lambda db: db.execute(sql, (run,)).fetchall())
        return tuple(
            Recorded(run=r, seq=seq, at=at, event=_EVENT.validate_json(text))
            for r, seq, at, text in rows
        )

    # Leases

    async def lease(self, name: str, owner: str, ttl: float) -> int | None:
        sql = (
            "INSERT INTO leases VALUES (?1, ?2, 1, ?3) ON CONFLICT (name) DO UPDATE SET"
            " epoch = epoch + (owner != ?2), owner = ?2, expires = ?3"
            " WHERE owner = ?2 OR expires <= ?4 RETURNING epoch"
        )
        now = self._clock()
        row = await self._do(lambda db: db.execute(sql, (name, owner, now + ttl, now)).fetchone())
        return row[0] if row else None

    async def release(self, name: str, owner: str) -> None:
        sql = "UPDATE leases SET expires = 0, owner = '' WHERE name = ? AND owner = ?"
        await self._do(lambda db: db.execute(sql, (name, owner)))

    async def aclose(self) -> None:
        """Close the file and end the thread. Safe to call twice."""

        def close() -> None:
            if self._db is not None:
                self._db.close()
                self._db = None

        await asyncio.to_thread(lambda: _on(self._thread, close))


def _on(thread: ThreadPoolExecutor, work: Callable[[], None]) -> None:
    try:
        thread.submit(work).result()
    except RuntimeError:
        return  # the thread was ended by an earlier call
    thread.shutdown()


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=10.0, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # A ledger row must outlive a power cut, not only a killed process.
        db.execute("PRAGMA synchronous = FULL")
        with db:
            db.execute("BEGIN IMMEDIATE")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                schema = (files("pointsman.teams.store") / "schema.sql").read_text("utf-8")
                for statement in _statements(schema):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            elif version != SCHEMA_VERSION:
                raise StoreBroken(
                    f"The store {path} has schema {version}, and this pointsman knows only"
                    f" {SCHEMA_VERSION}.",
                    hint="Use the version of pointsman that wrote it, or another POINTSMAN_HOME.",
                )
    except BaseException:
        db.close()
        raise
    path.chmod(0o600)
    return db


def _statements(script: str) -> Iterable[str]:
    """Split at the ends of statements: executescript() would commit the transaction around it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _ticket(db: sqlite3.Connection, ticket: str) -> Ticket | None:
    row = db.execute("SELECT ticket FROM tickets WHERE id = ?", (ticket,)).fetchone()
    return Ticket.model_validate_json(row[0]) if row else None


def _save(db: sqlite3.Connection, ticket: Ticket) -> None:
    db.execute(
        "UPDATE tickets SET status = ?, ticket = ? WHERE id = ?",
        (ticket.status, ticket.model_dump_json(), ticket.id),
    )


def _closed(ticket: Ticket) -> TicketClosed:
    when = f" at {ticket.decided:%Y-%m-%d %H:%M:%S} UTC" if ticket.decided else ""
    who = f"{ticket.decision or ticket.status} by {ticket.by}{when}" if ticket.by else ticket.status
    return TicketClosed(
        f"Ticket {ticket.id} is closed: {who}; it stands at {ticket.status!r}.",
        hint="Nothing was changed.",
    )


def _run_row(row: tuple[object, ...]) -> RunRow:
    (run, team, thread, tenant, request, state, root, nested, left, usd, calls, secs, by, res) = row
    return RunRow(
        run=str(run),
        team=str(team),
        thread=str(thread),
        tenant=str(tenant),
        request=Message.model_validate_json(str(request)),
        state=TypeAdapter[RunState](RunState).validate_python(state),
        root_thread=str(root),
        nested=bool(nested),
        seconds_left=_float(left),
        budget_usd=_float(usd),
        budget_calls=calls if isinstance(calls, int) else None,
        seconds=_float(secs) or 0.0,
        cancelled_by=str(by),
        result=None if res is None else Result.model_validate_json(str(res)),
    )


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
