"""Tickets about a write that was begun: did it happen, and shall it be undone?"""

from datetime import UTC, datetime
from typing import Literal

from pointsman.nodes.digest import digest
from pointsman.nodes.run import Run
from pointsman.teams.approvals.lifecycle import deadlines
from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.rows import EffectRow
from pointsman.teams.tickets import Ticket


def now(run: Run) -> datetime:
    """The time by the run's clock."""
    return datetime.fromtimestamp(run.clock(), UTC)


def ambiguous_ticket(spec: TeamSpec, ticket: Ticket, attempt: int, run: Run) -> Ticket:
    """Asks whether a write happened that was begun and has no result. One for each attempt."""
    began = f"{now(run):%Y-%m-%d %H:%M:%S} UTC"
    reason = (
        f"{ticket.tool!r} was begun and no result was recorded (found at {began}, attempt"
        f" {attempt}). Look in the system it acts on: it may have happened or not."
    )
    return _about(spec, ticket, run, "ambiguous", f"ambiguous-{attempt}").model_copy(
        update={"reason": reason, "attempt": attempt, "preview": ticket.preview}
    )


def held_id(ticket: Ticket) -> str:
    """Id of the ticket that asks again, since a guard of the tool holds what no person approved."""
    return "t" + digest("held", ticket.id)[:11]


def held_ticket(ticket: Ticket, held: str, reason: str, run: Run) -> Ticket:
    """Asks a person for an action that the policy or a grant let pass, and a guard then held."""
    undecided: dict[str, object] = {
        "decision": "", "by": "", "decided": None, "decision_reason": "", "approved_digest": "",
        "grant": "", "settled": None, "outcome": "", "votes": (), "expires": None, "remind": None,
    }  # fmt: skip
    asked = ticket.model_copy(
        update={
            **undecided,
            "id": held_id(ticket),
            "status": "pending",
            "policy_rule": held,
            "held": held,
            "reason": reason,
            "created": now(run),
        }
    )
    return asked.model_copy(update=deadlines(asked, asked.created))


def compensation(spec: TeamSpec, ticket: Ticket, done: EffectRow, why: str, run: Run) -> Ticket:
    """Offers to undo a done write of a run that came to nothing."""
    return _about(spec, ticket, run, "compensate", "compensate").model_copy(
        update={"reason": f"{why} {ticket.tool!r} was done: {done.result}".strip()}
    )


def _about(
    spec: TeamSpec, ticket: Ticket, run: Run, kind: Literal["ambiguous", "compensate"], name: str
) -> Ticket:
    """Who might decide on the action decides on this; one person is enough to say what is."""
    terms = spec.policy.terms
    asked = Ticket(
        id="t" + digest(name, ticket.id)[:11],
        team=ticket.team,
        run=ticket.run,
        thread=ticket.thread,
        tenant=ticket.tenant,
        kind=kind,
        specialist=ticket.specialist,
        tool=ticket.tool,
        effect=ticket.effect,
        stakes=ticket.stakes,
        call_id=ticket.call_id,
        args=ticket.runs,
        digest=ticket.shows,
        args_schema=ticket.args_schema,
        changes=ticket.changes,
        provenance=ticket.provenance,
        about=ticket.id,
        policy_rule=kind,
        policy_version=spec.policy.version,
        reason="",
        usd=None if run.spend.unpriced else run.spend.usd,
        created=now(run),
        reviewers=ticket.reviewers or terms.reviewers,
        escalate_to=ticket.escalate_to or terms.escalate_to,
        expires_after=ticket.expires_after or terms.expires_after,
        remind_after=ticket.remind_after or terms.remind_after,
    )
    return asked.model_copy(update=deadlines(asked, asked.created))
