"""The rate guards: so many messages to a specialist, or calls of a tool, for each key.

What was taken is given back when the message was stopped further in before anything was done: the
reply is a refusal, a failure or a text held for a person, or the error is RateLimited, CircuitOpen
or BudgetExceeded, and meanwhile no model was asked, no tool ran and nothing was judged on its way
out. After work everything is settled, whatever became of it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from pointsman.errors import (
    BudgetExceeded,
    CircuitOpen,
    Misconfigured,
    RateLimited,
    is_control_flow,
)
from pointsman.guardrails.guard import closed
from pointsman.guardrails.limiter import QuotaLimiter
from pointsman.guardrails.quota import Part, Quota
from pointsman.nodes.event import Event, Judged, ModelCalled, ModelFailed, ToolCalled
from pointsman.nodes.limits import Limiter, Permit, Use
from pointsman.nodes.message import (
    Escalation,
    Failure,
    Invocation,
    Message,
    Outcomes,
    Refusal,
    Request,
)
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

log = logging.getLogger("pointsman.guardrails")

Action = Literal["block", "escalate"]
_UNASKED = (RateLimited, CircuitOpen, BudgetExceeded)
_NAMES = frozenset(kind.__name__ for kind in _UNASKED)


@dataclass(frozen=True)
class RateGuard:
    """Asks a limiter for each message to a specialist and each call of a tool.

    Over a limit it waits its turn, at most `wait` seconds and never past the run's deadline; then
    the message is refused with the seconds to wait, or escalated to a person. The outcome of an
    approved action always passes: it is the end of work admitted before.
    """

    limiter: Limiter
    action: Action = "block"
    wait: float = 0.0
    name: str = "limits"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def limited(message: Message, run: Run) -> Message:
            if isinstance(message.payload, Outcomes) or f"{self.name}:rate" in run.admitted:
                return await inner(message, run)
            try:
                permit = await self._permit(message, run)
            except RateLimited as error:
                return self._over(message, run, error)
            if isinstance(permit, Refusal):
                return message.reply(permit, sender=run.specialist)
            return await self._inside(permit, inner, message, run)

        return limited

    async def _permit(self, message: Message, run: Run) -> Permit | Refusal:
        try:
            seconds = run.remaining(self.wait)
            return await self.limiter.acquire(_use(message, run), wait=seconds)
        except Exception as error:
            if is_control_flow(error):
                raise
            return closed(self.name, "input", run, _raising(error))

    async def _inside(self, permit: Permit, inner: Node, message: Message, run: Run) -> Message:
        watch, undone = _Watch(run.emit), False
        try:
            reply = await inner(message, replace(run, emit=watch))
            undone = isinstance(reply.payload, Refusal | Escalation | Failure)
        except _UNASKED:
            undone = True
            raise
        else:
            return reply
        finally:
            await _end(permit, done=watch.worked or not undone)

    def _over(self, message: Message, run: Run, error: RateLimited) -> Message:
        run.emit(
            Judged(
                guard=self.name, specialist=run.specialist, stage="input",
                verdict=self.action, rule="rate", count=1,
            )
        )  # fmt: skip
        payload, wait = message.payload, error.retry_after or 1.0
        if self.action == "escalate" and isinstance(payload, Request | Invocation):
            held = Escalation(
                stage="input", guard=self.name, rule="rate", held=payload, reason=error.message
            )
            return message.reply(held, sender=run.specialist)
        text = f"Too many messages just now. Please try again in {max(1, round(wait))} s."
        refusal = Refusal(guard=self.name, rule="rate", text=text, retry_after=wait)
        return message.reply(refusal, sender=run.specialist)


@dataclass(frozen=True)
class RateLimit:
    """Lets `rate` messages through in `per` seconds for each key, `burst` of them at once.

    The simple rate guard, of what it wraps, in one process; for limits on models, of tokens, of
    work at once or over several processes see `Quota`. Raises Misconfigured for bounds that are
    none.
    """

    rate: int = 60
    per: float = 60.0
    burst: int | None = None
    """Default: `rate`."""
    key: Literal["tenant", "thread", "specialist", "team"] = "tenant"
    action: Action = "block"
    name: str = "rate"
    wait: float = 0.0
    """Seconds a message may wait for its turn."""
    why: str = field(default="", compare=False, repr=False, kw_only=True)
    """The reason for it, for the team's design page. Changes nothing else."""

    _guard: RateGuard = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.rate < 1 or (self.burst is not None and self.burst < 1):
            raise Misconfigured(
                f"RateLimit({self.rate}, per={self.per}, burst={self.burst}) lets nothing through.",
                hint="rate and burst are at least 1, per is above 0.",
            )
        limiter = QuotaLimiter(tuple(self._quotas()))
        guard = RateGuard(limiter, self.action, self.wait, self.name)
        object.__setattr__(self, "_guard", guard)

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""
        return self._guard.wrap(inner)

    def _quotas(self) -> tuple[Quota, Quota]:
        """For what it may stand before: a specialist or a tool."""
        key: tuple[Part, ...] = (self.key,)
        visits = Quota(self.rate, per=self.per, burst=self.burst, key=key)
        return visits, replace(visits, on="tool")


def _use(message: Message, run: Run) -> Use:
    payload = message.payload
    return Use(
        team=run.team,
        tenant=run.tenant,
        thread=run.thread,
        specialist=run.specialist,
        tool=payload.call.name if isinstance(payload, Invocation) else "",
        priority=message.priority if isinstance(payload, Request) else run.priority,
    )


class _Watch:
    """Hears what a run records, and whether it tells of work that was done."""

    def __init__(self, emit: Callable[[Event], None]) -> None:
        self._emit = emit
        self.worked = False

    def __call__(self, event: Event) -> None:
        match event:
            case ModelCalled() | ToolCalled():
                self.worked = True
            case ModelFailed(error=error) if error not in _NAMES:
                self.worked = True
            case Judged(stage="output"):
                self.worked = True
            case _:
                pass
        self._emit(event)


async def _end(permit: Permit, *, done: bool) -> None:
    """A reply is not lost because the limiter cannot be reached: what it held ends by itself."""
    try:
        await (permit.settle() if done else permit.release())
    except Exception as error:
        if is_control_flow(error):
            raise
        log.warning("a rate limit could not be settled: %s", type(error).__name__)


def _raising(error: Exception) -> Callable[[], Refusal]:
    def check() -> Refusal:
        raise error

    return check
