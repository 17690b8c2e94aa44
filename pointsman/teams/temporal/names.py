"""What crosses Temporal: names of queues and workflows, and the little that activities are given.

Imported by the workflow, inside Temporal's sandbox: standard library only. A field is only ever
added, with a default: histories of older versions are replayed with these.
"""

import hashlib
from dataclasses import dataclass, field

THREAD_WORKFLOW = "pointsman.thread"
SEGMENT = "pointsman.segment"
STEP = "pointsman.step"
BURY = "pointsman.bury"

REFUSED = "refused"
"""The state of a run whose envelope is not believed: it stands as it stood."""
AGAIN = "again"
"""What a workflow answers that is just handing over: ask once more."""
PARKED = "parked"
"""What it answers for a thread that stands still until a person says how to go on."""
HANDED_BACK = "HandedBack"
"""Type of the failure of an attempt whose worker was told to stop."""
PATIENT = (HANDED_BACK, "StoreUnreachable", "StoreFull", "RunBusy", "LeaseLost")
"""Failures that say nothing against the run: it is tried for as long as it takes."""
LONGEST_PAUSE = 60.0
"""Seconds between two tries then, at most."""
SILENT = "activity Heartbeat timeout"
"""How Temporal calls an attempt without a sign of life."""


def plain(why: str) -> str:
    """Why attempts failed, for people: what Temporal says of a worker that is gone, in words."""
    return "its worker gave no sign of life any more" if SILENT in why else why


def router_queue(team: str) -> str:
    """The queue of a team's router workers, which also carry its workflows."""
    return f"{team}.router"


def pool_queue(team: str, specialist: str, shard: int = -1) -> str:
    """The queue of a specialist's own pool, or of one shard of it."""
    return f"{team}.sp-{specialist}" + (f"-{shard}" if shard >= 0 else "")


def shard_of(thread: str, shards: int) -> int:
    """Which shard a thread's steps go to, the same for as long as their number is: rendezvous
    hashing, which moves the fewest threads when it changes (Thaler & Ravishankar, 1998). -1 where
    there are no shards."""

    def weight(shard: int) -> bytes:
        return hashlib.sha256(f"{shard}\x1f{thread}".encode()).digest()

    return max(range(shards), key=weight, default=-1)


def workflow_id(team: str, tenant: str, thread: str) -> str:
    """The workflow that is a thread's mailbox. Threads may be any text, so it is a digest of it."""
    text = "\x1f".join((team, tenant, thread))
    return f"{team}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


@dataclass(frozen=True)
class Limits:
    """How long and how often activities are tried. Seconds."""

    heartbeat: float = 10.0
    """Without a sign of life for this long an attempt counts as dead."""
    step: float = 3600.0
    """How long one attempt may take."""
    attempts: int = 5
    first_pause: float = 1.0
    idle: float = 60.0
    """A thread with nothing to do for this long ends its workflow; the next message begins it."""
    line: int = 1_000
    """Messages that one thread may have in line. More are refused."""
    task: float = 10.0
    """How long a worker may have a workflow's task. So long a thread stands still when its worker
    stops just as it is given one; shorter, a worker with too much to do never ends one."""
    history: int = 0
    """Events after which a workflow hands over to its next one; 0: as the server suggests."""


@dataclass(frozen=True)
class Work:
    """A run to take on, and which step of it. `at` is the checkpoint that asked for the step."""

    run: str
    step: str = ""
    at: str = ""
    now: float = 0.0
    """The workflow's time, in seconds since the epoch."""
    event: dict[str, str] = field(default_factory=dict[str, str])
    """The envelope under which the run was given: `crossing.sealed`."""


@dataclass(frozen=True)
class Bury:
    """A run to give up, and why."""

    run: str
    why: str


@dataclass(frozen=True)
class Dispatch:
    """A step that is to be taken by a specialist's pool."""

    step: str
    pool: str
    """The specialist's name."""
    at: str
    shard: int = -1
    """Which shard of that pool; -1: it has none."""


@dataclass(frozen=True)
class Moved:
    """How a run stands after a segment."""

    state: str
    """As in `RunRow.state`."""
    dispatches: list[Dispatch] = field(default_factory=list[Dispatch])
    due: float | None = None
    """When time changes one of its tickets next, in seconds since the epoch."""


FIRST = -1
"""The priority of what people waited for: a run that was decided or cancelled goes on at once."""


@dataclass(frozen=True)
class Item:
    """A run in a thread's mailbox. A smaller number is more urgent."""

    run: str
    priority: int = 5
    event: dict[str, str] = field(default_factory=dict[str, str])
    """Its envelope: `crossing.sealed`."""


@dataclass(frozen=True)
class Mailbox:
    """A thread with what it has to do: a workflow's input, and what it hands to the next one."""

    team: str
    limits: Limits = field(default_factory=Limits)
    ready: list[Item] = field(default_factory=list[Item])
    waiting: dict[str, float | None] = field(default_factory=dict[str, float | None])
    """Runs that wait for people, with when time changes that."""
    parked: str = ""
    """The run that every attempt failed on; nothing else moves until a person says how to go on."""
    why: str = ""
    events: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """The envelopes of its runs."""
