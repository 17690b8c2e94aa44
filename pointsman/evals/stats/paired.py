"""Whether two runs of the same cases differ by more than chance would have it."""

import random
from collections import Counter
from collections.abc import Sequence
from itertools import compress
from math import exp, lgamma, log

from pointsman.evals.stats.beta import binomial_cdf

_NOTHING = 1e-20
"""Chances below this are left out of a sum."""
_COIN = bytes(n & 1 for n in range(256))
"""Turns a random byte into heads or tails."""


def mcnemar(lost: int, won: int, *, mid: bool = False) -> float:
    """Two-sided p-value of McNemar's exact test: `lost` pairs passed before only, `won` now only.

    Q. McNemar, Psychometrika 12, 1947, in its exact binomial form. `mid` gives the mid-p value,
    which is less careful and sees more (M. W. Fagerland, S. Lydersen, P. Laake, BMC Medical
    Research Methodology 13:91, 2013). No pair that differs: 1.
    """
    differ, fewer = lost + won, min(lost, won)
    if differ == 0:
        return 1.0
    p = 2 * binomial_cdf(fewer, differ, 0.5)
    if mid:
        p -= _half(fewer, differ) * (2 if lost == won else 1)
        return min(1.0, p)
    return min(1.0, p)


def sign_flip(nets: Sequence[int]) -> float:
    """Two-sided p-value for cases of several epochs: `nets` has wins minus losses per case.

    Exact randomisation test on whole cases, since a case's epochs resemble each other: were both
    runs alike, each net would be as likely with the other sign (R. A. Fisher, The Design of
    Experiments, 1935, section 21). Equals McNemar's exact test where every net is -1, 0 or 1.
    """
    sizes = Counter(abs(net) for net in nets if net)
    seen = abs(sum(nets))
    chances = {0: 1.0}
    for size, times in sizes.items():
        chances = _convolved(chances, size, times)
    return min(1.0, sum(p for total, p in chances.items() if abs(total) >= seen))


def sign_flip_numbers(changes: Sequence[float], *, seed: int = 0, flips: int = 4_000) -> float:
    """Two-sided p-value for changes that are numbers, one per case: the test of `sign_flip`, by
    `flips` random draws of signs.

    Fewer draws, 1,000 at least, for many changes. (as extreme + 1) / (draws + 1), which is never
    too small (B. Phipson and G. Smyth, Statistical Applications in Genetics and Molecular Biology
    9, 2010). Nothing changed: 1.
    """
    moved = [change for change in changes if change]
    if not moved:
        return 1.0
    total = sum(moved)
    seen = abs(total) * (1 - 1e-9)
    draw = random.Random(seed)  # noqa: S311 (repeatable on purpose)
    extreme, times = 0, max(1_000, min(flips, 4_000_000 // len(moved)))
    for _ in range(times):
        kept = sum(compress(moved, draw.randbytes(len(moved)).translate(_COIN)))
        extreme += abs(2 * kept - total) >= seen
    return (extreme + 1) / (times + 1)


def _convolved(chances: dict[int, float], size: int, times: int) -> dict[int, float]:
    """The distribution of a total after `times` further coin flips of +size or -size."""
    flips = ((size * (2 * k - times), _half(k, times)) for k in range(times + 1))
    likely = [(total, p) for total, p in flips if p > _NOTHING]
    found: dict[int, float] = {}
    for total, p in chances.items():
        for step, q in likely:
            if p * q > _NOTHING:
                found[total + step] = found.get(total + step, 0.0) + p * q
    return found


def _half(k: int, n: int) -> float:
    """The chance of `k` heads in `n` flips of a fair coin."""
    return exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) - n * log(2))
