"""Reservations against a run's budget."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BudgetExceeded
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import MemoryJournal
from pointsman.nodes.gateway.reservation import Reservation
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.run import Budget, Run, Spend

Make = Callable[..., Run]


def bounded(budget: Budget) -> Run:
    """A run with the budget."""
    gateway = ModelGateway(chains={}, transports=Transports(), journal=MemoryJournal())
    return Run(id="r", team="t", thread="t", tenant="d", gateway=gateway, emit=print, budget=budget)


def test_calls_are_counted_while_they_fly(run: Make) -> None:
    """Two calls fit a budget of two, whether they ended or not."""
    step = run(budget=Budget(calls=2))
    first, _ = Reservation(step, 0.0), Reservation(step, 0.0)
    with pytest.raises(BudgetExceeded, match="2 model calls"):
        Reservation(step, 0.0)
    first.settle(0.0)
    with pytest.raises(BudgetExceeded):
        Reservation(step, 0.0)


def test_a_released_call_gives_its_place_back(run: Make) -> None:
    """A call that cost nothing leaves the budget as it was, however often it is released."""
    step = run(budget=Budget(calls=1, usd=1.0))
    held = Reservation(step, 1.0)
    held.release()
    held.release()
    Reservation(step, 1.0).settle(0.25)
    assert (step.spend.usd, step.spend.calls) == (0.25, 1)
    assert (step.spend.held_usd, step.spend.held_calls) == (0.0, 0)


def test_money_is_set_aside_at_its_worst(run: Make) -> None:
    """What may be spent counts as spent until it is known."""
    step = run(budget=Budget(usd=1.0))
    held = Reservation(step, 0.6)
    with pytest.raises(BudgetExceeded, match=r"0\.400000 of its budget of 1 USD left"):
        Reservation(step, 0.5)
    held.settle(0.1)
    Reservation(step, 0.5)


def test_an_unknown_price_is_neither_free_nor_refused(run: Make) -> None:
    """A call of unknown price goes while money is left, and is counted as unpriced."""
    step = run(budget=Budget(usd=1.0), spend=Spend(usd=0.5))
    Reservation(step, None).settle(None)
    assert (step.spend.usd, step.spend.calls, step.spend.unpriced) == (0.5, 1, 1)
    spent = run(budget=Budget(usd=1.0), spend=Spend(usd=1.0))
    with pytest.raises(BudgetExceeded):
        Reservation(spent, None)
    Reservation(spent, 0.0).settle(0.0)


def test_a_lost_call_is_unpriced(run: Make) -> None:
    """A call whose end nobody saw is no call with an answer, and not free."""
    step = run()
    Reservation(step, 0.3).lose()
    assert (step.spend.calls, step.spend.unpriced, step.spend.held_usd) == (0, 1, 0.0)


def test_a_lost_call_counts_at_its_worst(run: Make) -> None:
    """What it may have cost is not there for the next one, whose bound holds all the same."""
    step = run(budget=Budget(usd=1.0))
    Reservation(step, 0.6).lose()
    with pytest.raises(BudgetExceeded, match=r"0\.400000"):
        Reservation(step, 0.5)
    Reservation(step, 0.4).settle(0.4)
    assert (step.spend.usd, step.spend.lost_usd) == (0.4, 0.6)


@given(
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100), st.booleans()), max_size=40),
)
def test_never_more_than_the_budget(limit: int, calls: list[tuple[int, int, bool]]) -> None:
    """Whatever fits is spent at most up to the budget, as long as estimates hold."""
    step = bounded(Budget(usd=float(limit), calls=None))
    held: list[tuple[Reservation, float]] = []
    for worst, part, settle_now in calls:
        try:
            held.append((Reservation(step, float(worst)), worst * part / 100))
        except BudgetExceeded:
            assert worst > 0
        if settle_now and held:
            reservation, usd = held.pop(0)
            reservation.settle(usd)
    for reservation, usd in held:
        reservation.settle(usd)
    assert step.spend.usd <= limit * (1 + 1e-9)
    assert step.spend.held_usd == pytest.approx(0.0, abs=1e-9)
    assert step.spend.held_calls == 0
