"""The books that shared budgets are kept in, whatever the database."""

from collections.abc import Sequence
from typing import Protocol

from pointsman.teams.store.budgetrows import Amount, Balance, BudgetAsk, Short


class BudgetBooks(Protocol):
    """Balances of budgets by key. Each call is one transaction. Raises StoreError."""

    async def reserve(self, asks: Sequence[BudgetAsk], hold: str, *, lease: float) -> float | Short:
        """Set all aside under the name `hold`, or nothing. Gives the seconds that the call may
        take, infinite where no budget bounds them. `lease` is in seconds: whoever settles later is
        taken for dead. Cancelled: nothing is set aside."""
        ...

    async def settle(self, keys: Sequence[str], hold: str, used: Amount) -> None:
        """The call took so much. What is None is counted at its worst. Done even when the caller
        is cancelled meanwhile."""
        ...

    async def release(self, hold: str) -> None:
        """The call was never made. Safe to call twice."""
        ...

    async def balance(self, key: str) -> Balance:
        """How a budget stands."""
        ...

    async def sweep(self) -> int:
        """Count what dead calls held as lost. Gives their number."""
        ...

    async def aclose(self) -> None:
        """Close what is open; the next call opens it again."""
        ...
