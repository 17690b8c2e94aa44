"""A ticket's states, and every legal step from one to another. Pure: stores apply it in their
transaction, so two steps at once are one after the other, and the second one sees the first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pointsman.errors import InvalidDecision, TicketClosed
from pointsman.nodes.digest import JsonObject
from pointsman.teams.tickets import (
    TAKES,
    Approve,
    Decision,
    Edit,
    Escalate,
    Reject,
    Respond,
    Ticket,
    TicketStatus,
    Vote,
)

Step = Literal[
    "approve", "edit", "reject", "respond", "escalate", "expire", "remind",
    "settle", "execute", "supersede", "cancel",
]  # fmt: skip
"""What can be done to a ticket. The first five are a person's decisions; expire and remind are the
clock's; settle (the run took note), execute, supersede and cancel are the run's."""

TRANSITIONS: Mapping[TicketStatus, Mapping[Step, tuple[TicketStatus, ...]]] = {
    "pending": {
        "approve": ("approved", "pending"),  # pending still: another person must approve too
        "edit": ("approved", "pending"),
        "reject": ("rejected",),
        "respond": ("answered",),
        "escalate": ("pending",),
        "remind": ("pending",),
        "expire": ("expired", "pending"),  # pending still: passed to the next reviewer
        "supersede": ("superseded",),
        "cancel": ("cancelled",),
    },
    "approved": {
        "execute": ("executed", "failed", "ambiguous"),
        "supersede": ("superseded",),
        "cancel": ("cancelled",),
    },
    "ambiguous": {"execute": ("executed", "failed")},  # somebody found out what happened
    "rejected": {"settle": ("rejected",)},
    "answered": {"settle": ("answered",)},
    "expired": {"settle": ("expired",)},
    "executed": {},
    "failed": {},
    "superseded": {},
    "cancelled": {},
}
"""State -> step -> the states it may lead to. What is not here is refused."""

Groups = Mapping[str, tuple[str, ...]]
"""Reviewer groups of a team: name -> people."""
Edited = Callable[[Ticket, Edit], JsonObject]
"""Lays an edit over what the ticket shows: validated, complete. Raises InvalidDecision."""

CLOCK = "clock"
"""`by` of what time decided."""


@dataclass(frozen=True, slots=True)
class Move:
    """One step on one ticket: what, by whom, when, and the change it makes."""

    step: Step
    by: str
    at: datetime
    change: Callable[[Ticket], Ticket]


def moved(ticket: Ticket, move: Move) -> Ticket:
    """The ticket after the move. Raises TicketClosed when its state does not allow the step, saying
    who decided and when; InvalidDecision when the decision does not fit."""
    allowed = TRANSITIONS[ticket.status].get(move.step)
    if allowed is None or (move.step == "settle" and ticket.settled is not None):
        raise closed(ticket)
    after = move.change(ticket)
    if after.status not in allowed:
        raise AssertionError(f"{move.step} led from {ticket.status} to {after.status}")
    return after


def decision_move(decision: Decision, at: datetime, groups: Groups, edited: Edited) -> Move:
    """A person's decision as a move."""

    def change(ticket: Ticket) -> Ticket:
        if is_due(ticket, at):
            raise TicketClosed(
                f"Ticket {ticket.id} of team {ticket.team!r} expired at {_when(ticket.expires)}.",
                hint="Nothing was changed; nobody decided in time.",
            )
        permit(ticket, decision.by, groups)
        _fits(ticket, decision)
        decided = {
            "decision": decision.type,
            "by": decision.by,
            "decision_reason": decision.reason,
            "decided": at,
        }
        if isinstance(decision, Approve | Edit) and decision.digest not in ("", ticket.shows):
            raise InvalidDecision(
                f"Ticket {ticket.id} shows something else by now: it was edited by"
                f" {ticket.votes[-1].by if ticket.votes else 'another reviewer'}.",
                hint="Look at it again; nothing was changed.",
            )
        match decision:
            case Approve():
                return _approved(ticket, decision.by, at, decided)
            case Edit():
                args = edited(ticket, decision)
                changed = {"approved_args": args, "votes": ()}
                return _approved(ticket.model_copy(update=changed), decision.by, at, decided)
            case Reject():
                return ticket.model_copy(update={**decided, "status": "rejected"})
            case Respond():
                change = {"status": "answered", "response": decision.text}
                return ticket.model_copy(update={**decided, **change})
            case Escalate():
                return _passed_to(ticket, decision.to, at)

    return Move(decision.type, decision.by, at, change)


def permit(ticket: Ticket, by: str, groups: Groups) -> None:
    """Raises InvalidDecision when this person is none of the ticket's reviewers."""
    if ticket.reviewers and by not in people(ticket.reviewers, groups):
        raise InvalidDecision(
            f"{by!r} may not decide ticket {ticket.id}: its reviewers are"
            f" {', '.join(ticket.reviewers)}.",
            hint="Nothing was changed. Ask one of them.",
        )


