"""Run: what a node may know and use while it handles one message."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from pointsman.errors import DeadlineExceeded
from pointsman.nodes.event import Event
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Reader
from pointsman.nodes.tape import NoTape, Tape
from pointsman.nodes.vault import MemoryVault, Vault


class Gateway(Protocol):
    """The one door to models, as nodes see it."""

    async def complete(
        self, request: ModelRequest, run: "Run", read: Reader | None = None
    ) -> ModelReply:
        """Answer the request through journal, cache, single-flight and the tier's chain; `read`
        gets its text piece by piece.

        Raises NoModel, Misconfigured, BadOutput (ModelRejected, or every model answered nonsense),
        BudgetExceeded or DeadlineExceeded.
        """
        ...

    async def settle(self, run: "Run", *, keep: bool) -> None:
        """Write this step's new answers to the response cache (`keep`), or forget them."""
        ...


class Spend:
    """What a run has used so far, shared by all its steps. Calls that gave an answer by a model.

    `above` is the spending of the run that gave it its work, with that run's budget: whatever is
    spent here is spent there too.
    """

    def __init__(
        self,
        *,
        usd: float = 0.0,
        calls: int = 0,
        unpriced: int = 0,
        above: "tuple[Budget, Spend] | None" = None,
    ) -> None:
        self.usd = usd
        self.calls = calls
        self.unpriced = unpriced
        """Calls whose price is unknown. They are not counted as free."""
        self.lost_usd = 0.0
        """At most so much was spent by calls of which nobody knows what they cost."""
        self.held_usd = 0.0
        """Set aside for calls under way, at their worst case."""
        self.held_calls = 0
        self.above = above

    def all(self) -> "Iterator[Spend]":
        """This one, and all those in which it counts."""
        yield self
        if self.above is not None:
            yield from self.above[1].all()


@dataclass(frozen=True, slots=True)
class Budget:
    """A bound on one run: US dollars, model calls, or both. None is no bound."""

    usd: float | None = None
    calls: int | None = 200
    why: str = field(default="", compare=False, repr=False, kw_only=True)
    """The reason for it, for the team's design page. Changes nothing else."""


def _recorded(_call: str) -> bool:
    return True


@dataclass(frozen=True)
class Run:
    """One step of one run, handed to every node. Frozen; its counters are the step's own."""

    id: str
    team: str
    thread: str
    tenant: str
    gateway: Gateway
    emit: Callable[[Event], None]
    """Record an event. Never blocks, never raises."""
    attempt: int = 1
    """2 when it was driven again after it had failed, and so on."""
    step: str = ""
    """Which step of the run this is, e.g. `2:billing`. The same when the step is re-run."""
    specialist: str = ""
    previous: str = ""
    """The specialist that last answered in this thread; empty in a new thread."""
    deadline: float | None = None
    """Seconds since the epoch, by `clock`."""
    budget: Budget = field(default_factory=Budget)
    spend: Spend = field(default_factory=Spend)
    priority: int = 5
    """Of the message: 0 is most urgent, 9 least."""
    admitted: frozenset[str] = frozenset()
    """`guard:rule` pairs that a person has let through in this run."""
    signals: Callable[[], frozenset[str]] = frozenset
    """`guard:rule` of what text filters have found in this run so far, let through or not."""
    read: Reader | None = None
    """Reads the answer while it is written. A filter around a node filters for this too."""
    clock: Callable[[], float] = time.time
    vault: Vault = field(default_factory=MemoryVault)
    """What was redacted in this run."""
    occurrences: Counter[str] = field(default_factory=Counter[str])
    """How often each request digest was asked in this step; part of the journal's key."""
    recorded: Callable[[str], bool] = _recorded
    """Whether the run's record holds the model call of that name (`ModelCalled.call`)."""
    root: str = ""
    """The run at the top of its tree, where another one gave it its work."""
    simulated: bool = False
    """Whether its writes only seem to happen."""
    tape: Tape = field(default_factory=NoTape)
    """Keeps what the step meets outside, or plays it."""
    shown: Callable[[str], str] | None = None
    """Gives a text as it may stand in a trace; None where traces hold no texts."""
    tenants: int = 50
    """How many tenants the metrics of a process tell apart."""

    def at(self, step: str, *, specialist: str = "") -> "Run":
        """The same run at another step, with fresh occurrence counters."""
        return replace(self, step=step, specialist=specialist, occurrences=Counter())

    def remaining(self, timeout: float) -> float:
        """Seconds this step may still take: the smaller of `timeout` and the time to the deadline.

        Raises DeadlineExceeded when none are left.
        """
        if self.deadline is None:
            return timeout
        left = self.deadline - self.clock()
        if left <= 0:
            raise DeadlineExceeded(
                f"Run {self.id} of team {self.team!r} is past its deadline.",
                hint="Give it a later deadline= or none.",
            )
        return min(timeout, left)
