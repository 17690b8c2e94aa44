"""Allowances: what counts alike, whose they are, and what people add to a budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Misconfigured
from pointsman.nodes.budgets import (
    GUARD,
    Allowance,
    Extension,
    extended,
    extensions,
    wording,
)
from pointsman.nodes.limits import Use
from pointsman.nodes.run import Budget
from tests.guardrails.bench import Bench

SHARE = st.floats(0.001, 1000, allow_nan=False)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"usd": 0.0},
        {"calls": -1},
        {"usd": float("nan")},
        {"seconds": float("inf")},
        {"usd": 2e9},
    ],
)
def test_an_allowance_that_allows_nothing_is_refused(wrong: dict[str, float]) -> None:
    """No bound, or one that is not above 0 and finite."""
    with pytest.raises(Misconfigured):
        Allowance(**wrong)  # type: ignore[arg-type]


def test_an_allowance_is_for_no_tool_and_no_model() -> None:
    """Only for those whose calls are known by name: a budget of a model would never be asked."""
    with pytest.raises(Misconfigured, match="no budgets"):
        Allowance(usd=1, only=Use(model="m"))


def test_bounds_are_no_part_of_what_counts_alike() -> None:
    """Raising a bound keeps what was spent; another key, window or scope begins its own."""
    one = Allowance(usd=1)
    assert one.id == Allowance(usd=2, calls=3).id
    others = [
        Allowance(usd=1, per=("thread",)), Allowance(usd=1, window="day"),
        Allowance(usd=1, only=Use(tenant="acme")),
    ]  # fmt: skip
    assert len({one.id, *(other.id for other in others)}) == 4


def test_keys_and_scope_come_from_the_run() -> None:
    """Each part of `per` is read from the run's step; `only` picks whose calls count."""
    run = Bench().run(step="2.0:billing")
    every = Allowance(usd=1, per=("run", "thread", "specialist", "team", "tenant"))
    assert every.key_of(run) == ("r1", "t1", "billing", "shop", "acme")
    assert Allowance(usd=1, only=Use(tenant="acme", specialist="billing")).counts(run)
    assert not Allowance(usd=1, only=Use(tenant="other")).counts(run)


def test_a_day_is_a_calendar_day_in_utc() -> None:
    """It ends at midnight UTC, wherever the machine stands."""
    day = Allowance(usd=1, window="day")
    assert [day.period(t) for t in (0.0, 86_399.9, 86_400.0)] == [
        "1970-01-01", "1970-01-01", "1970-01-02",
    ]  # fmt: skip
    assert Allowance(usd=1).period(0.0) == ""


def test_it_says_what_it_allows() -> None:
    """In words that stand in errors and findings."""
    day = Allowance(usd=2.5, calls=10, window="day")
    assert str(day) == "2.5 USD and 10 calls for each tenant a day"
    assert wording(Budget(usd=4, calls=None), 0.5) == "2 USD"


@given(
    budget=st.sampled_from(["run", "0123456789abcdef"]),
    period=st.sampled_from(["", "2026-11-21"]),
    share=SHARE,
    number=st.integers(1, 99),
    step=st.text(min_size=1),
)
def test_an_extension_is_read_as_it_was_written(
    budget: str, period: str, share: float, number: int, step: str
) -> None:
    """The rule that a person admits gives back every part of what it stands for."""
    one = Extension(budget, period, float(f"{share:g}"), number, step)
    assert Extension.read(str(one)) == one


def test_other_rules_are_no_extensions() -> None:
    """What another guard let through adds nothing to a budget."""
    assert Extension.read("budget") is None
    rule = str(Extension("run", "", 0.5, 1, "2.0:billing"))
    assert extensions({f"content:{rule}", f"{GUARD}:other"}, "run") == ()


def test_a_runs_budget_grows_by_shares_of_what_it_was() -> None:
    """Twice half as much again is twice as much, in every unit that is bounded."""
    budget = Budget(usd=1.0, calls=10)
    admitted = {f"{GUARD}:{Extension('run', '', 0.5, n, '2.0:billing')}" for n in (1, 2)}
    assert extended(budget, admitted) == Budget(usd=2.0, calls=20)
    assert extended(budget, ()) is budget
    assert extended(Budget(usd=None, calls=None), admitted) == Budget(usd=None, calls=None)
