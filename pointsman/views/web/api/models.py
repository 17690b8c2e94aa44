"""What the API takes and gives, as JSON. These models are its promise: the OpenAPI document is made
of them, and nothing else leaves it."""

import re
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from pointsman.views.health import Status

State = Literal[
    "running", "done", "partial", "waiting", "blocked", "no_route", "cancelled", "failed"
]
"""How a run stands. `running` is under way or in line; `waiting` waits for a person; the others are
final."""
TicketState = Literal[
    "pending", "approved", "rejected", "answered", "executed", "failed", "ambiguous", "superseded",
    "expired", "cancelled",
]  # fmt: skip

_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _whole(value: object) -> object:
    """JSON knows no integers: 1.0 is 1."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _moment(value: object) -> object:
    """Only RFC 3339: a number is no moment here."""
    if isinstance(value, str) and not _MOMENT.fullmatch(value):
        raise ValueError("give a moment as 2026-11-21T12:00:00Z")
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
PRINTED = r"^[^\x00-\x1f\x7f]+$"
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTED)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Given(BaseModel):
    """Base of what is sent here: unknown fields and other types are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Shown(BaseModel):
    """Base of what is answered."""

    model_config = ConfigDict(frozen=True)


# Messages


class AttachmentIn(Given):
    """A file by reference. It is passed on and never opened here."""

    uri: str = Field(min_length=1, max_length=2000)
    media_type: str = Field(default="application/octet-stream", max_length=200)
    name: str = Field(default="", max_length=200)


class BudgetIn(Given):
    """A bound on what the run may cost. Null is no bound."""

    usd: float | None = Field(default=None, ge=0, le=1_000_000, description="US dollars.")
    calls: Whole | None = Field(default=None, ge=1, le=100_000, description="Model calls.")


class MessageIn(Given):
    """A message to the team."""

    text: str = Field(
        min_length=1, max_length=100_000, pattern=r"^[^\x00]*[^\s\x00-\x1f\x7f-\xa0][^\x00]*$",
        description="What is asked. Not blank.",
    )  # fmt: skip
    thread: Name | None = Field(
        default=None, description="The conversation it belongs to. Null: a new one."
    )
    tenant: Name | None = Field(
        default=None,
        description="Whose data and limits apply. Null: the token's tenant, else `default`.",
    )
    priority: Whole = Field(default=5, ge=0, le=9, description="0 is most urgent.")
    deadline: float | None = Field(
        default=None, gt=0, le=31_536_000,
        description="Seconds it may take from now; stops while people think.",
    )  # fmt: skip
    budget: BudgetIn | None = Field(default=None, description="Null: the team's own.")
    attachments: tuple[AttachmentIn, ...] = Field(default=(), max_length=50, strict=False)


class ReasonIn(Given):
    """Why."""

    reason: str = Field(default="", max_length=4000)


# Runs


class RunLine(Shown):
    """A run in a list."""

    run: str
    thread: str
    tenant: str
    state: State
    text: str = Field(description="The first 200 characters of what was asked.")
    specialist: str = Field(description="Who answered; empty until somebody did.")
    created: AwareDatetime
    seconds: float = Field(description="Time it was worked on; waiting for people is not in it.")
    usd: float | None = Field(description="What it cost. Null: not known.")
    calls: int = Field(description="Calls that a model answered.")
    error: str
    release: str
    parent: str = Field(description="The run that gave it its work; empty: a message began it.")


class RunPage(Shown):
    """Runs, newest first."""

    runs: tuple[RunLine, ...]
    next: str | None = Field(description="`after` of the next page. Null after the last one.")


class RunView(Shown):
    """A run."""

    run: str
    thread: str
    tenant: str
    state: State
    message_id: str
    text: str = Field(description="What was asked.")
    created: AwareDatetime
    priority: int
    route: str = Field(description="The specialist that the router chose; empty where none.")
    specialist: str
    answer: str = Field(description="Empty while it runs.")
    data: JsonValue = Field(description="The answer as JSON, where the team gives one.")
    tickets: tuple[str, ...] = Field(description="Ids of the open tickets it waits for.")
    calls: int
    input_tokens: int
    output_tokens: int
    usd: float | None
    seconds: float
    error: str = Field(description="Class of the error that ended it; empty where none did.")
    cancelled_by: str
    release: str
    parent: str
    attempt: int


class EventView(Shown):
    """Something that happened in a run. As a server-sent event: `id` is `seq`, `event` is `kind`,
    and `data` is all of this."""

    run: str
    seq: int = Field(description="Its number in the run, from 0.")
    at: AwareDatetime
    kind: str = Field(
        description="`routed`, `model_called`, `ticket_opened`, `run_ended` and so on."
    )
    data: dict[str, JsonValue] = Field(description="What the kind says more.")


# Tickets


class VoteView(Shown):
    """One person's approval."""

    by: str
    at: AwareDatetime


class ChangeView(Shown):
    """One thing that the action would change."""

    what: str
    before: JsonValue
    after: JsonValue


