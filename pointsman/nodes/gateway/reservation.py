"""Reservations: what keeps calls, however many at once, inside the budgets that count them.

A run's own budget is kept in memory, with its `Spend`; the budgets that runs share (`Budgets`) are
kept where every process sees them. A call is set aside in all of them or in none.
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from pointsman.errors import BudgetExceeded, is_control_flow
from pointsman.nodes.budgets import Budgets, Cost, Hold
from pointsman.nodes.run import Budget, Run, Spend

log = logging.getLogger("pointsman.gateway")


class Reservation:
    """Money and one call set aside of a run's budget until the call's end is known."""

    def __init__(self, run: Run, worst: float | None) -> None:
        """Set aside. Raises BudgetExceeded, and sets nothing aside, when it does not fit.

        Nothing is awaited between the check and the taking, so concurrent calls that share the
        run's `Spend` cannot both take the last of it. Nor can runs that work for one run.
        """
        whose, budget, spend = f"Run {run.id} of team {run.team!r}", run.budget, run.spend
        _check(whose, budget, spend, worst)
        while spend.above is not None:
            budget, spend = spend.above
            _check(f"{whose}, with all that its root run gave to others,", budget, spend, worst)
        self._spends = tuple(run.spend.all())
        self._usd = worst or 0.0
        self._held = True
        for one in self._spends:
            one.held_usd += self._usd
            one.held_calls += 1

    def settle(self, usd: float | None) -> None:
        """The call gave an answer that cost `usd`; None is unknown."""
        self.release()
        for one in self._spends:
            one.calls += 1
            if usd is None:
                one.unpriced += 1
            else:
                one.usd += usd

    def lose(self) -> None:
        """The call may have cost something, and nobody knows what: counted as unpriced, and for
        the budget at its worst."""
        self.release()
        for one in self._spends:
            one.unpriced += 1
            one.lost_usd += self._usd

    def release(self) -> None:
        """The call cost nothing. Safe after any of the others."""
        if self._held:
            self._held = False
            for one in self._spends:
                one.held_usd -= self._usd
                one.held_calls -= 1


class Booking:
    """One call's place in all the budgets that count it. Say what became of it, by one of these;
    a call of which nothing is said was never made. Nothing is awaited: the end of `booked` writes
    it down."""

    def __init__(self, own: Reservation, seconds: float) -> None:
        self._own = own
        self.seconds = seconds
        """What the call may take by the budgets; infinite without a bound."""
        self.used: Cost | None = None
        """None: it was never made."""

    def settle(self, used: Cost) -> None:
        """The call gave an answer, for so much."""
        self._own.settle(used.usd)
        self.used = used

    def lose(self) -> None:
        """The call may have cost something, and nobody knows what. The shared budgets count its
        worst case."""
        self._own.lose()
        self.used = Cost()


@asynccontextmanager
async def booked(
    run: Run, model: str, worst: Cost, budgets: Budgets | None = None
) -> AsyncGenerator[Booking]:
    """A call set aside in the run's own budget and in the shared ones, for the block.

    Raises BudgetExceeded; Misconfigured for a price that is not known under a shared budget in USD;
    StoreError. Then nothing is set aside, and the block is not entered.
    """
    own = Reservation(run, worst.usd)
    try:
        hold = None if budgets is None else await budgets.reserve(run, model, worst)
        booking = Booking(own, float("inf") if hold is None else hold.seconds)
        try:
            yield booking
        finally:
            if hold is not None:
                await end(hold, booking.used)
    finally:
        own.release()


async def end(hold: Hold, used: Cost | None) -> None:
    """Say what became of a call; None: it was never made. Never raises for a store that fails.

    An answer that was paid for is not lost because the budgets cannot be written: what is not
    settled counts at its worst case once its lease ends."""
    try:
        await (hold.release() if used is None else hold.settle(used))
    except Exception as error:
        if is_control_flow(error):
            raise
        log.warning("a budget could not be settled: %s", type(error).__name__)


def _check(whose: str, budget: Budget, spend: Spend, worst: float | None) -> None:
    if budget.calls is not None and spend.calls + spend.held_calls >= budget.calls:
        raise BudgetExceeded(
            f"{whose} has used its budget of {budget.calls} model calls.",
            hint="Give it a larger budget=Budget(calls=...).",
        )
    if budget.usd is None or worst == 0:
        return
    left = budget.usd - spend.usd - spend.lost_usd - spend.held_usd
    if left <= 0 or (worst is not None and worst > left):
        may = "" if worst is None else f" and the next call may cost {worst:.6f} USD"
        raise BudgetExceeded(
            f"{whose} has {max(left, 0.0):.6f} of its budget of {budget.usd:g} USD left{may}.",
            hint="Give it a larger budget=Budget(usd=...), or lower max_tokens.",
        )
