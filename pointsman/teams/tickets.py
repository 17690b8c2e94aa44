"""Tickets and decisions: a frozen action that waits for a person, and what the person said.

Stored as they stand here: never moved or renamed without a migration.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from pointsman.errors import InvalidDecision
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.message import Frozen

TicketStatus = Literal[
    "pending",
    "approved",
    "rejected",
    "answered",
    "executed",
    "failed",
    "ambiguous",
    "superseded",
    "expired",
    "cancelled",
]
DECIDED: frozenset[TicketStatus] = frozenset({"approved", "rejected", "answered"})
"""Decided, and the run has not acted on it yet."""


class _Decision(Frozen):
    by: str = Field(min_length=1, max_length=200)
    """Who decided. Recorded always."""
    reason: str = Field(default="", max_length=4000)


class Approve(_Decision):
    """Do exactly what the ticket shows."""

    type: Literal["approve"] = "approve"


class Edit(_Decision):
    """Do it with other arguments. `args` is laid over the ticket's; the tool's schema decides."""

    type: Literal["edit"] = "edit"
    args: JsonObject


class Reject(_Decision):
    """Do not do it. The specialist sees the reason."""

    type: Literal["reject"] = "reject"


class Respond(_Decision):
    """Do not do it; answer with this text instead."""

    type: Literal["respond"] = "respond"
    text: str = Field(min_length=1, max_length=100_000)


class Escalate(_Decision):
    """Pass the ticket to another reviewer. It stays open."""

    type: Literal["escalate"] = "escalate"
    to: str = Field(min_length=1, max_length=200)


Decision = Annotated[Approve | Edit | Reject | Respond | Escalate, Field(discriminator="type")]


class Ticket(Frozen):
    """An action frozen before the run paused, and what became of it."""

    id: str
    team: str
    run: str
    thread: str
    tenant: str = "default"
    kind: Literal["action", "admit", "release"] = "action"
    """`action`: a tool call; `admit` / `release`: a text that a guard holds on its way in / out."""
    specialist: str
    tool: str
    call_id: str = ""
    args: JsonObject
    digest: str
    policy_rule: str
    policy_version: str
    reason: str
    preview: str = ""
    usd: float | None = 0.0
    """What the run had cost when the ticket was frozen."""
    created: AwareDatetime
    expires: AwareDatetime | None = None
    status: TicketStatus = "pending"
    assigned: str = ""
    decision: str = ""
    by: str = ""
    decided: AwareDatetime | None = None
    decision_reason: str = ""
    approved_args: JsonObject | None = None
    """What an edit made of `args`; None where they stand."""
    approved_digest: str = ""
    """Digest of what may run. Execute compares it with what it is about to run."""
    response: str = ""
    """The person's answer, after Respond."""
    outcome: str = ""
    """The tool's result or the error, once it ran."""

    @property
    def runs(self) -> JsonObject:
        """The arguments that may run: the edited ones where there are any."""
        return self.args if self.approved_args is None else self.approved_args

    def decided_by(
        self, decision: Decision, at: datetime, args: JsonObject | None = None
    ) -> "Ticket":
        """This ticket after a decision. `args` are an edit's arguments, validated and complete.

        Raises InvalidDecision for an edit without them.
        """
        common: dict[str, object] = {
            "decision": decision.type,
            "by": decision.by,
            "decision_reason": decision.reason,
            "decided": at,
        }
        match decision:
            case Approve():
                change = {"status": "approved", "approved_digest": self.digest}
            case Edit():
                if args is None:
                    raise InvalidDecision(f"The edit of ticket {self.id} has no arguments.")
                change = {
                    "status": "approved",
                    "approved_args": args,
                    "approved_digest": action_digest(self.tool, args),
                }
            case Reject():
                change = {"status": "rejected"}
            case Respond():
                change = {"status": "answered", "response": decision.text}
            case Escalate():
                change = {"assigned": decision.to}
                common = {}
        return self.model_copy(update={**common, **change})


def action_digest(tool: str, args: JsonObject) -> str:
    """SHA-256 over the tool's name and its canonical arguments: approval and run must share it."""
    return digest(tool, args)
