"""The budget guard: a visit's share never exceeds what its run has left."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BudgetExceeded, Misconfigured
from pointsman.guardrails.budget import BudgetGuard
from pointsman.nodes.gateway.reservation import Reservation
from pointsman.nodes.message import Message
from pointsman.nodes.run import Budget, Run, Spend
from tests.guardrails.bench import Bench, ask

BOUND = st.none() | st.integers(0, 20)


@given(share=BOUND, whole=BOUND, used=st.integers(0, 20))
async def test_a_visit_gets_its_share_or_what_is_left(
    share: int | None, whole: int | None, used: int
) -> None:
    """So many calls pass the gateway's reservation in one visit, and no more."""
    made = 0

    async def spends(message: Message, run: Run) -> Message:
        nonlocal made
        for _ in range(50):
            try:
                Reservation(run, None).settle(0.0)
            except BudgetExceeded:
                break
            made += 1
        return message

    run = replace(Bench().run(), budget=Budget(calls=whole), spend=Spend(calls=used))
    await BudgetGuard(calls=share).wrap(spends)(ask(), run)
    left = [50, *([] if share is None else [share])]
    assert made == min([*left, *([] if whole is None else [max(0, whole - used)])])


async def test_money_is_bounded_the_same_way() -> None:
    """The second half of a share that is spent cannot be reserved."""

    async def spends(message: Message, run: Run) -> Message:
        Reservation(run, 0.04).settle(0.04)
        with pytest.raises(BudgetExceeded):
            Reservation(run, 0.04)
        return message

    run = replace(Bench().run(), budget=Budget(usd=1.0), spend=Spend(usd=0.5))
    await BudgetGuard(usd=0.05).wrap(spends)(ask(), run)
    assert run.spend.usd == pytest.approx(0.54)  # type: ignore[reportUnknownMemberType]


def test_a_budget_below_nothing_is_refused() -> None:
    """Misconfigured."""
    for wrong in ({"usd": -0.1}, {"calls": -1}):
        with pytest.raises(Misconfigured):
            BudgetGuard(**wrong)  # type: ignore[arg-type]
