"""The smallest drop that this many cases can see."""

from collections.abc import Callable, Sequence
from functools import cache
from math import exp, lgamma, log, log1p, sqrt
from statistics import NormalDist

from pointsman.evals.stats.beta import binomial_cdf, t_quantile
from pointsman.evals.stats.paired import mcnemar

_Z = 2.8016
"""Normal quantiles at 97.5 % and 80 %, added: where the search for a drop begins."""


def power_of_mcnemar(pairs: int, lost: float, won: float, *, alpha: float = 0.05) -> float:
    """The chance that McNemar's exact test on `pairs` pairs finds p < `alpha` and a drop.

    `lost` and `won` are the chances that a pair goes from pass to fail, and from fail to pass.
    Exact: summed over the count of pairs that differ.
    """
    return _power(pairs, lost, won, _critical(alpha))


def smallest_drop(
    pairs: int, differ: float, *, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """The smallest drop of the pass rate that McNemar's exact test sees with chance `power`.

    `differ` is the share of pairs whose result differs between the runs (noise both ways); a drop
    larger than that makes every pair that differs a loss. None where even losing every case would
    not be seen.
    """
    critical = _critical(alpha)

    def seen(drop: float) -> float:
        lost = max(drop, (differ + drop) / 2)
        return _power(pairs, lost, lost - drop, critical)

    if seen(1.0) < power:
        return None
    low, high = 0.0, 1.0
    near = 2 * _Z * sqrt(max(differ, _Z / pairs) / pairs)
    if near < 1 and seen(near) >= power:
        high = near
    while high - low > 0.005 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if seen(middle) < power else (low, middle)
    return high


def smallest_change(
    changes: Sequence[float], *, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """The smallest change of a mean that is seen with chance `power`, from the changes per case.

    (t(1 - alpha/2) + t(power)) * s / sqrt(n), Student's t with n - 1 degrees of freedom: the usual
    approximation to the non-central t (J. Cohen, Statistical Power Analysis, 1988, chapter 2).
    None with fewer than two cases, or where no case changed.
    """
    n = len(changes)
    if n < 2:
        return None
    mean = sum(changes) / n
    spread = sqrt(sum((c - mean) ** 2 for c in changes) / (n - 1))
    if spread == 0:
        return None
    return (t_quantile(1 - alpha / 2, n - 1) + t_quantile(power, n - 1)) * spread / sqrt(n)


def _critical(alpha: float) -> Callable[[int], int]:
    """Per count of differing pairs, the most wins with which the losses are evidence; else -1."""

    z = -NormalDist().inv_cdf(alpha / 2)

    @cache
    def critical(differ: int) -> int:
        most = max(-1, min(differ // 2, int((differ - z * sqrt(differ)) / 2)))
        while most >= 0 and mcnemar(differ - most, most) >= alpha:
            most -= 1
        while most < differ // 2 and mcnemar(differ - most - 1, most + 1) < alpha:
            most += 1
        return most

    return critical


def _power(pairs: int, lost: float, won: float, critical: Callable[[int], int]) -> float:
    differ = min(1.0, lost + won)
    if differ == 0:
        return 0.0
    centre, around = pairs * differ, 6 * sqrt(pairs * differ * (1 - differ)) + 9
    total = 0.0
    for count in range(max(0, int(centre - around)), min(pairs, int(centre + around)) + 1):
        most = critical(count)
        if most >= 0:
            chance = _binomial(count, pairs, differ)
            total += chance * binomial_cdf(most, count, won / differ)
    return min(1.0, total)


def _binomial(k: int, n: int, p: float) -> float:
    if p >= 1:
        return float(k == n)
    ways = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
    return exp(ways + k * log(p) + (n - k) * log1p(-p))
