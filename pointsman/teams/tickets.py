"""Tickets and decisions: a frozen action that waits for a person, and what the person said.

Stored as they stand here: never moved or renamed without a migration.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.message import Change, Frozen, Provenance, Task
from pointsman.nodes.tool import Effect, Stakes

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
DECIDED: tuple[TicketStatus, ...] = ("approved", "rejected", "answered", "expired")
"""Decided, by a person, the policy or the clock. `settled` says whether the run acted on it."""

Kind = Literal["action", "admit", "release", "ambiguous", "compensate", "route", "plan"]
"""What waits. `action`: a tool call. `admit`, `release`: a text that a guard holds on its way in or
out. `ambiguous`: a write of which nobody knows whether it happened: approve to do it now, reject to
leave it, respond with its result when it did happen. `compensate`: undoing a write that was done in
a run that failed or was cancelled. `route`: where a run goes that the router would not decide, or
that hit a bound. `plan`: the tasks that a specialist wants to give to others."""

ROUTE_TOOL = "pointsman.route"
"""`tool` of a ticket of kind route. Its one argument is `to`, a specialist's name."""
PLAN_TOOL = "pointsman.plan"
"""`tool` of a ticket of kind plan. Its one argument is `tasks`, each a `message.Task`."""


class _Decision(Frozen):
    by: str = Field(min_length=1, max_length=200)
    """Who decided. Recorded always."""
    reason: str = Field(default="", max_length=4000)


class Approve(_Decision):
    """Do exactly what the ticket shows."""

    type: Literal["approve"] = "approve"
    digest: str = ""
    """Digest of what the reviewer saw. Refused when the ticket shows something else by now: an edit
    by another reviewer came between. Empty: not compared."""


class Edit(_Decision):
    """Do it with other arguments. `args` is laid over the ticket's; the tool's schema decides."""

    type: Literal["edit"] = "edit"
    args: JsonObject
    digest: str = ""
    """As of Approve: of what the reviewer saw."""


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
DECISION: TypeAdapter[Decision] = TypeAdapter(Decision)


TAKES: Mapping[Kind, tuple[str, ...]] = {
    "action": ("approve", "edit", "reject", "respond", "escalate"),
    "admit": ("approve", "reject", "respond", "escalate"),
    "release": ("approve", "edit", "reject", "respond", "escalate"),
    "ambiguous": ("approve", "reject", "respond", "escalate"),
    "compensate": ("approve", "reject", "escalate"),
    "route": ("approve", "edit", "reject", "respond", "escalate"),
    "plan": ("approve", "edit", "reject", "respond", "escalate"),
}
"""Which decisions a ticket of each kind takes."""


class Vote(Frozen):
    """One person's approval of what the digest stands for."""

    by: str
    at: AwareDatetime
    digest: str


class Ticket(Frozen):
    """An action frozen before the run paused, and what became of it."""

    id: str
    team: str
    run: str
    thread: str
    tenant: str = "default"
    kind: Kind = "action"
    specialist: str
    tool: str
    effect: Effect = "write"
    stakes: Stakes = "low"
    call_id: str = ""
    args: JsonObject
    digest: str
    args_schema: JsonObject = Field(default_factory=dict)
    """JSON Schema of the arguments when the ticket was frozen; empty where no tool takes them."""
    policy_rule: str
    policy_version: str
    reason: str
    preview: str = ""
    changes: tuple[Change, ...] = ()
    """What the action would change, where the tool's preview says so in parts."""
    provenance: tuple[Provenance, ...] = ()
    """Where each sensitive argument comes from."""
    held: str = ""
    """`guard:rule` of the tool's own guard that wants a person to look. No grant covers it."""
    about: str = ""
    """The ticket whose effect this one is about: ambiguous and compensate."""
    run_attempt: int = 1
    """Which attempt of the run asks: 2 after it was driven again."""
    repeats: str = ""
    """The ticket of an earlier attempt of the run whose write this one would do again. The ledger
    takes both for one write."""
    attempt: int = 0
    """Which attempt at the effect it asks about: ambiguous."""
    usd: float | None = 0.0
    """What the run had cost when the ticket was frozen; None where a price is unknown."""
    created: AwareDatetime
    status: TicketStatus = "pending"

    # Who decides, and until when.
    approvals: int = 1
    """How many different people must approve."""
    votes: tuple[Vote, ...] = ()
    """Approvals so far of what would run now."""
    reviewers: tuple[str, ...] = ()
    """People and groups who may decide; empty: anybody."""
    escalate_to: tuple[str, ...] = ()
    """Who is asked next when the time is up."""
    expires: AwareDatetime | None = None
    expires_after: float | None = None
    """Seconds that each reviewer has."""
    remind_after: float | None = None
    """Seconds between reminders."""
    remind: AwareDatetime | None = None
    """When the next reminder is due."""

    # What was decided.
    assigned: str = ""
    """The reviewer it was passed to last."""
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
    grant: str = ""
    """The grant that approved it."""
    settled: AwareDatetime | None = None
    """When the run acted on the decision."""
    outcome: str = ""
    """The tool's result or the error, once it ran."""

    @property
    def runs(self) -> JsonObject:
        """The arguments that may run: the edited ones where there are any."""
        return self.args if self.approved_args is None else self.approved_args

    @property
    def shows(self) -> str:
        """Digest of what would run if it were approved now."""
        return self.digest if self.approved_args is None else action_digest(self.tool, self.runs)

    @property
    def open(self) -> bool:
        """Whether it waits for a person."""
        return self.status == "pending"


class PlanArgs(Frozen):
    """The arguments of a plan's ticket."""

    tasks: tuple[Task, ...]


def tasks_of(args: JsonObject) -> tuple[Task, ...]:
    """The tasks that a plan's ticket shows. Raises ValidationError."""
    return PlanArgs.model_validate(args).tasks


def action_digest(tool: str, args: JsonObject) -> str:
    """SHA-256 over the tool's name and its canonical arguments: approval and run must share it."""
    return digest(tool, args)
