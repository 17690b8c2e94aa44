"""The smallest drop that is seen: exact where it can be, and as a draw of runs bears out."""

import random
from math import sqrt

import pytest
from scipy import stats

from pointsman.evals.stats.paired import mcnemar
from pointsman.evals.stats.power import power_of_mcnemar, smallest_change, smallest_drop


def test_power_is_the_sum_over_all_tables() -> None:
    """For 12 pairs, every table of losses and wins by its chance."""
    lost, won, n = 0.4, 0.1, 12
    expected = sum(
        stats.multinomial.pmf([b, c, n - b - c], n, [lost, won, 1 - lost - won])
        for b in range(n + 1)
        for c in range(n + 1 - b)
        if b > c and mcnemar(b, c) < 0.05
    )
    assert power_of_mcnemar(n, lost, won) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("pairs", "differ"), [(30, 0.2), (100, 0.1), (400, 0.05), (2_000, 0.1)])
def test_the_smallest_drop_has_the_power_it_is_for(pairs: int, differ: float) -> None:
    """At the drop the power is 80 %, and a little below it is less."""
    drop = smallest_drop(pairs, differ)
    assert drop is not None

    def power(of: float) -> float:
        lost = max(of, (differ + of) / 2)
        return power_of_mcnemar(pairs, lost, lost - of)

    assert power(drop) >= 0.8
    assert power(drop * 0.97) < 0.82
    assert power(drop * 0.9) < 0.8


def test_too_few_cases_see_nothing() -> None:
    """Five pairs, all lost, are no evidence; six are."""
    assert smallest_drop(5, 0.1) is None
    assert smallest_drop(6, 0.0) is not None


def test_more_cases_see_more() -> None:
    """The smallest drop shrinks with the pairs."""
    drops = [smallest_drop(n, 0.1) or 1 for n in (20, 50, 200, 1_000, 10_000)]
    assert drops == sorted(drops, reverse=True)
    assert drops[-1] < 0.01


def test_a_mean_change_is_near_the_exact_power() -> None:
    """At the change for 80 % the non-central t has a power of 80 %, to a point."""
    draw = random.Random(3)
    for n in (8, 30, 200):
        changes = [draw.gauss(0, 2) for _ in range(n)]
        found = smallest_change(changes)
        assert found is not None
        spread = stats.tstd(changes)
        away = found / (spread / sqrt(n))
        edge = stats.t.ppf(0.975, n - 1)
        assert 1 - stats.nct.cdf(edge, n - 1, away) == pytest.approx(0.8, abs=0.03)


def test_no_change_at_all_tells_nothing() -> None:
    """Where nothing varied, how small a change would be seen is not known."""
    assert smallest_change([0.0] * 10) is None
    assert smallest_change([1.0]) is None
