"""The store on SQLite."""

from collections.abc import Sequence
from sqlite3 import Connection

from pointsman.nodes.gateway.codec import decode_reply, encode_reply
from pointsman.nodes.gateway.transport import ModelReply
from pointsman.teams.approvals.audit import AuditEntry
from pointsman.teams.result import Result
from pointsman.teams.search import NEWEST, RunFilter
from pointsman.teams.store import auditrows, lists, searchrows
from pointsman.teams.store.accessrows import AccessRows
from pointsman.teams.store.boardrows import BoardRows
from pointsman.teams.store.effectrows import EffectRows
from pointsman.teams.store.eventrows import EventRows
from pointsman.teams.store.leaserows import LeaseRows
from pointsman.teams.store.letterrows import LetterRows
from pointsman.teams.store.logrows import LogRows
from pointsman.teams.store.mapping import RUN, run_row, run_values
from pointsman.teams.store.releaserows import ReleaseRows
from pointsman.teams.store.rows import RunRow, RunState
from pointsman.teams.store.searchrows import SearchRows
from pointsman.teams.store.steprows import StepRows
from pointsman.teams.store.submissionrows import SubmissionRows
from pointsman.teams.store.ticketrows import TicketRows
from pointsman.teams.store.usagerows import UsageRows
from pointsman.teams.store.vaultrows import VaultTable

_FAILED = "state IN ('failed', 'partial') AND (state = 'failed' OR error != '')"
"""Failed, or failed after a part of it was done."""
_OFFSPRING = (
    "WITH RECURSIVE tree (run, depth) AS (SELECT ?1, 0 UNION ALL"
    " SELECT r.run, depth + 1 FROM runs r JOIN tree t ON r.parent = t.run WHERE r.parent != '')"
)