def _fits(ticket: Ticket, decision: Decision) -> None:
    """Raises InvalidDecision for a second approval by one person, and for a decision that tickets
    of this kind do not take."""
    approves = isinstance(decision, Approve)
    if approves and any(v.by == decision.by and v.digest == ticket.shows for v in ticket.votes):
        raise InvalidDecision(
            f"{decision.by!r} has approved ticket {ticket.id} already; {ticket.approvals} different"
            " people must.",
            hint="Nothing was changed. Ask somebody else.",
        )
    if approves and ticket.kind == "route" and not ticket.runs.get("to"):
        raise InvalidDecision(
            f"Ticket {ticket.id} proposes nobody, so there is nothing to approve.",
            hint="Nothing was changed. Edit `to`, answer yourself, or reject it.",
        )
    if decision.type not in TAKES[ticket.kind]:
        raise InvalidDecision(
            f"Ticket {ticket.id} is of kind {ticket.kind!r}: it takes no {decision.type}.",
            hint=f"Nothing was changed. It takes: {', '.join(TAKES[ticket.kind])}.",
        )


def _approved(ticket: Ticket, by: str, at: datetime, decided: Mapping[str, object]) -> Ticket:
    """One more approval of what the ticket shows; enough of them make it approved."""
    votes = (*ticket.votes, Vote(by=by, at=at, digest=ticket.shows))
    update: dict[str, object] = {"votes": votes}
    if len({vote.by for vote in votes}) >= ticket.approvals:
        names = ", ".join(dict.fromkeys(vote.by for vote in votes))
        update |= {**decided, "by": names, "status": "approved", "approved_digest": ticket.shows}
    return ticket.model_copy(update=update)


def _passed_to(ticket: Ticket, to: str, at: datetime) -> Ticket:
    """Assigned to another reviewer, who has the same time anew."""
    return ticket.model_copy(update={"assigned": to, "reviewers": (to,), **deadlines(ticket, at)})


def deadlines(ticket: Ticket, at: datetime) -> dict[str, datetime | None]:
    """When a ticket expires and reminds that somebody is asked from now on."""
    return {
        "expires": _after(at, ticket.expires_after),
        "remind": _after(at, ticket.remind_after),
    }


def people(reviewers: tuple[str, ...], groups: Groups) -> frozenset[str]:
    """The people behind names of people and groups. A group's name stands for its people only."""
    return frozenset(person for name in reviewers for person in groups.get(name, (name,)))


def is_due(ticket: Ticket, at: datetime) -> bool:
    """Whether the time of its present reviewer is up."""
    return ticket.open and ticket.expires is not None and ticket.expires <= at


def next_due(ticket: Ticket) -> datetime | None:
    """When time changes the ticket next; None when it does not."""
    times = [at for at in (ticket.expires, ticket.remind) if at is not None]
    return min(times) if times and ticket.open else None


def time_move(ticket: Ticket, at: datetime) -> Move | None:
    """What time does to the ticket now: it expires (to the next reviewer, or for good), or it
    reminds; None when nothing is due."""
    if is_due(ticket, at):
        return Move("expire", CLOCK, at, lambda t: _expired(t, at))
    if ticket.open and ticket.remind is not None and ticket.remind <= at:
        return Move("remind", CLOCK, at, lambda t: _reminded(t, at))
    return None


def _expired(ticket: Ticket, at: datetime) -> Ticket:
    if not is_due(ticket, at):
        raise _not_due(ticket)
    if ticket.escalate_to:
        to, *others = ticket.escalate_to
        return _passed_to(ticket.model_copy(update={"escalate_to": tuple(others)}), to, at)
    whom = f" by {', '.join(ticket.reviewers)}" if ticket.reviewers else ""
    return ticket.model_copy(
        update={
            "status": "expired",
            "decision": "expire",
            "by": CLOCK,
            "decided": at,
            "decision_reason": f"Nobody decided{whom} until {_when(ticket.expires)}.",
        }
    )


def _reminded(ticket: Ticket, at: datetime) -> Ticket:
    if ticket.remind is None or ticket.remind > at:
        raise _not_due(ticket)
    return ticket.model_copy(update={"remind": _after(at, ticket.remind_after)})


def run_move(
    step: Literal["settle", "execute", "supersede", "cancel"],
    to: TicketStatus,
    at: datetime,
    *,
    outcome: str = "",
    by: str = "run",
) -> Move:
    """What the run did with a decided ticket, or why it dropped an open one."""
    update = {"status": to, "settled": at} | ({"outcome": outcome} if outcome else {})
    return Move(step, by, at, lambda ticket: ticket.model_copy(update=update))


def closed(ticket: Ticket) -> TicketClosed:
    """The error for a step that a ticket's state does not allow."""
    who = f"{ticket.decision or ticket.status} by {ticket.by}" if ticket.by else ticket.status
    at = f" at {_when(ticket.decided)}" if ticket.decided else ""
    why = f" {ticket.outcome}" if ticket.status == "superseded" else ""
    return TicketClosed(
        f"Ticket {ticket.id} of team {ticket.team!r} is closed: {who}{at}; it stands at"
        f" {ticket.status!r}.{why}",
        hint="Nothing was changed.",
    )


def _not_due(ticket: Ticket) -> TicketClosed:
    """Another process was faster: time has done this to the ticket already."""
    return TicketClosed(f"Ticket {ticket.id} of team {ticket.team!r} is not due.")


def _after(at: datetime, seconds: float | None) -> datetime | None:
    return None if seconds is None else at + timedelta(seconds=seconds)


def _when(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "?"
