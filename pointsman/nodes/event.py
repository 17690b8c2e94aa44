"""Events: the steps of a run, as data. Stream, progress view and record are made of these."""

from typing import Annotated, Literal

from pydantic import Field

from pointsman.nodes.message import Frozen, Source, Status


class Routed(Frozen):
    """The router decided (or found no route: `to` is empty)."""

    kind: Literal["routed"] = "routed"
    to: str
    tier: Literal["rules", "sticky", "model", "handoff", "person", "none"]
    confidence: float | None = None
    """Probability of `to` among the candidates, 0 to 1; None where the model gives none."""
    reason: str = ""


class Span(Frozen):
    """Where a rule found something: a place in a payload, and the characters of its text."""

    at: str
    """Which text, e.g. `request.text`, `history.2`, `outcomes.0.text`, `args.to`."""
    start: int
    end: int


class Judged(Frozen):
    """A guard gave a verdict. Plain `allow` verdicts without a finding are not recorded; an `allow`
    with a finding is a signal."""

    kind: Literal["judged"] = "judged"
    guard: str
    specialist: str = ""
    stage: Literal["input", "output", "action"]
    verdict: Literal["allow", "redact", "block", "escalate"]
    rule: str = ""
    count: int = 0
    """How many spans the rule found. The spans' text is never recorded."""
    spans: tuple[Span, ...] = ()
    """The first of them, at most 20."""
    confidence: float | None = None
    """Of the surest of them, 0 to 1; None where the rule gives none."""
    policy_version: str = ""
    """Version of the rules that gave the verdict: the same rules, the same version."""
    shadow: bool = False
    """The rule is on trial: this is what it would have done, and nothing was done."""


class ModelCalled(Frozen):
    """One call through the gateway that gave an answer."""

    kind: Literal["model_called"] = "model_called"
    purpose: str
    specialist: str = ""
    model: str
    source: Literal["model", "cache", "journal", "flight"]
    """`flight`: another identical call was under way and its answer was shared."""
    input_tokens: int = 0
    cached_tokens: int = 0
    """Those of `input_tokens` that the provider read from its own prompt cache."""
    output_tokens: int = 0
    usd: float | None = 0.0
    """Cost of this call; None where the price is unknown. 0 from cache and journal."""
    saved_usd: float | None = 0.0
    """What the same answer cost when it was made, on a cache hit."""
    seconds: float = 0.0
    saved_seconds: float = 0.0


class ModelFailed(Frozen):
    """One model of a chain failed; `next` is what is tried then (empty: nothing)."""

    kind: Literal["model_failed"] = "model_failed"
    specialist: str = ""
    model: str
    error: str
    message: str
    next: str = ""


class Cascaded(Frozen):
    """A cascade gave its answer: a cheap try's, which a check passed or in which two tries agreed,
    or the strong model's. Every call it took is a `model_called` of its own."""

    kind: Literal["cascaded"] = "cascaded"
    tier: str
    specialist: str = ""
    verdict: Literal["checked", "agreed", "escalated"]
    model: str


class ToolCalled(Frozen):
    """A tool ran. Arguments are recorded as a digest; the ticket holds them in full for writes."""

    kind: Literal["tool_called"] = "tool_called"
    tool: str
    specialist: str
    effect: Literal["read", "write"]
    args_digest: str
    ok: bool = True
    error: str = ""
    seconds: float = 0.0


class TicketOpened(Frozen):
    """An action waits for a person."""

    kind: Literal["ticket_opened"] = "ticket_opened"
    ticket: str
    specialist: str
    tool: str
    reason: str


class TicketDecided(Frozen):
    """A person (or the policy) decided a ticket."""

    kind: Literal["ticket_decided"] = "ticket_decided"
    ticket: str
    decision: str
    by: str


class TicketReminded(Frozen):
    """A ticket waits longer than its reviewers should take."""

    kind: Literal["ticket_reminded"] = "ticket_reminded"
    ticket: str
    reviewers: tuple[str, ...] = ()
    """Who is reminded; empty: everybody."""
    waited: float
    """Seconds since it was opened."""


class FellBack(Frozen):
    """A specialist's rule-based fallback took over."""

    kind: Literal["fell_back"] = "fell_back"
    specialist: str
    error: str
    message: str


class BreakerMoved(Frozen):
    """A call of this run opened a circuit breaker, probed it or closed it again."""

    kind: Literal["breaker_moved"] = "breaker_moved"
    of: Literal["specialist", "tool", "model"]
    key: str
    """Its name."""
    state: Literal["closed", "open", "half_open"]


class AnswerPiece(Frozen):
    """A piece of an answer while it is written, past its filters. Only streams that ask for pieces
    get these; they are never recorded."""

    kind: Literal["answer_piece"] = "answer_piece"
    specialist: str
    text: str = ""
    restart: bool = False
    """What came so far is no part of the answer: another attempt begins, with `text`."""


class RunStarted(Frozen):
    """A run began."""

    kind: Literal["run_started"] = "run_started"
    run: str
    thread: str


class RunEnded(Frozen):
    """A run ended, or waits for a person."""

    kind: Literal["run_ended"] = "run_ended"
    run: str
    status: Status
    specialist: str = ""
    by: Source | None = None
    text: str = ""


Event = Annotated[
    RunStarted
    | Routed
    | Judged
    | ModelCalled
    | ModelFailed
    | Cascaded
    | ToolCalled
    | TicketOpened
    | TicketDecided
    | TicketReminded
    | FellBack
    | AnswerPiece
    | BreakerMoved
    | RunEnded,
    Field(discriminator="kind"),
]


class Recorded(Frozen):
    """An event as stored: its place in the run and when it happened (seconds since the epoch)."""

    run: str
    seq: int
    at: float
    event: Event
