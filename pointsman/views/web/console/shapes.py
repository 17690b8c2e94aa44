"""Every JSON that the console's pages read or send: each with its method and URL.

Times are milliseconds since the epoch, lengths of time are seconds, money is US dollars; null money
is an unknown price. Texts that people or models wrote are as they were written, for pages that set
them as text; what could hide or reorder them is escaped in those that are words for people
(`label`, `words`, cards).

What changes something is `POST` with `Content-Type: application/json` and the header
`X-CSRF-Token` of the session. Whatever is refused comes with a `Problem`: 400 the request makes no
sense, 401 no session (sign in again), 403 not your role or a check failed, 404 unknown, 409
somebody else was first, 413 too large, 415 no JSON, 422 does not fit, 429 too often, 503 busy (the
last two with `Retry-After`).

Pages: `GET /` is the page itself, `GET /static/<file>` its parts; `/static/inbox.js` and
`/static/inbox.css` are the notebook's own files.

One run in full is in `runshapes`, the team, costs and evaluations in `teamshapes`.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Tone = Literal["plain", "good", "note", "warn", "bad", "dim"]
"""How a line is coloured. As in the command line."""
Role = Literal["viewer", "reviewer", "admin", "other"]
"""`other`: scopes that are no role's."""
State = Literal[
    "running", "waiting", "done", "partial", "blocked", "no_route", "cancelled", "failed"
]


class Shape(BaseModel):
    """Base of all of them: what a page sends beyond it is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Shape):
    """Any refusal."""

    error: str
    """Its class, e.g. `TicketClosed`, `NotFound`, `SignInNeeded`."""
    message: str
    hint: str = ""
    retry_after: float | None = None


# Signing in


class SignIn(Shape):
    """`POST /console/signin`: no session and no CSRF token needed. 429 after too many tries."""

    token: str = Field(min_length=1, max_length=400)


class Ways(Shape):
    """`GET /console/signin`: how people sign in beside a token. No session needed."""

    issuer: str = ""
    """Host of the OpenID Connect issuer behind `GET /console/oidc`; empty: there is none."""


class Session(Shape):
    """`GET /console/session`, and the answer to `POST /console/signin`. 401 without a session.

    `POST /console/signout` ({}) ends it: 204.
    """

    name: str
    """Who decides: recorded with every decision. The page cannot change it."""
    role: Role
    scopes: tuple[str, ...]
    """`read`, `submit`, `decide`, `admin`."""
    tenant: str = ""
    """The only tenant whose runs it sees; empty: all."""
    team: str
    csrf: str
    """Send it as `X-CSRF-Token` with everything that changes something."""
    expires: int
    """When it ends if nothing is asked until then; each request moves it."""
    ends: int
    """When it ends at the latest."""
    method: Literal["token", "proxy", "oidc"] = "token"
    version: str = ""
    """Of pointsman."""


# Now


class LatencyLine(Shape):
    """A specialist over the last hour."""

    specialist: str
    runs: int
    p50: float | None
    p95: float | None
    failed: int = 0


class ModelLine(Shape):
    """A model over the last hour."""

    model: str
    calls: int
    errors: int
    usd: float | None = 0.0
    """Today's; null: not told apart by model here."""
    p50: float | None = None
    p95: float | None = None
    classes: dict[str, int] = Field(default_factory=dict)
    """Its errors by class."""


class Light(Shape):
    """A circuit breaker as last recorded."""

    of: str
    """`specialist`, `tool` or `model`."""
    key: str
    state: Literal["closed", "open", "half_open"]
    at: int | None = None


class TenantSpend(Shape):
    """What a tenant's runs cost today."""

    tenant: str
    usd: float | None
    calls: int = 0


class EdgeCount(Shape):
    """How often work went this way today. The router is `router`."""

    frm: str
    to: str
    count: int


class OverviewPage(Shape):
    """`GET /console/overview`; also the data of the feed's `overview`. Session with `read`.
    Sessions of one tenant get what is that tenant's; the rest is empty."""

    at: int
    runs: dict[str, int]
    """Runs by open state: `running`, `waiting`; and those that ended today, by state."""
    waiting: int
    """Tickets that wait for a person."""
    oldest_wait: float | None
    """Seconds that the oldest of them has waited."""
    queued: int
    """Runs that wait for their turn."""
    oldest_queued: float | None
    dead: int
    """Dead letters: runs that failed for good and that nobody dropped."""
    errors: int
    """Errors of models over the last hour."""
    usd_today: float | None
    unpriced_today: int = 0
    """Calls of today whose price is unknown: not in `usd_today`."""
    tenants: tuple[TenantSpend, ...] = ()
    latency: tuple[LatencyLine, ...] = ()
    models: tuple[ModelLine, ...] = ()
    lights: tuple[Light, ...] = ()
    edges: tuple[EdgeCount, ...] = ()
    flight: tuple["RunLine", ...] = ()
    """Runs that run or wait, newest first, at most 20."""


