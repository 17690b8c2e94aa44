"""What a store gives and takes: runs, the messages of a thread, effects, pages of events."""

from dataclasses import dataclass
from typing import Literal

from pointsman.nodes.event import Recorded
from pointsman.nodes.message import Message, Status
from pointsman.teams.result import Result
from pointsman.teams.tickets import Ticket

RunState = Literal["running"] | Status


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as stored. `request` is the message that began it."""

    run: str
    team: str
    thread: str
    tenant: str
    request: Message
    state: RunState
    root_thread: str
    """The LangGraph thread that holds its checkpoints: the run's own, or the parent graph's."""
    nested: bool
    """Whether it lives in somebody else's graph; then only that graph can resume it."""
    seconds_left: float | None
    """Time to the deadline. Stops while people think."""
    budget_usd: float | None
    budget_calls: int | None
    seconds: float = 0.0
    """Time it was worked on."""
    cancelled_by: str = ""
    result: Result | None = None
    parent: str = ""
    """The run that gave it its task; empty for one that a message began."""
    root: str = ""
    """The run at the top of its tree of runs; empty where it is that itself."""
    task: str = ""
    """Which task of its parent's delegation it does."""
    pinned: str = ""
    """The specialist that gets it, unrouted; empty: the router decides."""
    attempt: int = 1
    """2 after it was driven again from the start, and so on."""
    dropped: str = ""
    """Who gave it up after it had failed."""
    release: str = ""
    """The release of its team that it runs on; empty: the files as they are."""
    fork_of: str = ""
    """The run of which it is a fork; empty for none."""
    fork_at: str = ""
    """The step from which on it goes its own way."""
    simulated: bool = False
    """Whether its writes only seem to happen."""

    @property
    def top(self) -> str:
        """The run at the top of its tree."""
        return self.root or self.run


@dataclass(frozen=True, slots=True)
class Logged:
    """A message of a thread's log, and its place there."""

    seq: int
    message: Message


@dataclass(frozen=True, slots=True)
class Summary:
    """What a thread's log says up to and with the message at `upto`."""

    upto: int
    text: str
    run: str
    """The run that made it."""


@dataclass(frozen=True, slots=True)
class EffectRow:
    """A write: `intended` before the tool is called, `done` or `failed` after, `undone` when a done
    one was compensated."""

    key: str
    ticket: str
    """The ticket it ran for first."""
    run: str
    tool: str
    digest: str
    """Digest of tool and arguments: a key that comes with another one is refused."""
    state: Literal["intended", "done", "failed", "undone"]
    result: str = ""
    attempt: int = 1
    """How often it was begun. Again only after somebody knew that it had not happened."""
    intended: float = 0.0
    """When it was begun last, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the record of all runs. A page of events begins after it."""

    run: str
    seq: int


BEGINNING = Place("", -1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events of a team's record are asked for: those for which all of it holds."""

    kinds: tuple[str, ...] = ()
    """Empty: every kind."""
    run: str = ""
    """Empty: every run."""
    tenant: str = ""
    """Empty: every tenant."""
    since: float | None = None
    """Seconds since the epoch, itself included."""
    until: float | None = None
    """Seconds since the epoch, itself left out."""
    forks: bool = True
    """False: of a fork only the calls for which a provider was asked."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events of a team's record, each with its run's tenant."""

    events: tuple[tuple[str, Recorded], ...]
    """Tenant and event. May be fewer than the limit, and none, although more follow."""
    next: Place | None
    """Where the next page begins; None after the last one."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """What was noted of the first message with an idempotency key."""

    digest: str
    thread: str


@dataclass(frozen=True, slots=True)
class TicketPage:
    """Some tickets, oldest first, and after which place the next ones stand; None: no more."""

    tickets: tuple[Ticket, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Tail:
    """Some events of a team in the order in which they were stored."""

    events: tuple[tuple[str, Recorded], ...]
    """Tenant and event. May be fewer than the limit, and none, although more follow."""
    next: int
    """The place after which the next events come."""
    more: bool
    """Whether there were more to look at when these were read."""


@dataclass(frozen=True, slots=True)
class Open:
    """How many wait, and since when the first of them does (seconds since the epoch)."""

    count: int
    since: float | None


@dataclass(frozen=True, slots=True)
class Light:
    """Where a circuit breaker stood when a run moved it last."""

    of: Literal["specialist", "tool", "model"]
    key: str
    """Its name."""
    state: Literal["closed", "open", "half_open"]
    at: float


@dataclass(frozen=True, slots=True)
class Standing:
    """What of a team's work is open. Runs that other runs gave work to are not counted."""

    running: Open
    """Begun, and under way or interrupted."""
    queued: Open
    """To be worked on, and not begun."""
    waiting: Open
    """For people, or for the runs that they gave work to."""
    tickets: Open
    """Pending ones."""
    dead: int
    """Runs that failed and that nobody has looked after."""
    lights: tuple[Light, ...]
    """By what they are of, then by name."""
