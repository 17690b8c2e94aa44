"""The incomplete beta function and what follows from it, against scipy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pointsman.evals.stats.beta import (
    beta_cdf,
    beta_quantile,
    binomial_cdf,
    t_cdf,
    t_quantile,
)

SHAPE = st.floats(0.1, 5_000)


@given(SHAPE, SHAPE, st.floats(0, 1))
def test_the_beta_distribution_is_scipys(a: float, b: float, x: float) -> None:
    """Equal to ten digits, over small and large shapes."""
    assert beta_cdf(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), rel=1e-8, abs=1e-10)


@given(st.integers(0, 3_000), st.integers(0, 3_000), st.floats(0.001, 0.999))
def test_the_binomial_distribution_is_scipys(k: int, n: int, p: float) -> None:
    """Equal to ten digits, beyond both ends too."""
    assert binomial_cdf(k, n, p) == pytest.approx(stats.binom.cdf(k, n, p), rel=1e-8, abs=1e-10)


@given(st.floats(0.001, 0.999), st.floats(1, 500))
def test_students_t_is_scipys(p: float, df: float) -> None:
    """Quantile and distribution agree with scipy and with each other."""
    t = t_quantile(p, df)
    assert t == pytest.approx(stats.t.ppf(p, df), rel=1e-4, abs=1e-5)
    assert t_cdf(t, df) == pytest.approx(p, abs=1e-6)


@given(st.floats(0.001, 0.999), st.integers(1, 500), st.integers(1, 500))
def test_a_quantile_undoes_the_distribution(p: float, a: int, b: int) -> None:
    """What share lies below the p quantile is p."""
    assert beta_cdf(beta_quantile(p, a, b), a, b) == pytest.approx(p, abs=1e-7)