class OriginView(Shown):
    """Where a sensitive argument comes from."""

    argument: str
    origin: Literal["person", "tool", "document", "default", "model"]
    source: str


class TicketView(Shown):
    """An action that waits for a person, or what became of it."""

    id: str
    run: str
    thread: str
    tenant: str
    kind: Literal["action", "admit", "release", "ambiguous", "compensate", "route", "plan"]
    specialist: str
    tool: str
    effect: Literal["read", "write"]
    stakes: Literal["low", "high"]
    args: dict[str, JsonValue] = Field(description="What would run if it were approved now.")
    args_schema: dict[str, JsonValue]
    digest: Digest = Field(description="Of tool and arguments: give it back to approve or edit.")
    takes: tuple[str, ...] = Field(description="The types of decision that it takes.")
    reason: str = Field(description="Why a person is asked.")
    preview: str
    changes: tuple[ChangeView, ...]
    origins: tuple[OriginView, ...]
    approvals: int = Field(description="How many different people must approve.")
    votes: tuple[VoteView, ...]
    reviewers: tuple[str, ...] = Field(description="Who may decide; empty: anybody.")
    created: AwareDatetime
    expires: AwareDatetime | None
    status: TicketState
    decision: str
    by: str = Field(description="Who decided; empty while it waits.")
    decided: AwareDatetime | None
    decision_reason: str
    response: str
    outcome: str = Field(description="The tool's result or the error, once it ran.")


class TicketList(Shown):
    """Tickets, oldest first."""

    tickets: tuple[TicketView, ...]
    next: str | None = Field(description="`after` of the next page. Null after the last one.")


class _Decision(Given):
    reason: str = Field(default="", max_length=4000)


class ApproveIn(_Decision):
    """Do exactly what the ticket shows."""

    type: Literal["approve"]
    digest: Digest | None = Field(default=None, description="Or as If-Match. One is needed.")


class EditIn(_Decision):
    """Do it with other arguments, laid over the ticket's."""

    type: Literal["edit"]
    args: dict[str, JsonValue]
    digest: Digest | None = Field(default=None, description="Or as If-Match. One is needed.")


class RejectIn(_Decision):
    """Do not do it. The specialist sees the reason."""

    type: Literal["reject"]


class RespondIn(_Decision):
    """Do not do it; answer with this text instead."""

    type: Literal["respond"]
    text: str = Field(min_length=1, max_length=100_000)


class EscalateIn(_Decision):
    """Pass the ticket to another reviewer."""

    type: Literal["escalate"]
    to: Name


DecisionIn = Annotated[
    ApproveIn | EditIn | RejectIn | RespondIn | EscalateIn, Field(discriminator="type")
]


# Health, and what went wrong


class Health(Shown):
    """How the server stands."""

    status: Status


class FieldFault(Shown):
    """What is wrong with one part of what was sent."""

    where: str
    message: str


class Problem(Shown):
    """What went wrong, as RFC 9457 has it."""

    type: str = Field(description="A name of the kind of problem: `urn:pointsman:problem:…`.")
    title: str
    status: int
    detail: str = Field(description="What happened, and what to do.")
    errors: tuple[FieldFault, ...] = ()
    retry_after: float | None = Field(default=None, description="Seconds.")
    by: str | None = Field(default=None, description="Who was first, at a conflict.")
    decision: str | None = Field(default=None, description="What they decided.")
    ticket_status: TicketState | None = None


# Queries


class RunQuery(Given):
    """Which runs. All that is given must hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    text: str = Field(default="", max_length=200, description="Words of request or answer.")
    thread: str = Field(default="", max_length=200)
    specialist: str = Field(default="", max_length=200)
    state: tuple[State, ...] = Field(default=(), max_length=8)
    tenant: str = Field(default="", max_length=200)
    release: str = Field(default="", max_length=200)
    since: Moment | None = Field(default=None, description="Created then or later.")
    until: Moment | None = Field(default=None, description="Created before.")
    usd_at_least: float | None = Field(default=None, ge=0, le=1e12)
    usd_at_most: float | None = Field(default=None, ge=0, le=1e12)
    seconds_at_least: float | None = Field(default=None, ge=0, le=1e12)
    seconds_at_most: float | None = Field(default=None, ge=0, le=1e12)
    children: bool = Field(default=False, description="Also runs that runs gave work to.")
    after: str = Field(
        default="", pattern=r"^[0-9a-f]{0,15}$", description="`next` of the page before."
    )
    limit: int = Field(default=50, ge=1, le=200)


class TicketQuery(Given):
    """Which tickets."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    status: TicketState | Literal["all"] = "pending"
    run: str = Field(default="", max_length=200, description="Of this run and its children.")
    tenant: str = Field(default="", max_length=200)
    after: str = Field(default="", pattern=r"^[0-9]{0,15}$")
    limit: int = Field(default=100, ge=1, le=500)


class EventQuery(Given):
    """Which events of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    until: Literal["pause", "end"] = Field(
        default="pause",
        description="It ends when the run ends, or (pause) also when it waits for a person.",
    )


class NoQuery(Given):
    """No parameters."""
