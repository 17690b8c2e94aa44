"""The paired bootstrap: how sure the change of a mean or of a quantile is.

Cases are drawn, not samples: the epochs of a case resemble each other and stay together
(A. C. Davison and D. V. Hinkley, Bootstrap Methods and their Application, 1997, section 3.8).
Intervals are percentile intervals, widened for few cases by Student's t (T. Hesterberg, The
American Statistician 69, 2015, section 3.2). BCa was measured too and was wrong more often here:
the changes between two equal runs are symmetric about zero and heavy-tailed, which its acceleration
mistakes for skew.

Draws are made by Python's own generator, so that every machine gives the same interval for a seed;
above `OWN` draws by numpy where it is installed, which gives another interval of the same make.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from operator import mul
from statistics import NormalDist

from pointsman.evals.stats.beta import t_quantile
from pointsman.evals.stats.intervals import Interval

RESAMPLES = 2_000
OWN = 2_000_000
"""Draws that Python makes itself: about half a second."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One sample of a case, measured in both runs."""

    case: str
    before: float
    now: float
    weight: float = 1.0


def mean_change(
    pairs: Sequence[Pair], *, level: float = 0.95, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Interval for the weighted mean of (now - before). Raises ValueError without two cases."""
    sums, weights = totals(pairs)
    drawn = _drawn_means(sums, weights, seed, resamples)
    drawn.sort()
    tail = _tail(level, len(sums))
    return Interval(_at(drawn, tail), _at(drawn, 1 - tail), level)


def quantile_change(
    pairs: Sequence[Pair],
    q: float,
    *,
    level: float = 0.95,
    seed: int = 0,
    resamples: int = RESAMPLES // 2,
) -> Interval:
    """Interval for the change of the `q` quantile (0.95 for p95); weights are not looked at.

    Fewer draws, 200 at least, where `OWN` would be passed. Raises ValueError without two cases.
    """
    groups = _groups(pairs)
    sizes = [len(group) for group in groups]
    owners = [(pair, n) for n, group in enumerate(groups) for pair in group]
    now = sorted(((pair.now, n) for pair, n in owners), reverse=True)
    before = sorted(((pair.before, n) for pair, n in owners), reverse=True)
    draw, cases = random.Random(seed), range(len(groups))  # noqa: S311 (repeatable on purpose)
    changes: list[float] = []
    for _ in range(max(200, min(resamples, OWN // len(pairs)))):
        times = [0] * len(groups)
        for n in draw.choices(cases, k=len(groups)):
            times[n] += 1
        total = sum(map(mul, times, sizes))
        changes.append(_drawn_at(now, times, total, q) - _drawn_at(before, times, total, q))
    changes.sort()
    tail = _tail(level, len(groups))
    return Interval(_at(changes, tail), _at(changes, 1 - tail), level)


def _drawn_at(
    falling: Sequence[tuple[float, int]], times: list[int], total: int, q: float
) -> float:
    """The quantile of what was drawn: values from the largest down, each as often as its case."""
    place = (1 - q) * (total - 1)
    first, seen = int(place), 0
    upper: float | None = None
    for value, case in falling:
        seen += times[case]
        if upper is None and seen > first:
            upper = value
        if upper is not None and seen > first + 1:
            return upper + (value - upper) * (place - first)
    return falling[-1][0] if upper is None else upper


def swapped_quantile(
    pairs: Sequence[Pair], q: float, *, seed: int = 0, flips: int = RESAMPLES // 2
) -> float:
    """Two-sided p-value for the change of the `q` quantile: the randomisation test of
    `paired.sign_flip`, which swaps both runs of a case at random, at least 200 times.

    (as extreme + 1) / (flips + 1). Raises ValueError without two cases.
    """
    groups = _groups(pairs)
    seen = abs(quantile([p.now for p in pairs], q) - quantile([p.before for p in pairs], q))
    draw = random.Random(seed)  # noqa: S311 (repeatable on purpose)
    extreme, times = 0, max(200, min(flips, OWN // len(pairs)))
    for _ in range(times):
        now: list[float] = []
        before: list[float] = []
        for group, coin in zip(groups, draw.randbytes(len(groups)), strict=True):
            one, other = (now, before) if coin & 1 else (before, now)
            one.extend([pair.now for pair in group])
            other.extend([pair.before for pair in group])
        extreme += abs(quantile(now, q) - quantile(before, q)) >= seen * (1 - 1e-9)
    return (extreme + 1) / (times + 1)


def quantile(values: Sequence[float], q: float) -> float:
    """The `q` quantile, interpolated (Hyndman and Fan's type 7, as numpy); 0 of nothing."""
    return _at(sorted(values), q) if values else 0.0


def _groups(pairs: Sequence[Pair]) -> list[list[Pair]]:
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(pair.case, []).append(pair)
    if len(groups) < 2:
        raise ValueError(f"{len(groups)} cases: an interval needs 2.")
    return list(groups.values())


def totals(pairs: Sequence[Pair]) -> tuple[list[float], list[float]]:
    """Per case: the weighted sum of changes, and the weight. ValueError without two cases."""
    groups = _groups(pairs)
    sums = [fsum(p.weight * (p.now - p.before) for p in group) for group in groups]
    return sums, [fsum(p.weight for p in group) for group in groups]


def _drawn_means(
    sums: Sequence[float], weights: Sequence[float], seed: int, resamples: int
) -> list[float]:
    n = len(sums)
    if n * resamples > OWN:
        fast = _numpy_means(sums, weights, seed, resamples)
        if fast is not None:
            return fast
    draw = random.Random(seed)  # noqa: S311 (repeatable on purpose)
    if len(set(weights)) == 1:
        mass = fsum(weights)
        return [sum(draw.choices(sums, k=n)) / mass for _ in range(resamples)]
    both = list(zip(sums, weights, strict=True))
    found: list[float] = []
    for _ in range(resamples):
        chosen = draw.choices(both, k=n)
        found.append(sum(s for s, _ in chosen) / sum(w for _, w in chosen))
    return found


def _numpy_means(
    sums: Sequence[float], weights: Sequence[float], seed: int, resamples: int
) -> list[float] | None:
    try:
        import numpy as np
    except ImportError:
        return None
    generator = np.random.default_rng(seed)
    s, w, n = np.asarray(sums), np.asarray(weights), len(sums)
    found: list[float] = []
    for _ in range(resamples):
        chosen = generator.integers(0, n, n, dtype=np.int32)
        found.append(float(s[chosen].sum() / w[chosen].sum()))
    return found


def _tail(level: float, n: int) -> float:
    """What to cut off on each side: less with few cases, as Student's t is wider than the normal,
    and the bootstrap's spread is too small by sqrt((n - 1) / n)."""
    t = t_quantile((1 + level) / 2, n - 1)
    return NormalDist().cdf(-t * sqrt(n / (n - 1)))


def _at(ordered: Sequence[float], q: float) -> float:
    place = min(max(q, 0.0), 1.0) * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
