"""The budget guard: what one visit to a specialist may use of its run's budget."""

from dataclasses import dataclass, replace
from typing import TypeVar

from pointsman.errors import Misconfigured
from pointsman.guardrails.guard import closed
from pointsman.nodes.message import Message, Refusal
from pointsman.nodes.node import Node
from pointsman.nodes.run import Budget, Run, Spend

_N = TypeVar("_N", int, float)


@dataclass(frozen=True)
class BudgetGuard:
    """One visit may spend `usd` US dollars and make `calls` model calls, and never more than the
    run's budget has left. None is no bound of its own.

    The visit's run carries the smaller budget: the gateway, which reserves before each call, raises
    BudgetExceeded. Raises Misconfigured for bounds below 0.
    """

    usd: float | None = None
    calls: int | None = None
    name: str = "budget"

    def __post_init__(self) -> None:
        if (self.usd or 0) < 0 or (self.calls or 0) < 0:
            raise Misconfigured(
                f"BudgetGuard(usd={self.usd}, calls={self.calls}) is no budget.",
                hint="Give 0 or more, or None for no bound.",
            )

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def bounded(message: Message, run: Run) -> Message:
            budget = closed(self.name, "input", run, lambda: self._within(run.budget, run.spend))
            if isinstance(budget, Refusal):
                return message.reply(budget, sender=run.specialist)
            return await inner(message, replace(run, budget=budget))

        return bounded

    def _within(self, whole: Budget, spend: Spend) -> Budget:
        """The run's budget, cut to what is used and held already and this visit's share."""
        return Budget(
            usd=_cut(whole.usd, self.usd, spend.usd + spend.lost_usd + spend.held_usd),
            calls=_cut(whole.calls, self.calls, spend.calls + spend.held_calls),
        )


def _cut(whole: _N | None, share: _N | None, used: _N) -> _N | None:
    if share is None:
        return whole
    return used + share if whole is None else min(whole, used + share)
