"""Message, the one envelope between router, specialists, tools and people, and what it carries.

Everything here is stored (log, tickets, checkpoints): frozen, validated, with a schema version.
A type in this file is never moved or renamed without a migration.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from pointsman.nodes.digest import JsonObject

MESSAGE_SCHEMA = "pointsman.message@1"

Status = Literal["done", "partial", "waiting", "blocked", "no_route", "cancelled", "failed"]
"""How a run stands. `waiting` is the only one that is not final."""

Source = Literal["model", "rules", "fallback", "person", "guard"]
"""Who settled a route or wrote an answer."""


class Frozen(BaseModel):
    """Base of everything stored: immutable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ToolCall(Frozen):
    """A call a model asks for: id (unique in its transcript), tool name, JSON arguments."""

    id: str
    name: str
    args: JsonObject = Field(default_factory=dict)


class Turn(Frozen):
    """One line of a transcript, in the chat-completions shape.

    `tool_calls` only on assistant turns; `tool_call_id` and `name` only on tool turns.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None


class Attachment(Frozen):
    """A file by reference. pointsman passes it on and never opens it."""

    uri: str
    media_type: str = "application/octet-stream"
    name: str = ""


class Request(Frozen):
    """What a person (or a specialist that hands off) asks for."""

    kind: Literal["request"] = "request"
    text: str
    attachments: tuple[Attachment, ...] = ()
    history: tuple[Turn, ...] = ()
    """Earlier turns of the thread, oldest first, already cut to the window."""
    handed: tuple["Quote", ...] = ()
    """What the specialists that handed it on had said and read, with its origin. Never the
    person's words."""
    data: JsonValue = None
    """The receiver's input as JSON, where its contract has an input schema and whoever handed it on
    gave one. Never the person's words."""
    said: tuple[str, ...] | None = None
    """What the person wrote, where `text` is a task in a model's words; None: `text` is it."""


class Quote(Frozen):
    """A text that came along with a hand-off, and where it comes from.

    `origin` as in provenance: `model` is what a specialist wrote itself.
    """

    origin: Literal["tool", "document", "model"]
    source: str
    """The tool, the specialist, or the document's name."""
    text: str
    asked: str = ""
    """What the call gave to the tool: a value that is only echoed proves nothing."""
    cut: bool = False
    """Whether a part of it was left behind."""


class Answer(Frozen):
    """A finished answer. `evidence` is what it rests on: the request and every tool result."""

    kind: Literal["answer"] = "answer"
    text: str
    data: JsonValue = None
    """The contract's output as JSON, where the contract has an output schema."""
    by: Source = "model"
    evidence: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Parts of what was asked that it does not answer; then it is partial, and its text says so."""


class Change(Frozen):
    """One thing an action would change, as a reviewer sees it."""

    what: str
    before: JsonValue = None
    after: JsonValue = None


class Outcome(Frozen):
    """What became of one proposed action."""

    call_id: str
    tool: str
    args: JsonObject
    status: Literal["done", "failed", "rejected", "answered", "refused", "ambiguous"]
    """`answered`: a person answered instead; `refused`: it no longer fitted and did not run."""
    text: str
    """The tool's result, the reviewer's reason or answer, or the error."""


Origin = Literal["person", "tool", "document", "default", "model"]
"""Where an argument's value comes from: it stands in what the person wrote; in a tool's result; in
a document (an attachment, or a tool that returns documents); it is the schema's default; or the
model made it. The first of these that holds."""


class Provenance(Frozen):
    """Where one sensitive argument of a proposed call comes from."""

    argument: str
    """Its path, e.g. `usd` or `items.0.id`."""
    origin: Origin
    source: str = ""
    """The tool, for origin tool and document."""
    content: bool = False
    """Whether it is a text for others to read, and not where something goes or how much. `document`
    then says that it quotes one."""
    slight: bool = False
    """Whether the value is so short a number or word that it may stand there for something else."""


class Terms(Frozen):
    """Who decides on a ticket, how many of them, and until when. Times are in seconds."""

    reviewers: tuple[str, ...] = ()
    """People and groups who may decide; empty: anybody."""
    approvals: int = Field(default=1, ge=1, le=5)
    """How many different people must approve."""
    expires_after: float | None = Field(default=None, gt=0)
    """How long each reviewer has; None: for ever."""
    escalate_to: tuple[str, ...] = ()
    """Who is asked next when the time is up, one after another. Nobody left means reject."""
    remind_after: float | None = Field(default=None, gt=0)
    """Remind after this long, and again after each further time as long."""


class Ruling(Frozen):
    """What the approval policy says of one proposed call: by which rule of which policy version."""

    call_id: str
    verdict: Literal["allow", "ask", "deny"]
    rule: str
    policy_version: str
    reason: str = ""
    terms: Terms = Terms()
    provenance: tuple[Provenance, ...] = ()
    """Of each sensitive argument."""
    held: str = ""
    """`guard:rule` of the tool's own guard that wants a person to look; then no grant will do."""


class Proposal(Frozen):
    """Write actions a specialist wants done, with the transcript from which it goes on."""

    kind: Literal["proposal"] = "proposal"
    request: Request
    calls: tuple[ToolCall, ...]
    transcript: tuple[Turn, ...]
    rulings: tuple[Ruling, ...] = ()
    """From the approval policy's guard. A call without a ruling asks a person."""
    held: tuple["Escalation", ...] = ()
    """Calls that a guard of their tool wants a person to look at, whatever the policy says."""


class Outcomes(Frozen):
    """What became of a proposal: goes back to the specialist that proposed."""

    kind: Literal["outcomes"] = "outcomes"
    request: Request
    transcript: tuple[Turn, ...]
    outcomes: tuple[Outcome, ...]


