"""The store on SQLite."""

from collections.abc import Sequence

from pydantic import TypeAdapter

from pointsman.nodes.gateway.codec import decode_reply, encode_reply
from pointsman.nodes.gateway.transport import ModelReply
from pointsman.nodes.message import Message
from pointsman.teams.result import Result
from pointsman.teams.store.effectrows import EffectRows
from pointsman.teams.store.eventrows import EventRows
from pointsman.teams.store.protocol import RunRow, RunState
from pointsman.teams.store.ticketrows import TicketRows
from pointsman.teams.store.vaultrows import VaultTable

_STATE: TypeAdapter[RunState] = TypeAdapter(RunState)
_RUN = (
    "run, team, thread, tenant, request, state, root_thread, nested, seconds_left, budget_usd,"
    " budget_calls, seconds, cancelled_by, result"
)


class SqliteStore(TicketRows, EffectRows, EventRows, VaultTable):
    """`Store` on one SQLite file. Timestamps are seconds since the epoch by `clock`."""

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
            "SELECT DISTINCT r.run FROM tickets t JOIN runs r ON r.run = t.run WHERE t.team = ?"
            " AND t.settled = 0 AND t.status IN ('approved', 'rejected', 'answered', 'expired')"
            " AND CASE r.state WHEN 'waiting' THEN NOT r.nested WHEN 'running' THEN 0"
            # What an ended run still asks: to undo something, or whether that has happened.
            " ELSE json_extract(t.ticket, '$.kind') IN ('compensate', 'ambiguous') END"
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

    # The journal

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


def _run_row(row: tuple[object, ...]) -> RunRow:
    (run, team, thread, tenant, request, state, root, nested, left, usd, calls, secs, by, res) = row
    return RunRow(
        run=str(run),
        team=str(team),
        thread=str(thread),
        tenant=str(tenant),
        request=Message.model_validate_json(str(request)),
        state=_STATE.validate_python(state),
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
