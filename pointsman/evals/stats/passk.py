"""pass@k and pass^k: the chance that one of k tries passes, and that all of them do."""

from collections.abc import Iterable
from math import comb


def pass_at(k: int, tries: int, passed: int) -> float:
    """Unbiased estimate of the chance that at least one of `k` tries passes, after `tries` tries.

    1 - C(tries - passed, k) / C(tries, k): M. Chen et al., Evaluating Large Language Models Trained
    on Code, 2021, equation 1. Raises ValueError unless 1 <= k <= tries and 0 <= passed <= tries.
    """
    _check(k, tries, passed)
    return 1 - comb(tries - passed, k) / comb(tries, k)


def pass_all(k: int, tries: int, passed: int) -> float:
    """Unbiased estimate of the chance that all of `k` tries pass (pass^k), after `tries` tries.

    C(passed, k) / C(tries, k): S. Yao et al., tau-bench, 2024, section 3. Raises ValueError like
    `pass_at`.
    """
    _check(k, tries, passed)
    return comb(passed, k) / comb(tries, k)


def mean_pass_at(k: int, cases: Iterable[tuple[int, int]]) -> float | None:
    """`pass_at` averaged over cases, each (tries, passed); those with fewer than `k` tries are not
    counted, None where all have fewer."""
    return _mean([pass_at(k, tries, passed) for tries, passed in cases if tries >= k])


def mean_pass_all(k: int, cases: Iterable[tuple[int, int]]) -> float | None:
    """`pass_all` averaged over cases, each (tries, passed), as `mean_pass_at`."""
    return _mean([pass_all(k, tries, passed) for tries, passed in cases if tries >= k])


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _check(k: int, tries: int, passed: int) -> None:
    if not (1 <= k <= tries and 0 <= passed <= tries):
        raise ValueError(f"{passed} passed of {tries} tries says nothing of {k} tries.")
