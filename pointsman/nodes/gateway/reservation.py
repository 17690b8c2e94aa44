"""Reservations: what keeps the calls of a run, however many at once, inside its budget."""

from pointsman.errors import BudgetExceeded
from pointsman.nodes.run import Run


class Reservation:
    """Money and one call set aside of a run's budget until the call's end is known."""

    def __init__(self, run: Run, worst: float | None) -> None:
        """Set aside. Raises BudgetExceeded, and sets nothing aside, when it does not fit.

        Nothing is awaited between the check and the taking, so concurrent calls that share the
        run's `Spend` cannot both take the last of it.
        """
        _check(run, worst)
        self._spend = run.spend
        self._usd = worst or 0.0
        self._held = True
        self._spend.held_usd += self._usd
        self._spend.held_calls += 1

    def settle(self, usd: float | None) -> None:
        """The call gave an answer that cost `usd`; None is unknown."""
        self.release()
        self._spend.calls += 1
        if usd is None:
            self._spend.unpriced += 1
        else:
            self._spend.usd += usd

    def lose(self) -> None:
        """The call may have cost something, and nobody knows what: counted as unpriced."""
        self.release()
        self._spend.unpriced += 1

    def release(self) -> None:
        """The call cost nothing. Safe after any of the others."""
        if self._held:
            self._held = False
            self._spend.held_usd -= self._usd
            self._spend.held_calls -= 1


def _check(run: Run, worst: float | None) -> None:
    spend, budget = run.spend, run.budget
    whose = f"Run {run.id} of team {run.team!r}"
    if budget.calls is not None and spend.calls + spend.held_calls >= budget.calls:
        raise BudgetExceeded(
            f"{whose} has used its budget of {budget.calls} model calls.",
            hint="Give it a larger budget=Budget(calls=...).",
        )
    if budget.usd is None or worst == 0:
        return
    left = budget.usd - spend.usd - spend.held_usd
    if left <= 0 or (worst is not None and worst > left):
        may = "" if worst is None else f" and the next call may cost {worst:.6f} USD"
        raise BudgetExceeded(
            f"{whose} has {max(left, 0.0):.6f} of its budget of {budget.usd:g} USD left{may}.",
            hint="Give it a larger budget=Budget(usd=...), or lower max_tokens.",
        )
