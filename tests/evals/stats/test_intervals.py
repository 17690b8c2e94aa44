"""Intervals for shares: against scipy, and by counting how often they hold what they promise."""

from itertools import product
from math import comb, factorial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pointsman.evals.stats.intervals import clopper_pearson, newcombe, wilson

COUNTS = st.tuples(st.integers(0, 400), st.integers(0, 400))
LEVEL = st.sampled_from([0.8, 0.9, 0.95, 0.99])


@given(COUNTS, LEVEL)
def test_shares_have_scipys_intervals(counts: tuple[int, int], level: float) -> None:
    """Wilson and Clopper-Pearson, at several levels."""
    passed, total = counts[0], sum(counts)
    if total == 0:
        return
    for ours, method in ((wilson, "wilson"), (clopper_pearson, "exact")):
        theirs = stats.binomtest(passed, total).proportion_ci(level, method=method)
        found = ours(passed, total, level)
        assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_nothing_known_is_everything_possible() -> None:
    """0 of 0 may be any share, and a change of no pairs any change."""
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0, 1)
    assert (newcombe(0, 0, 0, 0).low, newcombe(0, 0, 0, 0).high) == (-1, 1)


@given(*[st.integers(0, 60)] * 4)
def test_a_changes_interval_mirrors_when_the_runs_swap(a: int, b: int, c: int, d: int) -> None:
    """It holds the change itself, stays within -1 and 1, and swaps its ends with the runs."""
    found, other = newcombe(a, b, c, d), newcombe(a, c, b, d)
    assert (found.low, found.high) == pytest.approx((-other.high, -other.low), abs=1e-12)
    assert -1 <= found.low <= found.high <= 1
    if a + b + c + d:
        assert found.low - 1e-12 <= (c - b) / (a + b + c + d) <= found.high + 1e-12


def covered(n: int, p: tuple[float, float, float, float]) -> float:
    """How often Newcombe's interval holds the true change, over every table of n pairs."""
    true, sure = p[2] - p[1], 0.0
    for a, b, c in product(range(n + 1), repeat=3):
        d = n - a - b - c
        if d < 0:
            continue
        ways = factorial(n) // (factorial(a) * factorial(b) * factorial(c) * factorial(d))
        if true in newcombe(a, b, c, d):
            sure += ways * p[0] ** a * p[1] ** b * p[2] ** c * p[3] ** d
    return sure


@pytest.mark.parametrize(
    "chances", [(0.6, 0.15, 0.1, 0.15), (0.85, 0.05, 0.05, 0.05), (0.3, 0.4, 0.1, 0.2)]
)
def test_a_changes_interval_covers_it(chances: tuple[float, float, float, float]) -> None:
    """Of all tables of 20 pairs, intervals of 95 % hold the true change in 94 % or more."""
    assert covered(20, chances) >= 0.94


def test_clopper_pearson_never_covers_less_than_it_says() -> None:
    """At every share tried, the exact chance to be covered is at least 95 %."""
    for share in (0.01, 0.2, 0.5, 0.93):
        chance = sum(
            comb(30, k) * share**k * (1 - share) ** (30 - k)
            for k in range(31)
            if share in clopper_pearson(k, 30)
        )
        assert chance >= 0.95
