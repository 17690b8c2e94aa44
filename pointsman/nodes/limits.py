"""What stands before a model, a tool or a specialist: limiter and breaker, as protocols.

`guardrails` implements them and `teams` injects them, so that the gateway, which knows no guard,
can use both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from pointsman.errors import (
    DeadlineExceeded,
    ModelOverloaded,
    ModelTimeout,
    ModelUnreachable,
    NoModel,
    ToolFailed,
    ToolTimeout,
)

BreakerState = Literal["closed", "open", "half_open"]
Moved = Callable[[BreakerState], None]
"""Told of each state that a call moved its breaker to."""

OUTAGES = (
    ModelOverloaded, ModelTimeout, ModelUnreachable, ToolTimeout, TimeoutError, ConnectionError,
)  # fmt: skip
_NAMES = frozenset(kind.__name__ for kind in OUTAGES)


def is_outage(error: BaseException) -> bool:
    """Whether an error says that what is behind is overloaded, broken, slow or away.

    Only these count for a breaker: no refusal, bad request, wrong key, bound of our own or
    cancellation. A chain of models counts when one of its models failed so, and a specialist that
    used up its own time; not one that a run left too little. A tool counts by what it raised.
    """
    if isinstance(error, ToolFailed) and error.__cause__ is not None:
        return is_outage(error.__cause__)
    if isinstance(error, DeadlineExceeded):
        return error.whose == "specialist"
    if isinstance(error, NoModel):
        return any(attempt.error in _NAMES for attempt in error.attempts)
    return isinstance(error, OUTAGES)


@dataclass(frozen=True, slots=True)
class Use:
    """What is about to be used, and by whom. Empty: not of that kind."""

    team: str = ""
    tenant: str = ""
    thread: str = ""
    specialist: str = ""
    tool: str = ""
    model: str = ""
    tokens: int = 0
    """Estimate of the tokens it will take, input and output."""
    priority: int = 5
    """0 is most urgent, 9 least."""


class Permit(Protocol):
    """What a limiter gave: held while the work is under way, then ended once, by either."""

    async def settle(self, tokens: int | None = None) -> None:
        """The work is done and took `tokens` (None: as estimated). More than estimated is a debt
        that later work waits for; less is given back. Safe to call twice; only the first counts."""
        ...

    async def release(self) -> None:
        """The work never began: everything is given back. Safe after `settle`, and then nothing."""
        ...


class Limiter(Protocol):
    """Several limits, taken all or none."""

    async def acquire(self, use: Use, *, wait: float = 0.0) -> Permit:
        """Take what the use needs, waiting at most `wait` seconds in a fair, bounded queue.

        Raises RateLimited with `retry_after` in seconds; then nothing was taken.
        """
        ...


class Passage(Protocol):
    """One call through a breaker, ended once, by one of these. Each is safe to call twice."""

    def succeeded(self) -> None:
        """It worked."""
        ...

    def failed(self) -> None:
        """What is behind failed: overload, 5xx, a time-out, no connection."""
        ...

    def release(self) -> None:
        """It says nothing about what is behind: refused, cancelled, a bad request. Gives a probe
        back."""
        ...


class Breaker(Protocol):
    """Circuit breakers, one a key."""

    def admit(self, key: str, tell: Moved | None = None) -> Passage:
        """Let one call through; `tell` hears of the changes of state that the call brings about.

        Raises CircuitOpen with `retry_after` in seconds.
        """
        ...
