"""Events: the steps of a run, as data. Stream, progress view and record are made of these."""

from typing import Annotated, Literal

from pydantic import Field

from pointsman.nodes.message import Frozen, Source, Status

Bound = Literal["hops", "edge", "loop", "rounds", "seconds", "cost"]
"""What bounds a run: routes and hand-offs, one edge of the table, the same work again, proposals,
time worked, money and model calls."""


Tier = Literal["rules", "sticky", "classifier", "model", "handoff", "person", "bound", "none"]
"""Who decided on a route."""


class Abstention(Frozen):
    """A tier of the router that did not decide, and why."""

    tier: Tier
    reason: str


class Routed(Frozen):
    """The router decided (or found no route: `to` is empty)."""

    kind: Literal["routed"] = "routed"
    to: str
    tier: Tier
    confidence: float | None = None
    """Probability of `to` among the candidates, 0 to 1; None where nothing gives one. Where no tier
    decided: of the best candidate."""
    reason: str = ""
    probabilities: tuple[tuple[str, float], ...] = ()
    """Of the candidates, best first, at most 10; empty where nothing gives them."""
    runner_up: str = ""
    """The best candidate that it was not."""
    abstained: tuple[Abstention, ...] = ()
    """The tiers that were asked before and did not decide."""
    usd: float | None = 0.0
    """What asking a model for it cost; counted in its `model_called` already. None: unknown."""
    calls: int = 0
    """Model calls that it took."""
    parts: tuple[str, ...] = ()
    """Who gets a part of the message each, where it held several requests."""


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
    call: str = ""
    """Its name in this run, the same when its step is run again. Older records have none."""
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
    similarity: float | None = None
    """On a cache hit that another text had been answered with: the cosine of the two."""


class ModelFailed(Frozen):
    """One model of a chain failed; `next` is what is tried then (empty: nothing)."""

    kind: Literal["model_failed"] = "model_failed"
    specialist: str = ""
    model: str
    error: str
    message: str
    next: str = ""
    seconds: float = 0.0
    """How long the call took, where it was made."""


class Summarised(Frozen):
    """The older part of a thread was summed up, so that later runs see it short."""

    kind: Literal["summarised"] = "summarised"
    messages: int
    """How many went into it."""
    upto: int
    """The place in the thread's log up to which it goes."""


class Hedged(Frozen):
    """A model took longer than its tier waits, so another one was asked beside it."""

    kind: Literal["hedged"] = "hedged"
    tier: str
    specialist: str = ""
    models: tuple[str, str]
    """The one that was waited for, and the one that was asked beside it."""
    after: float
    """Seconds that the first was waited for."""
    model: str = ""
    """Whose answer was taken; empty where there was none."""
    lost: str = ""
    """The model whose call was cut off and may have cost something."""
    lost_usd: float | None = 0.0
    """What that cost at most; None where the price is unknown."""


class Cascaded(Frozen):
    """A cascade gave its answer: a cheap try's, which a check passed or in which two tries agreed,
    or the strong model's. Every call it took is a `model_called` of its own."""

    kind: Literal["cascaded"] = "cascaded"
    call: str = ""
    """As in `model_called`."""
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
    waited: float | None = None
    """Seconds from its opening to the decision; None: it waits on, for others."""
    specialist: str = ""
    """Who proposed the action; `route` where the router did."""
    asked: bool = True
    """Whether it waited for a person; False: the policy or a grant decided at once."""


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


class BoundHit(Frozen):
    """A bound of the run was hit, and what follows: another specialist (`to`), a person, a partial
    result or a failure."""

    kind: Literal["bound_hit"] = "bound_hit"
    bound: Bound
    reason: str
    then: Literal["fallback", "person", "partial", "fail"]
    to: str = ""


class Resolved(Frozen):
    """A panel's answers were compared. What they say is not recorded."""

    kind: Literal["resolved"] = "resolved"
    specialist: str
    """Whose panel it is."""
    members: int
    answered: int
    distinct: int
    """How many different answers there were: 2 or more is a disagreement."""
    agreement: float
    """Weight of the answer with the most, of the weight of all members; 0 to 1."""
    resolver: str = ""
    """Who settled it; empty: nobody could."""
    winner: str = ""
    """The member whose answer it is; empty: a resolver's own, a person's, or none."""
    abstained: tuple[str, ...] = ()
    """Resolvers that were asked before and could not tell."""


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
    waited: float = 0.0
    """Seconds since its message was made."""
    traceparent: str = ""
    """The trace that it began in, as in `Message`."""


class RunEnded(Frozen):
    """A run ended, or waits for a person."""

    kind: Literal["run_ended"] = "run_ended"
    run: str
    status: Status
    specialist: str = ""
    by: Source | None = None
    text: str = ""
    error: str = ""
    """The class of the error that ended it."""
    traceparent: str = ""
    """The span in which it ended or began to wait; empty where nothing traces. What goes on later
    is another trace, which links to this."""


Event = Annotated[
    RunStarted
    | Routed
    | Judged
    | ModelCalled
    | ModelFailed
    | Hedged
    | Cascaded
    | Summarised
    | ToolCalled
    | TicketOpened
    | TicketDecided
    | TicketReminded
    | FellBack
    | AnswerPiece
    | BoundHit
    | BreakerMoved
    | Resolved
    | RunEnded,
    Field(discriminator="kind"),
]


class Recorded(Frozen):
    """An event as stored: its place in the run and when it happened (seconds since the epoch)."""

    run: str
    seq: int
    at: float
    event: Event
