"""Shared budgets of a team: who asks which, unknown prices, people's extensions, days."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from pointsman.errors import BudgetExceeded, Misconfigured
from pointsman.nodes.budgets import GUARD, Allowance, Cost, Extension, Hold
from pointsman.nodes.gateway.reservation import booked
from pointsman.nodes.limits import Use
from pointsman.nodes.run import Budget, Run
from pointsman.teams.budgets import SharedBudgets, SharedHold
from pointsman.teams.store.budgetrows import Amount, Balance
from pointsman.teams.store.budgets import SqliteBudgets
from tests.guardrails.bench import Bench

DAY = 86_400.0
CENT = Cost(usd=0.01, tokens=100, seconds=2.0)


class Desk:
    """Budgets in memory, and a clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100 * DAY
        self.books = SqliteBudgets(None, clock=lambda: self.now)

    def shared(self, *allowances: Allowance) -> SharedBudgets:
        """Budgets of a team over the same books."""
        return SharedBudgets(allowances, self.books, clock=lambda: self.now)

    async def spend(self, budgets: SharedBudgets, run: Run, cost: Cost = CENT) -> None:
        """One call."""
        await (await budgets.reserve(run, "m", cost)).settle(cost)


@pytest.fixture
async def desk() -> AsyncGenerator[Desk]:
    """A desk of its own."""
    made = Desk()
    yield made
    await made.books.aclose()


def run(id: str = "r1", tenant: str = "acme") -> Run:
    """A step of a run."""
    return Bench().run(step="2.0:billing", id=id, tenant=tenant)


async def test_each_key_has_its_own(desk: Desk) -> None:
    """One tenant's money is not another's, and runs of one tenant share."""
    budgets = desk.shared(Allowance(usd=0.02))
    await desk.spend(budgets, run())
    await desk.spend(budgets, run(id="r2"))
    with pytest.raises(BudgetExceeded, match=r"0\.02 USD of tenant 'acme' 0 are left"):
        await budgets.reserve(run(id="r3"), "m", CENT)
    await desk.spend(budgets, run(tenant="other"))


async def test_a_day_begins_anew(desk: Desk) -> None:
    """What was spent yesterday bounds nothing today, and a call counts for the day it began."""
    day = Allowance(usd=0.02, window="day")
    budgets = desk.shared(day)
    held = await budgets.reserve(run(), "m", CENT)
    desk.now += DAY
    await held.settle(CENT)
    assert await budgets.balance(day, run()) == Balance()
    await desk.spend(budgets, run())
    await desk.spend(budgets, run())
    with pytest.raises(BudgetExceeded, match="on 1970-04-12") as caught:
        await budgets.reserve(run(), "m", CENT)
    assert (caught.value.budget, caught.value.period) == (day.id, "1970-04-12")


async def test_all_that_count_a_call_are_asked(desk: Desk) -> None:
    """The narrowest says no, and then nothing is set aside anywhere."""
    wide, narrow = Allowance(usd=1.0), Allowance(calls=1, per=("run",))
    budgets = desk.shared(wide, narrow, Allowance(usd=0.001, only=Use(tenant="other")))
    await desk.spend(budgets, run())
    with pytest.raises(BudgetExceeded, match="1 model calls of run 'r1'"):
        await budgets.reserve(run(), "m", CENT)
    balance = await budgets.balance(wide, run())
    assert balance == Balance(spent=Amount(10_000_000, 100, 1, 2000))


async def test_an_unknown_price_is_refused_under_money(desk: Desk) -> None:
    """Never taken for nothing: refused with what to do, or counted where the budget says so."""
    unknown = Cost(usd=None, tokens=5, seconds=1.0)
    with pytest.raises(Misconfigured, match=r"price of model m is not known.*Price"):
        await desk.shared(Allowance(usd=1.0)).reserve(run(), "m", unknown)
    counts = Allowance(usd=1.0, unpriced="count")
    await desk.spend(desk.shared(counts), run(), unknown)
    balance = await desk.shared(counts).balance(counts, run())
    assert (balance.unpriced, balance.spent) == (1, Amount(0, 5, 1, 1000))
    await desk.spend(desk.shared(Allowance(tokens=10, per=())), run(), unknown)


async def test_what_a_person_adds_is_there_for_everybody(desk: Desk) -> None:
    """Once, on the day it was added, and by the share that the person saw."""
    day = Allowance(calls=2, window="day")
    budgets = desk.shared(day)
    rule = Extension(day.id, day.period(desk.now), 0.5, 1, "2.0:billing")
    added = replace(run(), admitted=frozenset({f"{GUARD}:{rule}"}))
    for step in (run(), run(), added):
        await desk.spend(budgets, step)
    for step in (added, run()):
        with pytest.raises(BudgetExceeded, match="3 model calls"):
            await budgets.reserve(step, "m", CENT)
    desk.now += DAY
    for step in (added, run()):
        await desk.spend(budgets, step)
    with pytest.raises(BudgetExceeded, match="2 model calls"):
        await budgets.reserve(added, "m", CENT)


