"""The API's routes as one table: what serves them and what documents them is made of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

from pointsman.teams.access import Scope
from pointsman.views.web.api import events, health, messages, runs, tickets
from pointsman.views.web.api.call import Call
from pointsman.views.web.api.models import (
    EventQuery,
    Health,
    MessageIn,
    NoQuery,
    ReasonIn,
    RunPage,
    RunQuery,
    RunView,
    TicketList,
    TicketQuery,
    TicketView,
)

Handler = Callable[[Call], Awaitable[Response]]
STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Header:
    """A request header that an operation reads."""

    name: str
    pattern: str
    says: str


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: Literal["GET", "POST"]
    path: str
    name: str
    """Its operationId."""
    says: str
    handler: Handler
    scope: Scope | None
    """What the token must have; None: open to everybody."""
    answers: Mapping[int, type[BaseModel] | str]
    """Status -> the model, or the media type of what is no JSON."""
    problems: tuple[int, ...] = ()
    """Further statuses with a problem document."""
    body: TypeAdapter[object] | None = None
    body_needed: bool = True
    query: type[BaseModel] = NoQuery
    headers: tuple[Header, ...] = ()
    gives: Mapping[str, str] = field(default_factory=dict[str, str])
    """Response headers, and what they say."""


_RUN = {200: RunView, 202: RunView}
_CHANGE = (400, 404, 413, 415, 422, 503)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST", "/v1/messages", "submitMessage", "Send a message to the team", messages.submit,
        "submit", _RUN, (400, 413, 415, 422, 503), TypeAdapter(MessageIn),
        headers=(
            Header(
                "Idempotency-Key", messages.KEY,
                "The message's id. The same key with the same body is the same run; with another"
                " body it is refused.",
            ),
            Header(
                "Prefer", r"^wait=[0-9]{1,2}$",
                "`wait=N`: answer when the run has ended or waits, at most N (60) seconds later.",
            ),
            Header(
                "traceparent", r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
                "W3C trace context: the run's spans belong to this trace.",
            ),
        ),
        gives={"Location": "The run's address.", "Preference-Applied": "What of Prefer was done."},
    ),
    Operation(
        "GET", "/v1/runs", "listRuns", "Find runs, newest first", runs.list_runs, "read",
        {200: RunPage}, (422,), query=RunQuery,
    ),
    Operation(
        "GET", "/v1/runs/{run}", "readRun", "Read a run", runs.read_run, "read", {200: RunView},
        (404,),
    ),
    Operation(
        "GET", "/v1/runs/{run}/events", "streamEvents",
        "Stream a run's events: what was, then what comes", events.stream_events, "read",
        {200: STREAM}, (400, 404, 422), query=EventQuery,
        headers=(Header("Last-Event-ID", events.LAST, "The last event that came before."),),
    ),
    Operation(
        "POST", "/v1/runs/{run}/cancel", "cancelRun", "Cancel a run", runs.cancel_run, "submit",
        _RUN, _CHANGE, TypeAdapter(ReasonIn), body_needed=False,
    ),
    Operation(
        "POST", "/v1/runs/{run}/resume", "resumeRun", "Have a run that stands still looked at now",
        runs.resume_run, "submit", _RUN, _CHANGE, TypeAdapter(ReasonIn), body_needed=False,
    ),
    Operation(
        "GET", "/v1/tickets", "listTickets", "List what waits for people", tickets.list_tickets,
        "read", {200: TicketList}, (422,), query=TicketQuery,
    ),
    Operation(
        "GET", "/v1/tickets/{ticket}", "readTicket", "Read a ticket", tickets.read_ticket, "read",
        {200: TicketView}, (404,), gives={"ETag": "The digest of what it shows, in quotes."},
    ),
    Operation(
        "POST", "/v1/tickets/{ticket}/decision", "decideTicket", "Decide a ticket",
        tickets.decide, "decide", {200: TicketView}, (*_CHANGE, 409, 410, 412, 428),
        tickets.DECISION,
        headers=(Header("If-Match", r'^"[0-9a-f]{64}"$', "The ETag of the ticket that was seen."),),
        gives={"ETag": "The digest of what it shows, in quotes."},
    ),
    Operation(
        "GET", "/healthz", "live", "Whether the process lives", health.live, None, {200: Health},
    ),
    Operation(
        "GET", "/readyz", "ready", "Whether it takes messages", health.ready, None,
        {200: Health, 503: Health},
    ),
)  # fmt: skip
