"""The regularised incomplete beta function, and the distributions that follow from it."""

from collections.abc import Callable
from math import exp, inf, lgamma, log, log1p, sqrt

_TINY = 1e-300
_STEPS = 20_000
"""The fraction takes some sqrt(max(a, b)) steps; this is enough for counts of 100 million."""


def beta_cdf(x: float, a: float, b: float) -> float:
    """I_x(a, b): the chance that a Beta(a, b) variable is at most `x`, for a, b > 0.

    Continued fraction 8.17.22 of the NIST Digital Library of Mathematical Functions, evaluated by
    Lentz's method (Applied Optics 15, 1976).
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return min(1.0, front * _fraction(x, a, b) / a)
    return max(0.0, 1 - front * _fraction(1 - x, b, a) / b)


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _apart(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _apart(1 + term * d)
            c = _apart(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def _apart(value: float) -> float:
    """Not so near zero that dividing by it overflows."""
    return value if abs(value) > _TINY else _TINY


def beta_quantile(p: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = p, for 0 <= p <= 1, to 1e-12."""
    return root(lambda x: beta_cdf(x, a, b) - p, 0.0, 1.0)


def binomial_cdf(k: int, n: int, p: float) -> float:
    """The chance of at most `k` successes in `n` trials that succeed with chance `p`."""
    if k < 0:
        return 0.0
    return 1.0 if k >= n else beta_cdf(1 - p, n - k, k + 1)


def t_cdf(t: float, df: float) -> float:
    """The chance that Student's t with `df` degrees of freedom is at most `t`."""
    tail = beta_cdf(df / (df + t * t), df / 2, 0.5) / 2
    return 1 - tail if t > 0 else tail


def t_quantile(p: float, df: float) -> float:
    """The t with t_cdf(t, df) = p, for 0 < p < 1."""
    if p == 0.5:
        return 0.0
    x = beta_quantile(2 * min(p, 1 - p), df / 2, 0.5)
    t = sqrt(df * (1 - x) / x) if x > 0 else inf
    return t if p > 0.5 else -t


def root(f: Callable[[float], float], low: float, high: float) -> float:
    """Where the rising function `f` crosses zero between `low` and `high`, by halving."""
    while high - low > 1e-12 * max(1.0, abs(high)):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if f(middle) < 0 else (low, middle)
    return (low + high) / 2
