"""Tests of paired runs: against scipy, published values and each other."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pointsman.evals.stats.paired import mcnemar, sign_flip, sign_flip_numbers

COUNT = st.integers(0, 500)


@given(COUNT, COUNT)
def test_mcnemar_is_scipys_sign_test(lost: int, won: int) -> None:
    """The exact test is the binomial test of the pairs that differ."""
    theirs = stats.binomtest(lost, lost + won).pvalue if lost + won else 1.0
    assert mcnemar(lost, won) == pytest.approx(theirs, rel=1e-7, abs=1e-12)


def test_mcnemar_has_the_published_values() -> None:
    """Fagerland, Lydersen and Laake, 2013, table 1 (1 and 7 pairs that differ): exact 0.070,
    mid-p 0.039."""
    assert mcnemar(1, 7) == pytest.approx(0.070, abs=5e-4)
    assert mcnemar(1, 7, mid=True) == pytest.approx(0.039, abs=5e-4)


@given(COUNT, COUNT)
def test_mid_p_takes_half_of_what_was_seen(lost: int, won: int) -> None:
    """It is the mean of the p-value with and without the table itself."""
    p = mcnemar(lost, won, mid=True)
    assert p <= mcnemar(lost, won)
    if lost + won:
        seen = stats.binom.pmf(lost, lost + won, 0.5)
        both = 2 * stats.binom.cdf(min(lost, won), lost + won, 0.5)
        expected = both - seen if lost != won else 1 - seen
        assert p == pytest.approx(min(1, expected), rel=1e-6, abs=1e-12)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 50))
def test_one_epoch_is_mcnemars_test(lost: int, won: int, same: int) -> None:
    """Over cases with one epoch the test of whole cases is McNemar's."""
    nets = [-1] * lost + [1] * won + [0] * same
    assert sign_flip(nets) == pytest.approx(mcnemar(lost, won), rel=1e-9, abs=1e-12)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_whole_cases_are_flipped(nets: list[int]) -> None:
    """The p-value is the share of all flips of signs that are as far from zero."""
    flips = [
        abs(sum(s * n for s, n in zip(signs, nets, strict=True)))
        for signs in itertools.product((-1, 1), repeat=len(nets))
    ]
    expected = sum(flip >= abs(sum(nets)) for flip in flips) / len(flips)
    assert sign_flip(nets) == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.floats(-5, 5).map(lambda x: round(x, 2)), min_size=2, max_size=8))
def test_numbers_are_flipped_too(changes: list[float]) -> None:
    """The drawn p-value is near that of all flips, and never zero."""
    moved = [c for c in changes if c]
    sums = [
        abs(sum(s * c for s, c in zip(signs, moved, strict=True)))
        for signs in itertools.product((-1, 1), repeat=len(moved))
    ]
    expected = sum(total >= abs(sum(moved)) - 1e-9 for total in sums) / len(sums)
    found = sign_flip_numbers(changes)
    assert 0 < found <= 1
    assert found == pytest.approx(expected, abs=0.045)


def test_numbers_agree_with_scipy() -> None:
    """On 40 changes the p-value is that of scipy's permutation of signs."""
    changes = [0.31 * ((7 * n) % 13 - 5) for n in range(40)]
    theirs = stats.permutation_test(
        (changes,), sum, permutation_type="samples", n_resamples=9_999, rng=1
    )
    assert sign_flip_numbers(changes) == pytest.approx(float(theirs.pvalue), abs=0.02)


def test_ten_thousand_cases_with_epochs_are_exact() -> None:
    """Large suites take the exact way too, and come near the normal approximation."""
    balanced = [1, -1, 2, -2, 3, -3] * 1_500
    assert sign_flip(balanced) == pytest.approx(1.0)
    found = sign_flip([*balanced, *[3] * 200])
    spread = (3_000 * (1 + 4 + 9) + 200 * 9) ** 0.5
    assert found == pytest.approx(2 * stats.norm.sf(600 / spread), rel=0.03)
