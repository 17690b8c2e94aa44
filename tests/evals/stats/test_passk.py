"""pass@k and pass^k: unbiased, and what they are at the ends."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.evals.stats.passk import mean_pass_all, mean_pass_at, pass_all, pass_at


@given(st.integers(1, 9), st.data())
def test_they_count_every_choice_of_tries(tries: int, data: st.DataObject) -> None:
    """The share of all choices of k tries in which one passes, or all do."""
    passed, k = data.draw(st.integers(0, tries)), data.draw(st.integers(1, tries))
    chosen = list(combinations([True] * passed + [False] * (tries - passed), k))
    assert pass_at(k, tries, passed) == pytest.approx(sum(map(any, chosen)) / len(chosen))
    assert pass_all(k, tries, passed) == pytest.approx(sum(map(all, chosen)) / len(chosen))


@pytest.mark.parametrize(("k", "tries", "passed"), [(0, 3, 1), (4, 3, 1), (1, 3, 4), (1, 3, -1)])
def test_what_says_nothing_is_refused(k: int, tries: int, passed: int) -> None:
    """More tries asked for than there are, or more passed than tried."""
    with pytest.raises(ValueError, match="says nothing"):
        pass_at(k, tries, passed)


def test_cases_with_too_few_tries_are_left_out() -> None:
    """The mean is over the cases that were tried often enough; none is no mean."""
    assert mean_pass_at(2, [(1, 1), (2, 1)]) == 1.0
    assert mean_pass_all(2, [(1, 1), (2, 1), (2, 2)]) == 0.5
    assert mean_pass_all(3, [(2, 2)]) is None
