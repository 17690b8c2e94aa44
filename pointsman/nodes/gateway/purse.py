"""A purse: the worst case of several calls, set aside of a run's budget before the first begins."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from pointsman.nodes.gateway.reservation import Reservation
from pointsman.nodes.run import Budget, Run, Spend


@asynccontextmanager
async def purse(run: Run, worst: Sequence[float | None]) -> AsyncGenerator[Run]:
    """The run with a budget of its own for the block, of one call for each of `worst` (US dollars;
    None is unknown, and then dollars bound nothing). What the block did not use goes back.

    Raises BudgetExceeded, and sets nothing aside, where they do not all fit together.
    """
    held: list[Reservation] = []
    spend = Spend()
    try:
        # Nothing is awaited between these, so concurrent calls cannot take a part of the same.
        held.extend(Reservation(run, usd) for usd in worst)
        known = [usd for usd in worst if usd is not None]
        usd = sum(known) if run.budget.usd is not None and len(known) == len(worst) else None
        yield replace(run, spend=spend, budget=Budget(usd=usd, calls=len(worst)))
    finally:
        for reservation in held:
            reservation.release()
        run.spend.usd += spend.usd
        run.spend.calls += spend.calls
        run.spend.unpriced += spend.unpriced
        run.spend.lost_usd += spend.lost_usd