# Runs


class RunLine(Shape):
    """A run in a list."""

    run: str
    team: str
    thread: str
    tenant: str
    state: State
    specialist: str
    text: str
    """The beginning of what was asked, at most 200 characters."""
    created: int
    seconds: float
    usd: float | None
    calls: int
    error: str = ""
    release: str = ""
    parent: str = ""


class RunsPage(Shape):
    """`GET /console/runs`. Session with `read`. Newest first.

    Query, all optional: `text` (words of request or answer), `thread`, `specialist`, `state` (may
    be repeated), `tenant`, `release`, `since`, `until` (ms), `usd_at_least`, `usd_at_most`,
    `seconds_at_least`, `seconds_at_most`, `children` (1: runs that others began too), `limit` (1 to
    200, default 50), `after` (the `next` of the page before).
    """

    lines: tuple[RunLine, ...]
    next: str | None
    """Give it as `after` for the next page; null after the last one."""
    specialists: tuple[str, ...] = ()
    """To choose from."""


# Inbox


class InboxPage(Shape):
    """`GET /console/tickets`. Session with `read`. Query: `decided=1` adds the last decided ones
    (at most 20, newest first, after the open ones); `run=` only those of a run.

    What `inbox.js` takes as traits: give its model `team`, `by`, `cards`, `more`, `looked` (true)
    and `trouble`, keep `decisions`, `acks`, `beat` and `answered` on the page: each new entry of
    `decisions` is one `POST /console/tickets/{ticket}/decide` whose answer is appended to `acks`.
    """

    team: str
    by: str
    """The session's name; empty for who may not decide."""
    may_decide: bool
    cards: tuple[JsonValue, ...]
    """As `views/notebook/cards.card` makes them."""
    more: int
    """Open tickets beyond those."""
    trouble: str = ""


class Said(Shape):
    """`POST /console/tickets/{ticket}/decide`: scope `decide`. The very object that `inbox.js`
    puts into `decisions`. `by` is taken from the session, whatever is sent."""

    ticket: str
    type: Literal["approve", "edit", "reject", "respond", "escalate"]
    nonce: str = Field(default="", max_length=100)
    by: str = ""
    reason: str = Field(default="", max_length=4000)
    digest: str = ""
    """Of approve: what the reviewer saw."""
    json_: dict[str, str] = Field(default_factory=dict, alias="json")
    """Of edit: argument to its JSON text."""
    text: str = Field(default="", max_length=100_000)
    """Of respond."""
    to: str = Field(default="", max_length=200)
    """Of escalate."""


class Ack(Shape):
    """What came of a decision: what `inbox.js` wants in `acks`. Status 200 done, 409 somebody else
    was first (the text says who), 422 it does not fit; all three have this body."""

    nonce: str
    ticket: str
    state: Literal["done", "refused"]
    text: str = ""
    card: JsonValue = None
    """The ticket as it stands now."""


# The feed


class FeedRun(Shape):
    """`GET /console/feed`, `event: run`: something happened in a run. Session with `read`; the
    browser sends `Last-Event-ID` by itself. Several events of one run within a moment come as one:
    the last one's words."""

    run: str
    seq: int
    at: int
    kind: str
    label: str
    words: str
    tone: Tone = "plain"
    line: RunLine | None = None
    """The run as it stands; null where it is not this team's own."""


class FeedTicket(Shape):
    """`event: ticket`: a ticket opened, was voted on, passed on, decided or carried out. Read
    `/console/tickets` anew."""

    tickets: tuple[str, ...]
    waiting: int


class FeedMissed(Shape):
    """`event: missed`: more happened since the last event than the feed tells again. Read the pages
    anew; the feed goes on."""


class FeedEnd(Shape):
    """`event: end`: the feed closes. After `session` do not connect again: show the sign-in page.
    After `slow` read the pages anew and connect again; after `stopping` try again in a while."""

    why: Literal["session", "slow", "stopping"]


OverviewPage.model_rebuild()
