"""A purse: the worst case of several calls, set aside before the first begins."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from pointsman.nodes.budgets import Budgets, Cost, Hold
from pointsman.nodes.gateway.reservation import Reservation, end
from pointsman.nodes.run import Budget, Run, Spend


@dataclass(frozen=True, slots=True)
class Worst:
    """The most that a call can take, and the model that can take it."""

    model: str
    cost: Cost


@asynccontextmanager
async def purse(
    run: Run, worst: Sequence[Worst], budgets: Budgets | None = None
) -> AsyncGenerator[tuple[Run, Budgets | None]]:
    """The run with a budget of its own for the block, of one call for each of `worst`, and the
    shared budgets with the same set aside in them: a call of the block that is no dearer than one
    of those takes its place. What the block did not use goes back.

    A price that is not known bounds nothing in the run's own budget. Of seconds each call sets its
    whole time aside.

    Raises BudgetExceeded where they do not all fit together, and what `Budgets.reserve` does. Then
    nothing is set aside.
    """
    held: list[Reservation] = []
    shared: _Held | None = None
    spend = Spend()
    try:
        # Nothing is awaited between these, so concurrent calls cannot take a part of the same.
        held.extend(Reservation(run, one.cost.usd) for one in worst)
        if budgets is not None:
            shared = _Held(budgets)
            for one in worst:
                await shared.take(run, one)
        known = [one.cost.usd for one in worst if one.cost.usd is not None]
        usd = sum(known) if run.budget.usd is not None and len(known) == len(worst) else None
        yield replace(run, spend=spend, budget=Budget(usd=usd, calls=len(worst))), shared
    finally:
        for reservation in held:
            reservation.release()
        for one in run.spend.all():
            one.usd += spend.usd
            one.calls += spend.calls
            one.unpriced += spend.unpriced
            one.lost_usd += spend.lost_usd
        if shared is not None:
            await shared.empty()


class _Held:
    """Implements `Budgets` for the calls of a purse."""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets
        self._left: list[tuple[Cost, Hold]] = []
        self._open = True

    async def take(self, run: Run, worst: Worst) -> None:
        """Set one more call aside."""
        hold = await self._budgets.reserve(run, worst.model, worst.cost)
        self._left.append((worst.cost, hold))

    async def reserve(self, run: Run, model: str, worst: Cost) -> Hold:
        """The least of what is set aside that covers the call; where none does, as `Budgets` says:
        a call that follows one that was lost is not in the worst case."""
        fitting = [n for n, (cost, _) in enumerate(self._left) if _covers(cost, worst)]
        if not fitting:
            return await self._budgets.reserve(run, model, worst)
        cost, hold = self._left.pop(min(fitting, key=lambda n: _size(self._left[n][0])))
        return _Given(self, cost, hold)

    async def back(self, cost: Cost, hold: Hold) -> None:
        """A call was never made: its place is there for another."""
        if self._open:
            self._left.append((cost, hold))
        else:
            await hold.release()

    async def empty(self) -> None:
        """Give back what no call used."""
        self._open = False
        while self._left:
            await end(self._left.pop()[1], None)


@dataclass
class _Given:
    """Implements `Hold`: a place in a purse."""

    purse: _Held
    cost: Cost
    hold: Hold
    ended: bool = field(default=False)

    @property
    def seconds(self) -> float:
        return self.hold.seconds

    async def settle(self, used: Cost) -> None:
        self.ended = True
        await self.hold.settle(used)

    async def release(self) -> None:
        if not self.ended:
            self.ended = True
            await self.purse.back(self.cost, self.hold)


def _covers(cost: Cost, worst: Cost) -> bool:
    if (cost.usd is None) != (worst.usd is None):
        return False
    return (cost.usd or 0.0) >= (worst.usd or 0.0) and (cost.tokens or 0) >= (worst.tokens or 0)


def _size(cost: Cost) -> tuple[float, int]:
    return cost.usd or 0.0, cost.tokens or 0