class Invocation(Frozen):
    """One tool call on its way to the tool, arguments frozen: what the guards of a tool judge."""

    kind: Literal["invocation"] = "invocation"
    call: ToolCall
    effect: Literal["read", "write"]
    reveals: tuple[str, ...] = ()
    """Which kinds of redacted values the tool may see, e.g. `EMAIL`. Set at the tool's door."""


class Returned(Frozen):
    """What a tool gave back, on its way to the specialist. A tool that raises raises."""

    kind: Literal["returned"] = "returned"
    call_id: str
    tool: str
    text: str
    document: bool = False
    """Whether it holds text that strangers wrote."""


class Handoff(Frozen):
    """A specialist's request that somebody else go on."""

    kind: Literal["handoff"] = "handoff"
    to: str
    reason: str
    request: Request
    data: JsonValue = None
    """What the receiver is to work on, as JSON of its input schema."""
    summary: str = ""
    """What was said so far, in the words of whoever hands on."""


class Task(Frozen):
    """One piece of work for a specialist, or for a team that is one. `needs` names the tasks whose
    results it is given; it begins when they are done."""

    id: str = Field(min_length=1, max_length=60)
    """Unique in its delegation."""
    to: str
    text: str
    data: JsonValue = None
    """The receiver's input as JSON, where its contract has an input schema."""
    needs: tuple[str, ...] = ()


class TaskResult(Frozen):
    """What became of a task. `run` is the run of its own in which it was done."""

    task: str
    to: str
    run: str
    status: Status
    text: str
    data: JsonValue = None
    error: str = ""
    usd: float | None = 0.0
    """What it cost; None where a price is unknown."""


class Delegation(Frozen):
    """Work that a node gives to others. It goes on when all of it has ended.

    `of` says what kind of node asks: a plan, a panel, a team inside this one, or the router, which
    found several requests in one message (`parts`).
    """

    kind: Literal["delegation"] = "delegation"
    of: Literal["plan", "panel", "team", "parts"]
    request: Request
    tasks: tuple[Task, ...]
    round: int = Field(default=1, ge=1)
    """Counts the delegations of one visit: 2 is the first new plan after a failure."""
    earlier: tuple[TaskResult, ...] = ()
    """What came of the tasks of the rounds before, those aside that are given again under the same
    id. Tasks may need what is done."""
    approve: str = ""
    """Why a person must approve the tasks before they begin; empty: nobody must."""


class Delivered(Frozen):
    """What became of a delegation: goes back to the node that gave it."""

    kind: Literal["delivered"] = "delivered"
    delegation: Delegation
    results: tuple[TaskResult, ...]
    """One for each task, in their order."""


class Escalation(Frozen):
    """A guard wants a person to look before this goes on.

    `stage` input: `held` is the message that came in and runs again once admitted; output: `held`
    is the answer that leaves once released. At a tool's door `held` is the call, or its result.
    """

    kind: Literal["escalation"] = "escalation"
    stage: Literal["input", "output"]
    guard: str
    rule: str
    reason: str
    held: "Request | Outcomes | Answer | Invocation | Returned"


class Refusal(Frozen):
    """A guard's no, worded for the user."""

    kind: Literal["refusal"] = "refusal"
    guard: str
    rule: str
    text: str
    retry_after: float | None = None
    """Seconds after which the same may be let through, where that is known."""


class Failure(Frozen):
    """An error that ended the work: its class in the error tree and its sentence."""

    kind: Literal["failure"] = "failure"
    error: str
    text: str


Payload = Annotated[
    Request
    | Answer
    | Proposal
    | Outcomes
    | Invocation
    | Returned
    | Handoff
    | Delegation
    | Delivered
    | Escalation
    | Refusal
    | Failure,
    Field(discriminator="kind"),
]


def new_id() -> str:
    """A fresh random id, 32 hex digits."""
    return uuid4().hex


def _now() -> datetime:
    return datetime.now(UTC)


class Message(Frozen):
    """The envelope. `payload.kind` is the CloudEvents `type`; times are UTC."""

    schema_version: Literal["pointsman.message@1"] = MESSAGE_SCHEMA
    id: str = Field(default_factory=new_id, min_length=1, max_length=200)
    correlation_id: str = ""
    """The id of the message that began the run; the same on every message of it."""
    causation_id: str = ""
    """The id of the message this one answers."""
    sender: str
    receiver: str
    time: AwareDatetime = Field(default_factory=_now)
    priority: int = Field(default=5, ge=0, le=9)
    """0 is most urgent, 9 least."""
    traceparent: str = Field(default="", pattern="^(?:00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})?$")
    """The span it was sent from (W3C Trace Context, version 00); empty where nothing traces."""
    payload: Payload

    @property
    def type(self) -> str:
        """The payload's kind, e.g. `request`."""
        return self.payload.kind

    def reply(self, payload: Payload, *, sender: str) -> "Message":
        """A message back to this one's sender, correlated and caused by it."""
        return Message(
            correlation_id=self.correlation_id or self.id,
            causation_id=self.id,
            sender=sender,
            receiver=self.sender,
            priority=self.priority,
            traceparent=self.traceparent,
            payload=payload,
        )

    def carrying(self, payload: Payload) -> "Message":
        """The same message with another payload: what a filter passes on."""
        return self.model_copy(update={"payload": payload})


def request_of(message: Message) -> Request:
    """The person's request behind a message; a Failure, say, has none.

    Raises TypeError for the types that carry none.
    """
    payload = message.payload
    match payload:
        case Request():
            return payload
        case Outcomes() | Proposal() | Handoff() | Delegation():
            return payload.request
        case Delivered():
            return payload.delegation.request
        case _:
            raise TypeError(f"a message of type {payload.kind!r} carries no request")
