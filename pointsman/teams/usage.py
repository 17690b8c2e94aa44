"""What a team's events come to over time: counts, sums and durations, read from a rollup."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from pointsman.errors import BadInput

UsageKind = Literal[
    "run_started", "run_ended", "model_called", "model_failed", "hedged", "tool_called", "routed",
    "judged", "ticket_opened", "ticket_decided", "fell_back", "bound_hit",
]  # fmt: skip
"""Kinds of events that are counted, each once."""
UsageDimension = Literal["kind", "tenant", "specialist", "model", "key", "outcome"]
"""What events are told apart by.

`key` is the tool (tool_called, ticket_opened), who got the work (routed; `specialist` had it), the
rule or else the guard (judged), the bound (bound_hit), `child` for a run that another run gave work
to, `at once` for a ticket that waited for nobody. `outcome` is the run's status, where an answer
came from, the error's class or `ok`, the tier, the verdict, the decision, or what followed.
"""
ROUTER = "router"
"""Who has the work before anybody."""
AT_ONCE = "at once"
KINDS: tuple[UsageKind, ...] = get_args(UsageKind)
DIMENSIONS: tuple[UsageDimension, ...] = get_args(UsageDimension)

HOUR = 3_600
DAY = 86_400
FINE = 300
"""Seconds of the shortest stretch that is told apart."""
MAX_STEPS = 2_000
GROWTH = 1.1
"""How much longer the durations of a slot are than those of the one below."""
NO_SLOT = -1000
"""The slot of what took no time."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What the events of one group and one stretch of time come to."""

    start: int
    """When the stretch begins, in seconds since the epoch."""
    of: tuple[str, ...]
    """The group: a value for each dimension that was asked for, in that order."""
    count: int
    seconds: float
    """Durations of calls, tools and runs, added up. A run's is the time it was worked on."""
    usd: float
    unpriced: int
    """How many of them cost what nobody knows: that is not in `usd`."""
    saved_usd: float
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    slots: tuple[tuple[int, int], ...] = ()
    """Slot and how many durations it holds, the shortest first."""

    def percentile(self, q: float) -> float | None:
        """The duration that the part `q` (0 to 1) of them do not exceed, in seconds; at most 4.8 %
        off between 0.1 ms and 115 days. None where nothing took time."""
        return percentile(self.slots, q)


def seconds_of(slot: int) -> float:
    """The duration that stands for a slot: at most 4.8 % from each one in it."""
    return 2 * GROWTH**slot / (GROWTH + 1)


def percentile(slots: Iterable[tuple[int, int]], q: float) -> float | None:
    """The `q`-quantile of durations counted in slots, in seconds: of the shortest ones that are the
    part `q` of all, the longest (nearest rank).

    From slots and not from a sample of the durations: slots of any tenants and stretches add up,
    and the error has a bound. That bound, with slots that each are 10 % longer than the one below,
    is 0.1 / 2.1, that is 4.8 %.
    """
    ordered = sorted(slots)
    total = sum(count for _, count in ordered)
    if not total:
        return None
    left = max(math.ceil(q * total - 1e-9), 1)
    for slot, count in ordered:
        left -= count
        if left <= 0:
            return seconds_of(slot)
    return seconds_of(ordered[-1][0])


@dataclass(frozen=True, slots=True)
class UsageWanted:
    """Which events are added up. Times are seconds since the epoch."""

    since: int
    until: int
    """Itself left out."""
    step: int
    """Seconds of each stretch; 0: all in one."""
    kinds: tuple[UsageKind, ...] = KINDS
    by: tuple[UsageDimension, ...] = ("kind",)
    tenant: str = ""
    """Empty: every tenant."""
    daily: bool = False
    """Whether the times are at the beginning of UTC days: then fewer rows are read."""


class Counts(Protocol):
    """What adds events up; a store."""

    async def usage(self, team: str, wanted: UsageWanted) -> tuple[Tally, ...]: ...


def plotted(
    team: str,
    since: float,
    until: float,
    step: int,
    by: Iterable[UsageDimension] = ("kind",),
    kinds: Iterable[UsageKind] = KINDS,
    tenant: str = "",
) -> UsageWanted:
    """What `Team.usage` asks for: whole stretches around `since` to `until`.

    Raises BadInput for a step that is no multiple of 300 s, and for more than 2,000 steps.
    """
    if step < FINE or step % FINE:
        raise BadInput(
            f"Team {team!r}'s usage cannot be told apart in steps of {step} s.",
            hint=f"Give a multiple of {FINE} s, such as {HOUR} or {DAY}.",
        )
    first, last = int(since // step) * step, -int(-until // step) * step
    if (last - first) // step > MAX_STEPS:
        raise BadInput(
            f"Team {team!r}'s usage cannot be given for {(last - first) // step} steps at once.",
            hint=f"Ask for at most {MAX_STEPS}: a shorter time, or longer steps than {step} s.",
        )
    daily = step % DAY == 0
    return UsageWanted(first, last, step, tuple(kinds), tuple(by), tenant, daily)
