"""Rows of tables as dataclasses and back, whatever the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from pydantic import TypeAdapter, ValidationError

from pointsman.errors import Conflict, StoreBroken
from pointsman.nodes.event import Event, Recorded
from pointsman.nodes.message import Message
from pointsman.teams.approvals.audit import AuditEntry, AuditRow
from pointsman.teams.approvals.grant import Grant
from pointsman.teams.approvals.lifecycle import next_due
from pointsman.teams.result import Result
from pointsman.teams.store.rows import RunRow, RunState
from pointsman.teams.tickets import Ticket

RUN: LiteralString = (
    "run, team, thread, tenant, request, state, root_thread, nested, seconds_left, budget_usd,"
    " budget_calls, seconds, cancelled_by, result, parent, root, task, pinned,"
    " attempt, dropped, release, fork_of, fork_at, simulated"
)
"""A run's columns, in the order of `run_values` and `run_row`."""
_STATE: TypeAdapter[RunState] = TypeAdapter(RunState)
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def run_values(row: RunRow) -> tuple[object, ...]:
    """The columns of a run that begins: it has no result."""
    return (
        row.run, row.team, row.thread, row.tenant, row.request.model_dump_json(), row.state,
        row.root_thread, row.nested, row.seconds_left, row.budget_usd, row.budget_calls,
        row.seconds, row.cancelled_by, None, row.parent, row.root, row.task, row.pinned,
        row.attempt, row.dropped, row.release, row.fork_of, row.fork_at, row.simulated,
    )  # fmt: skip


def run_row(row: Sequence[object]) -> RunRow:
    """A run from its columns. Raises ValidationError."""
    (run, team, thread, tenant, request, state, checkpoints, nested, left, *rest) = row
    (usd, calls, secs, by, res, parent, root, task, pinned, attempt, dropped, *named) = rest
    (release, fork_of, fork_at, simulated) = named
    return RunRow(
        run=str(run),
        team=str(team),
        thread=str(thread),
        tenant=str(tenant),
        request=Message.model_validate_json(str(request)),
        state=_STATE.validate_python(state),
        root_thread=str(checkpoints),
        nested=bool(nested),
        seconds_left=_float(left),
        budget_usd=_float(usd),
        budget_calls=calls if isinstance(calls, int) else None,
        seconds=_float(secs) or 0.0,
        cancelled_by=str(by),
        result=None if res is None else Result.model_validate_json(str(res)),
        parent=str(parent),
        root=str(root),
        task=str(task),
        pinned=str(pinned),
        attempt=attempt if isinstance(attempt, int) else 1,
        dropped=str(dropped),
        release=str(release),
        fork_of=str(fork_of),
        fork_at=str(fork_at),
        simulated=bool(simulated),
    )


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def recorded(run: str, seq: int, at: float, event: str) -> Recorded:
    """An event from its columns. Raises ValidationError."""
    return Recorded(run=run, seq=seq, at=at, event=_EVENT.validate_json(event))


def ticket_values(ticket: Ticket) -> tuple[object, ...]:
    """Status, settled, due and body of a ticket's row."""
    at = next_due(ticket)
    due = None if at is None else at.timestamp()
    return ticket.status, ticket.settled is not None, due, ticket.model_dump_json()


def approved_by(ticket: Ticket, grant: Grant) -> Ticket:
    """A new ticket that a grant covers."""
    return ticket.model_copy(
        update={
            "status": "approved", "decision": "approve", "by": f"grant:{grant.id}",
            "grant": grant.id, "decided": ticket.created, "approved_digest": ticket.digest,
            "decision_reason": f"Granted by {grant.by}. {grant.reason}".strip(),
        }
    )  # fmt: skip


def revoked(grant: Grant, by: str, at: datetime) -> Grant:
    """The grant, ended. Raises Conflict when it was before."""
    if grant.revoked is not None:
        raise Conflict(
            f"Grant {grant.id} was revoked by {grant.revoked_by} at"
            f" {grant.revoked:%Y-%m-%d %H:%M:%S} UTC."
        )
    return grant.model_copy(update={"revoked": at, "revoked_by": by})


def audit_rows(found: Sequence[tuple[int, bytes, bytes, bytes]]) -> tuple[AuditRow, ...]:
    """Rows of the audit log, up to the first that cannot be read. Raises StoreBroken, with its
    number, when that is the very first one."""
    read: list[AuditRow] = []
    for seq, entry, prev, hash_ in found:
        try:
            parsed = AuditEntry.model_validate_json(entry)
        except ValidationError as error:
            if read:
                break
            raise StoreBroken(
                f"Row {seq} of the audit log cannot be read: it is no AuditEntry.",
                hint="It was changed by hand, or written by a newer pointsman.",
                row=seq,
            ) from error
        read.append(AuditRow(seq=seq, entry=parsed, prev=_text(prev), hash=_text(hash_)))
    return tuple(read)


def _text(stored: bytes) -> str:
    return stored.decode("utf-8", "replace")
