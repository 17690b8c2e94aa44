"""Intervals for shares, and for the difference of two shares of the same cases."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from pointsman.evals.stats.beta import beta_quantile


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, two-sided, at the `level` (0.95: wrong once in twenty)."""

    low: float
    high: float
    level: float = 0.95

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def wilson(passed: int, total: int, level: float = 0.95) -> Interval:
    """Wilson's score interval for a share (E. B. Wilson, JASA 22, 1927); 0 of 0 is 0 to 1."""
    if total == 0:
        return Interval(0.0, 1.0, level)
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = passed / total
    middle = share + z * z / (2 * total)
    half = z * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    width = 1 + z * z / total
    low = 0.0 if passed == 0 else max(0.0, (middle - half) / width)
    high = 1.0 if passed == total else min(1.0, (middle + half) / width)
    return Interval(low, high, level)


def clopper_pearson(passed: int, total: int, level: float = 0.95) -> Interval:
    """The exact interval for a share: never covers less than `level` says, often more.

    C. J. Clopper and E. S. Pearson, Biometrika 26, 1934; through quantiles of the beta
    distribution.
    """
    tail = (1 - level) / 2
    low = beta_quantile(tail, passed, total - passed + 1) if passed else 0.0
    high = beta_quantile(1 - tail, passed + 1, total - passed) if passed < total else 1.0
    return Interval(low, high, level)


def newcombe(both: int, lost: int, won: int, neither: int, level: float = 0.95) -> Interval:
    """Interval for the change of a share between two runs of the same cases: (won - lost) / total.

    `both` passed before and now, `lost` passed before only, `won` now only, `neither` never.
    R. G. Newcombe, Statistics in Medicine 17, 1998, 2635-2650, method 10 (Wilson intervals squared
    and added, with a correlation that is corrected for continuity). 0 pairs: -1 to 1.
    """
    total = both + lost + won + neither
    if total == 0:
        return Interval(-1.0, 1.0, level)
    now, before = (both + won) / total, (both + lost) / total
    a, b = wilson(both + won, total, level), wilson(both + lost, total, level)
    phi = _correlation(both, lost, won, neither)
    change = now - before
    down = _added(now - a.low, b.high - before, phi)
    up = _added(a.high - now, before - b.low, phi)
    return Interval(max(-1.0, change - down), min(1.0, change + up), level)


def _added(x: float, y: float, phi: float) -> float:
    return sqrt(max(0.0, x * x - 2 * phi * x * y + y * y))


def _correlation(both: int, lost: int, won: int, neither: int) -> float:
    """Newcombe's phi: the tables' correlation, its numerator moved towards zero by total / 2."""
    spread = (both + lost) * (won + neither) * (both + won) * (lost + neither)
    if spread == 0:
        return 0.0
    cross = both * neither - lost * won
    if cross > 0:
        cross = max(cross - (both + lost + won + neither) / 2, 0)
    return cross / sqrt(spread)