class SqliteStore(
    TicketRows,
    EffectRows,
    EventRows,
    LogRows,
    VaultTable,
    BoardRows,
    LeaseRows,
    ReleaseRows,
    AccessRows,
    SubmissionRows,
    SearchRows,
    UsageRows,
    StepRows,
    LetterRows,
):
    """`Store` on one SQLite file. Timestamps are seconds since the epoch by `clock`."""

    # Runs

    async def add_run(self, row: RunRow) -> bool:
        values = run_values(row)
        marks = ",".join("?" * (len(values) + 3))
        sql = f"INSERT OR IGNORE INTO runs ({RUN}, created, place, text) VALUES ({marks})"  # noqa: S608 (constants)
        text = lists.request_text(row.request)
        inherit = (
            "UPDATE runs SET cancelled_by = p.cancelled_by FROM runs p"
            " WHERE runs.run = ? AND p.run = runs.parent AND p.cancelled_by != ''"
        )

        def add(db: Connection) -> bool:
            now = self._clock()
            place = searchrows.free_place(db, now)
            begins = text[: lists.TEXT_SHOWN]
            new = db.execute(sql, (*values, now, place, begins)).rowcount == 1
            if new:
                searchrows.add_text(db, place, text)
            if new and row.parent:
                db.execute(inherit, (row.run,))
            return new

        return await self._do(add)

    async def find_run(self, run: str) -> RunRow | None:
        sql = f"SELECT {RUN} FROM runs WHERE run = ?"  # noqa: S608 (constants)
        return await self._read(lambda db: next(map(run_row, db.execute(sql, (run,))), None))

    async def runs(
        self, team: str, *, states: Sequence[RunState] = (), thread: str = "", limit: int = 100,
        forks: bool = False,
    ) -> tuple[RunRow, ...]:  # fmt: skip
        wanted = RunFilter(thread=thread, states=tuple(states), children=True, forks=forks)
        sql, values = searchrows.listed(f"{RUN}, place", team, wanted, (0, NEWEST))
        every = (*values, limit)
        return await self._read(lambda db: tuple(run_row(r[:-1]) for r in db.execute(sql, every)))

    async def move_run(
        self, run: str, to: RunState, *, frm: Sequence[RunState], result: Result | None = None
    ) -> bool:
        marks = ",".join("?" * len(frm))
        sql = f"UPDATE runs SET state = ?, ended = ? WHERE run = ? AND state IN ({marks})"  # noqa: S608 (constants)

        def move(db: Connection) -> bool:
            ended = None if to in ("running", "waiting") else self._clock()
            moved = db.execute(sql, (to, ended, run, *frm)).rowcount == 1
            if moved:
                searchrows.save_result(db, run, result)
            return moved

        return await self._do(move)

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
        sql = f"{_OFFSPRING} UPDATE runs SET cancelled_by = ?2 WHERE run IN (SELECT run FROM tree)"  # noqa: S608 (constants)
        await self._do(lambda db: db.execute(sql, (run, by)))

    async def children(self, run: str) -> tuple[RunRow, ...]:
        sql = f"SELECT {RUN} FROM runs WHERE parent = ? AND parent != '' ORDER BY created, rowid"  # noqa: S608 (constants)
        return await self._read(lambda db: tuple(map(run_row, db.execute(sql, (run,)))))

    async def offspring(self, run: str) -> tuple[RunRow, ...]:
        sql = (
            f"{_OFFSPRING} SELECT {RUN} FROM runs JOIN tree USING (run)"  # noqa: S608 (constants)
            " WHERE depth > 0 ORDER BY depth, created, runs.rowid"
        )
        return await self._read(lambda db: tuple(map(run_row, db.execute(sql, (run,)))))

    # Dead letters

    async def dead(self, team: str, *, limit: int = 500) -> tuple[RunRow, ...]:
        sql = (
            f"SELECT {RUN} FROM runs WHERE team = ? AND parent = '' AND dropped = '' AND {_FAILED}"  # noqa: S608 (constants)
            " AND fork_of = '' ORDER BY created LIMIT ?"
        )
        return await self._read(lambda db: tuple(map(run_row, db.execute(sql, (team, limit)))))

    async def redrive(self, row: RunRow, entry: AuditEntry) -> bool:
        sql = (
            "UPDATE runs SET state = 'running', result = NULL, dropped = '', attempt = attempt + 1,"  # noqa: S608 (constants)
            " usd = NULL, calls = 0, error = '', ended = NULL,"
            " root_thread = run || '~' || (attempt + 1), seconds_left = ?, budget_usd = ?,"
            f" budget_calls = ? WHERE run = ? AND attempt = ? AND NOT nested AND {_FAILED}"
        )
        values = (row.seconds_left, row.budget_usd, row.budget_calls, row.run, row.attempt)
        return await self._audited(sql, values, entry)

    async def drop(self, run: str, entry: AuditEntry) -> bool:
        sql = f"UPDATE runs SET dropped = ? WHERE run = ? AND dropped = '' AND {_FAILED}"  # noqa: S608 (constants)
        return await self._audited(sql, (entry.by, run), entry)

    async def _audited(self, sql: str, values: tuple[object, ...], entry: AuditEntry) -> bool:
        def work(db: Connection) -> bool:
            changed = db.execute(sql, values).rowcount == 1
            if changed:
                auditrows.append(db, entry)
            return changed

        return await self._do(work)

    # Threads

    async def line(self, row: RunRow, *, limit: int = 100) -> tuple[RunRow, ...]:
        sql = (
            f"SELECT {RUN} FROM runs WHERE team = ? AND tenant = ? AND thread = ?"  # noqa: S608 (constants)
            " AND state = 'running' AND parent = '' AND NOT nested ORDER BY seconds > 0 DESC,"
            " json_extract(request, '$.priority'), created, rowid LIMIT ?"
        )
        values = (row.team, row.tenant, row.thread, limit)
        return await self._read(lambda db: tuple(map(run_row, db.execute(sql, values))))

    async def last_specialist(self, row: RunRow) -> str:
        sql = (
            "SELECT specialist FROM runs WHERE team = ? AND tenant = ? AND thread = ?"
            " AND specialist != '' AND parent = '' ORDER BY created DESC LIMIT 1"
        )
        values = (row.team, row.tenant, row.thread)
        found = await self._read(lambda db: db.execute(sql, values).fetchone())
        return found[0] if found else ""

    async def release_runs(
        self, team: str, release: str, *, since: float = 0.0, limit: int = 1000
    ) -> tuple[RunRow, ...]:
        sql = (
            f"SELECT {RUN} FROM runs WHERE team = ? AND release = ? AND release != ''"  # noqa: S608 (constants)
            " AND place >= ? AND created >= ? AND parent = '' AND fork_of = ''"
            " AND state NOT IN ('running', 'waiting') ORDER BY place DESC LIMIT ?"
        )
        values = (team, release, lists.place_at(since), since, limit)
        return await self._read(lambda db: tuple(map(run_row, db.execute(sql, values))))

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
