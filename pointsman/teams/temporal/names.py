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


def router_queue(team: str) -> str:
    """The queue of a team's router workers, which also carry its workflows."""
    return f"{team}.router"


def pool_queue(team: str, specialist: str) -> str:
    """The queue of a specialist's own pool."""
    return f"{team}.sp-{specialist}"


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


@dataclass(frozen=True)
class Work:
    """A run to take on, and which step of it. `at` is the checkpoint that asked for the step."""

    run: str
    step: str = ""
    at: str = ""
    now: float = 0.0
    """The workflow's time, in seconds since the epoch."""


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


@dataclass(frozen=True)
class Moved:
    """How a run stands after a segment."""

    state: str
    """As in `RunRow.state`."""
    dispatches: list[Dispatch] = field(default_factory=list[Dispatch])
    due: float | None = None
    """When time changes one of its tickets next, in seconds since the epoch."""


@dataclass(frozen=True)
class Item:
    """A run in a thread's mailbox. A smaller number is more urgent."""

    run: str
    priority: int = 5


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
