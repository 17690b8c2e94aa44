"""The order of a specialist's guards. It is fixed: each rung relies on those outside it.

    fallback ► breaker ► bulkhead ► rate ► budget ► filters ► approval ► time-out ► contract ►
    inside ► the specialist

- The **breaker** is asked first: what is known to fail takes no place, no token and no money.
- **bulkhead**, then **rate**: a visit that finds no place uses up no rate.
- **budget**: the visit's share of the run's money and calls.
- **filters** wrap both sides. They see what comes in before anything that costs a model call, and
  what goes out after everything else, the policy's rulings too.
- **approval** rules on every proposal, **time-out** and **contract** bound the specialist, and
  **inside** (grounding, the specialist's own guards) judges by what the model saw.

A refusal or an error further in gives back what the rungs outside it took: the breaker's probe and
the place are released whatever comes out. The **fallback** stands outside, so that the breaker sees
the failures it answers for. It has rungs of its own: filters and approval, so that what it gets and
says is filtered and its writes are ruled on; and rate too, where the specialist was never asked.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pointsman.guardrails.approval import ApprovalGuard
from pointsman.guardrails.breaker import BreakerGuard
from pointsman.guardrails.budget import BudgetGuard
from pointsman.guardrails.bulkhead import Bulkhead
from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.contract import ContractGuard
from pointsman.guardrails.fallback import FallbackGuard
from pointsman.guardrails.guard import Guard, guarded
from pointsman.guardrails.leak import LeakGuard
from pointsman.guardrails.overbudget import OverBudgetGuard
from pointsman.guardrails.rate import RateGuard, RateLimit
from pointsman.guardrails.taped import TapedGuard
from pointsman.guardrails.timeout import TimeoutGuard
from pointsman.nodes.message import Message
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

Rung = Literal["breaker", "bulkhead", "rate", "budget", "filter", "inside"]

RUNGS: tuple[tuple[type[Guard], Rung], ...] = (
    (BreakerGuard, "breaker"),
    (Bulkhead, "bulkhead"),
    (RateLimit, "rate"),
    (RateGuard, "rate"),
    (OverBudgetGuard, "budget"),
    (BudgetGuard, "budget"),
    (ContentFilter, "filter"),
)
"""Guards that have a rung wherever they are given. Any other is a filter when the team gives it,
inside when the specialist does."""


def rung_of(guard: Guard, otherwise: Rung) -> Rung:
    """Which rung a guard stands on."""
    for kind, rung in RUNGS:
        if isinstance(guard, kind):
            return rung
    return otherwise


def specialist_ladder(
    node: Node,
    *,
    around: Sequence[Guard],
    approval: ApprovalGuard,
    fallback: Node | None,
    timeout: TimeoutGuard,
    contract: ContractGuard,
    inside: Sequence[Guard] = (),
) -> Node:
    """A specialist inside all of its guards, in the order above.

    `around` are the team's guards, `inside` the specialist's own; each goes to its rung, and on a
    rung the team's are outside the specialist's, in the order given.
    """
    given = [
        *((rung_of(guard, "filter"), guard) for guard in around),
        *((rung_of(guard, "inside"), guard) for guard in inside),
    ]

    def on(*rungs: Rung) -> list[Guard]:
        return [guard for rung in rungs for stands, guard in given if stands == rung]

    bounds = [TapedGuard(guard) for guard in on("breaker", "bulkhead", "rate")]
    guards = [*bounds, *on("budget", "filter"), approval, timeout, contract]
    main = guarded(node, [*guards, *on("inside")])
    if not streams(tuple(guard for _, guard in given)):
        main = _whole(main)
    if fallback is None:
        return main
    backed = FallbackGuard(
        fallback=guarded(fallback, [*on("filter"), approval]),
        instead=guarded(fallback, [*map(TapedGuard, on("rate")), *on("filter"), approval]),
    )
    return backed.wrap(main)


def streams(guards: Sequence[Guard]) -> bool:
    """Whether an answer may leave while it is written: only where every guard judges a bounded
    window of it, or nothing of it. A guard that is not known here may judge the whole."""
    known = tuple(kind for kind, _ in RUNGS)
    return all(
        isinstance(guard, known) or (isinstance(guard, LeakGuard) and guard.shadow)
        for guard in guards
    )


def _whole(node: Node) -> Node:
    async def unread(message: Message, run: Run) -> Message:
        return await node(message, replace(run, read=None))

    return unread
