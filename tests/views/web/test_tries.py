"""How often somebody may try to sign in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.views.web.problems import Refusal
from pointsman.views.web.tries import ADDRESSES, BURST, BURST_ALL, EVERY, EVERY_ALL, Tries


class Clock:
    """Time that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def passes(tries: Tries, address: str) -> bool:
    """Whether a try from there is let through."""
    try:
        tries.take(address)
    except Refusal:
        return False
    return True


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 30)), max_size=200))
def test_no_more_than_the_bounds_pass(asked: list[tuple[str, float]]) -> None:
    """Of one address and of all together, whatever the times."""
    clock = Clock()
    tries = Tries(clock)
    passed: list[str] = []
    for address, wait in asked:
        clock.now += wait
        if passes(tries, address):
            passed.append(address)
    for address in set(passed):
        assert passed.count(address) <= BURST + clock.now / EVERY + 0.01
    assert len(passed) <= BURST_ALL + clock.now / EVERY_ALL + 0.01


def test_many_addresses_are_bounded_together() -> None:
    """Who has many addresses has no more tries; and no more of them are remembered."""
    clock = Clock()
    tries = Tries(clock)
    assert sum(passes(tries, f"a{n}") for n in range(100)) == BURST_ALL
    for n in range(ADDRESSES + 10):
        clock.now += EVERY_ALL
        assert passes(tries, f"b{n}")
    assert len(tries._one) == ADDRESSES


def test_a_try_that_succeeded_is_given_back() -> None:
    """To the address and to all."""
    tries = Tries(Clock())
    for _ in range(200):
        tries.give_back("a", tries.take("a"))
    assert sum(passes(tries, "a") for _ in range(20)) == BURST


def test_the_refusal_says_when() -> None:
    """And then one passes."""
    clock = Clock()
    tries = Tries(clock)
    while passes(tries, "a"):
        pass
    with pytest.raises(Refusal) as refused:
        tries.take("a")
    assert refused.value.status == 429
    clock.now += refused.value.problem.retry_after or 0.0
    assert passes(tries, "a")
