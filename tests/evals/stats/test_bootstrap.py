"""The paired bootstrap: seeded, clustered by case, and beside scipy's."""

import random
import sys

import numpy as np
import pytest
from scipy import stats

from pointsman.evals.stats import bootstrap
from pointsman.evals.stats.bootstrap import (
    Pair,
    mean_change,
    quantile,
    quantile_change,
    swapped_quantile,
)


def pairs(n: int, seed: int = 1, shift: float = 0.0, epochs: int = 1) -> list[Pair]:
    """Cases with a before and a now."""
    draw = random.Random(seed)
    return [
        Pair(f"c{i}", draw.gauss(1, 0.2), draw.gauss(1 + shift, 0.2))
        for i in range(n)
        for _ in range(epochs)
    ]


def test_the_interval_is_near_scipys() -> None:
    """With 300 cases the ends are those of scipy's percentile bootstrap, but for the luck of the
    draw."""
    held = pairs(300, shift=0.05)
    changes = np.array([p.now - p.before for p in held])
    theirs = stats.bootstrap(
        (changes,), np.mean, method="percentile", n_resamples=9_999, rng=1
    ).confidence_interval
    ours = mean_change(held)
    spread = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.06 * spread)
    assert ours.high == pytest.approx(theirs.high, abs=0.06 * spread)


def test_equal_seeds_give_equal_intervals() -> None:
    """A seed decides the interval; another seed gives another one."""
    held = pairs(50)
    assert mean_change(held, seed=3) == mean_change(held, seed=3)
    assert mean_change(held, seed=3) != mean_change(held, seed=4)


def test_epochs_are_no_new_cases() -> None:
    """Asking each case ten times with the same outcome makes nothing surer."""
    once = pairs(40)
    often = [pair for pair in once for _ in range(10)]
    few, many = mean_change(once), mean_change(often)
    assert (many.low, many.high) == pytest.approx((few.low, few.high))


def test_weights_weigh() -> None:
    """A case of twice the weight counts as two, and the interval holds the weighted mean."""
    held = [Pair("a", 0, 1, 3.0), *(Pair(f"b{i}", 0, 0, 1.0) for i in range(9))]
    found = mean_change(held)
    assert found.low <= 3 / 12 <= found.high


def test_few_cases_make_wide_intervals() -> None:
    """With six cases the interval reaches further than the plain percentile one."""
    held = pairs(6)
    changes = np.array([p.now - p.before for p in held])
    plain = stats.bootstrap(
        (changes,), np.mean, method="percentile", n_resamples=5_000, rng=1
    ).confidence_interval
    ours = mean_change(held)
    assert ours.high - ours.low > 1.2 * (plain.high - plain.low)


def test_quantiles_are_numpys() -> None:
    """Interpolated as numpy does by default."""
    values = [5.0, 1.0, 2.5, 9.0, 4.0, 4.5]
    for q in (0.0, 0.1, 0.5, 0.95, 1.0):
        assert quantile(values, q) == pytest.approx(float(np.quantile(values, q)))


def test_a_quantiles_interval_holds_its_change() -> None:
    """Everything a second slower: the 95th percentile is surely a second slower."""
    draw = random.Random(5)
    slow = [Pair(f"c{i}", (t := draw.expovariate(1)), t + 1) for i in range(200)]
    found = quantile_change(slow, 0.95)
    assert (found.low, found.high) == pytest.approx((1, 1))
    assert swapped_quantile(slow, 0.95) < 0.01
    assert swapped_quantile(pairs(60), 0.95) > 0.01


def test_a_drawn_quantile_is_that_of_what_was_drawn() -> None:
    """The walk from the largest value down finds what sorting the drawn values would."""
    draw = random.Random(2)
    for n in (2, 7, 40):
        values = [(round(draw.random(), 3), i) for i in range(n)]
        falling = sorted(values, reverse=True)
        times = [draw.choice((0, 1, 1, 3)) for _ in range(n)]
        times[0] += 1
        drawn = [v for v, i in values for _ in range(times[i])]
        found = bootstrap._drawn_at(falling, times, len(drawn), 0.9)
        assert found == pytest.approx(float(np.quantile(drawn, 0.9)))


def test_large_suites_do_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where numpy is not installed the interval is much the same."""
    held = pairs(1_500, shift=0.01)
    fast = mean_change(held)
    monkeypatch.setitem(sys.modules, "numpy", None)
    slow = mean_change(held)
    spread = fast.high - fast.low
    assert slow.low == pytest.approx(fast.low, abs=0.15 * spread)
    assert slow.high == pytest.approx(fast.high, abs=0.15 * spread)


def test_one_case_has_no_interval() -> None:
    """It says so."""
    with pytest.raises(ValueError, match="needs 2"):
        mean_change(pairs(1, epochs=5))
