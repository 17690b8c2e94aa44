"""The audit log: every step on every ticket and grant, one row each, chained by hashes.

A row's hash covers the row and the hash before it: a row that was changed, removed or moved
breaks the chain at its place. Rows that were cut off the end, and a chain written anew as a whole,
show only against a head that was exported before. Rows hold digests in place of arguments, reasons
and results: erasing a person's data leaves the chain valid.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

from pydantic import AwareDatetime

from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.message import Frozen
from pointsman.teams.approvals.grant import Grant
from pointsman.teams.approvals.lifecycle import Move, Step
from pointsman.teams.tickets import Ticket

GENESIS = "0" * 64
"""The hash before the first row."""

Action = (
    Literal[
        "open", "grant", "use", "revoke", "redrive", "drop", "promote", "rollback", "issue",
        "withdraw", "sign_in", "turn_away",
    ]
    | Step
)  # fmt: skip
"""`issue` and `withdraw` are of access tokens, `revoke` of a grant; `sign_in` and `turn_away` are
of people at a server."""


class AuditEntry(Frozen):
    """What happened, without its place in the chain."""

    at: AwareDatetime
    team: str
    run: str = ""
    ticket: str = ""
    grant: str = ""
    release: str = ""
    """Which release was promoted or rolled back."""
    token: str = ""
    """Which access token was issued or withdrawn, `to` then names whose it is; or which one was
    signed in with, `to` then says from which address."""
    action: Action
    by: str
    """A person, `policy:<rule>`, `grant:<id>`, `clock`, `run` or `watch`."""
    status: str = ""
    """The ticket's status after it; of a release, its channel; of a token, its scopes."""
    tool: str = ""
    digest: str = ""
    """Of the action: tool and arguments, the edited ones after an edit; or of the release."""
    policy: str = ""
    """Rule and version that asked, when the ticket was opened; what the gate said of a release."""
    to: str = ""
    """Whom it was passed to."""
    text_digest: str = ""
    """Of the reason, the person's answer or the tool's result; empty where there was none."""


class AuditRow(Frozen):
    """An entry in its place: rows are numbered from 1 without a gap."""

    seq: int
    entry: AuditEntry
    prev: str
    """The hash of the row before; GENESIS for the first."""
    hash: str


class Head(Frozen):
    """The end of the log at some moment: what truncation is found by. Keep it elsewhere."""

    seq: int
    hash: str


def chained(entry: AuditEntry, before: Head | None) -> AuditRow:
    """The entry as the next row after `before`."""
    seq, prev = (before.seq + 1, before.hash) if before else (1, GENESIS)
    return AuditRow(seq=seq, entry=entry, prev=prev, hash=_hash(seq, entry, prev))


def _hash(seq: int, entry: AuditEntry, prev: str) -> str:
    # Without the defaults, so that a field of tomorrow does not change the hashes of today.
    said = entry.model_dump(mode="json", exclude_defaults=True)
    return digest("audit", seq, prev, cast("JsonObject", said))


@dataclass(frozen=True, slots=True)
class Fault:
    """Where the log was tampered with, and how that shows."""

    seq: int
    what: str


class Check:
    """Looks at rows one after another, in their stored order, and finds every place at which they
    do not form one chain. Keeps no row, so the log may be of any length."""

    def __init__(self, head: Head | None = None) -> None:
        """`head`: an end of the log that was exported before; the rows must reach it."""
        self._head = head
        self._at_head = GENESIS if head is not None and head.seq == 0 else ""
        self.last = Head(seq=0, hash=GENESIS)
        self.rows = 0
        self._found: list[Fault] = []

    def see(self, row: AuditRow) -> None:
        """The next row."""
        last = self.last
        if row.seq > last.seq + 1:
            gap = f"row {last.seq + 1}" + ("" if row.seq == last.seq + 2 else f" to {row.seq - 1}")
            self._found.append(Fault(last.seq + 1, f"{gap} missing"))
        elif row.seq <= last.seq:
            self._found.append(Fault(row.seq, f"row {row.seq} stands after row {last.seq}"))
        elif row.prev != last.hash:
            what = f"row {row.seq} does not follow from row {last.seq}"
            self._found.append(Fault(row.seq, what))
        if _hash(row.seq, row.entry, row.prev) != row.hash:
            self._found.append(Fault(row.seq, f"row {row.seq} was changed"))
        self.last = Head(seq=row.seq, hash=row.hash)
        self.rows += 1
        if self._head is not None and row.seq == self._head.seq:
            self._at_head = row.hash

    def faults(self) -> list[Fault]:
        """What was found, now that there are no more rows. Empty: the log is whole."""
        head, last = self._head, self.last
        if head is None:
            return self._found
        if last.seq < head.seq:
            what = f"rows {last.seq + 1} to {head.seq} were cut off the end"
            return [*self._found, Fault(last.seq + 1, what)]
        if self._at_head != head.hash:
            what = f"row {head.seq} is not the one that was exported"
            return [*self._found, Fault(head.seq, what)]
        return self._found


def faults(rows: Iterable[AuditRow], head: Head | None = None) -> list[Fault]:
    """Every place at which the rows, in their stored order, do not form one chain that reaches an
    exported head. Empty: the log is whole."""
    check = Check(head)
    for row in rows:
        check.see(row)
    return check.faults()


def opened(ticket: Ticket) -> AuditEntry:
    """The entry for a frozen ticket; the policy's own decisions and a grant's use stand in it."""
    return _entry(ticket, "open", ticket.by or "run", ticket.created, ticket.decision_reason)


def entry(before: Ticket, move: Move, after: Ticket) -> AuditEntry | None:
    """The entry for a move; None where it changed nothing."""
    if after == before:
        return None
    text = {
        "respond": after.response,
        "execute": after.outcome,
        "supersede": after.outcome,
        "cancel": after.outcome,
    }.get(move.step, after.decision_reason)
    made = _entry(after, move.step, move.by, move.at, text)
    passed = after.assigned if after.assigned != before.assigned else ""
    return made.model_copy(update={"to": passed})


def granted(grant: Grant, action: Literal["grant", "use", "revoke"], by: str, at: datetime,
            *, ticket: Ticket | None = None) -> AuditEntry:  # fmt: skip
    """The entry for a grant that was given, used or revoked."""
    return AuditEntry(
        at=at.astimezone(UTC),
        team=grant.team,
        run=ticket.run if ticket else "",
        ticket=ticket.id if ticket else grant.ticket,
        grant=grant.id,
        action=action,
        by=by,
        tool=grant.tool,
        digest=ticket.digest if ticket else grant.digest,
        text_digest=digest(grant.reason) if grant.reason and action == "grant" else "",
    )


def _entry(ticket: Ticket, action: Action, by: str, at: datetime, text: str) -> AuditEntry:
    return AuditEntry(
        at=at.astimezone(UTC),
        team=ticket.team,
        run=ticket.run,
        ticket=ticket.id,
        grant=ticket.grant,
        action=action,
        by=by,
        status=ticket.status,
        tool=ticket.tool,
        digest=ticket.shows,
        policy=f"{ticket.policy_rule}@{ticket.policy_version}" if action == "open" else "",
        text_digest=digest(text) if text else "",
    )