async def test_two_runs_that_are_added_to_add_up(desk: Desk) -> None:
    """Each person's yes counts."""
    one = Allowance(calls=2)
    budgets = desk.shared(one)
    rule = f"{GUARD}:{Extension(one.id, '', 0.5, 1, '2.0:billing')}"
    for name in ("r1", "r2", "r2", "r1"):
        await desk.spend(budgets, replace(run(id=name), admitted=frozenset({rule})))
    balance = await budgets.balance(one, run())
    assert (balance.spent.calls, balance.more.calls) == (4, 2)


def test_two_that_count_alike_belong_in_one(desk: Desk) -> None:
    """Misconfigured, naming it."""
    with pytest.raises(Misconfigured, match="count alike"):
        desk.shared(Allowance(usd=1), Allowance(calls=3))


async def test_booked_takes_both_or_none(desk: Desk) -> None:
    """Where a shared budget says no, the run's own gives back what it had set aside."""
    budgets = desk.shared(Allowance(calls=1))
    step = run()
    async with booked(step, "m", CENT, budgets) as booking:
        booking.settle(Cost(usd=0.004, tokens=30, seconds=0.5))
    with pytest.raises(BudgetExceeded):
        async with booked(step, "m", CENT, budgets):
            raise AssertionError("nothing was set aside for this")
    assert (step.spend.usd, step.spend.calls, step.spend.held_calls) == (0.004, 1, 0)
    broke = replace(step, budget=Budget(calls=1))
    with pytest.raises(BudgetExceeded, match="its budget of 1 model calls"):
        async with booked(broke, "m", CENT, desk.shared(Allowance(calls=9))):
            raise AssertionError("nothing was set aside for this")


async def test_the_end_of_a_booking_is_written_down(desk: Desk) -> None:
    """Settled: its cost. Lost: its worst case. Nothing said: nothing."""
    one = Allowance(usd=1.0)
    budgets = desk.shared(one)
    step = run()
    async with booked(step, "m", CENT, budgets):
        pass
    assert await budgets.balance(one, step) == Balance()
    async with booked(step, "m", CENT, budgets) as booking:
        booking.lose()

    async def breaks() -> None:
        async with booked(step, "m", CENT, budgets) as booking:
            booking.settle(Cost(usd=0.0025, tokens=7, seconds=0.25))
            raise KeyError

    with pytest.raises(KeyError):
        await breaks()
    assert await budgets.balance(one, step) == Balance(
        spent=Amount(2_500_000, 7, 1, 250), lost=Amount(10_000_000, 100, 1, 2000)
    )


async def test_a_booking_says_how_long_the_call_may_take(desk: Desk) -> None:
    """What the budget leaves of the time that was asked for."""
    budgets = desk.shared(Allowance(seconds=3.0))
    async with booked(run(), "m", CENT, budgets) as booking:
        assert booking.seconds == 3.0
        booking.settle(replace(CENT, seconds=1.9))
    async with booked(run(), "m", CENT, budgets) as booking:
        assert booking.seconds == pytest.approx(1.1)  # pyright: ignore[reportUnknownMemberType]


async def test_an_answer_is_not_lost_with_the_books(tmp_path: Path) -> None:
    """Where the end cannot be written the block ends well."""
    file = tmp_path / "budgets.db"
    file.write_bytes(b"no database at all " * 100)

    class Given:
        """Budgets whose file breaks once the call is under way."""

        async def reserve(self, run: Run, model: str, worst: Cost) -> Hold:
            return SharedHold(SqliteBudgets(file), "h", ["k"])

    step = run()
    async with booked(step, "m", CENT, Given()) as booking:
        booking.settle(CENT)
    assert step.spend.usd == 0.01


async def test_200_calls_at_once_stay_inside_both(desk: Desk) -> None:
    """On money for 100 exactly 100 pass, and run and tenant agree on what they cost."""
    one = Allowance(usd=1.0)
    budgets, step = desk.shared(one), replace(run(), budget=Budget(usd=5.0, calls=None))

    async def call() -> bool:
        try:
            async with booked(step, "m", CENT, budgets) as booking:
                await asyncio.sleep(0)
                booking.settle(CENT)
        except BudgetExceeded:
            return False
        return True

    assert sum(await asyncio.gather(*(call() for _ in range(200)))) == 100
    balance = await budgets.balance(one, step)
    assert (balance.spent.usd, balance.held, step.spend.calls) == (10**9, Amount(), 100)
