"""A run's figures by themselves, with how sure each is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import fsum

from pointsman.evals.change import LEAST
from pointsman.evals.metrics import Metric, Row
from pointsman.evals.pairing import of
from pointsman.evals.stats.bootstrap import Pair, mean_change, quantile, quantile_change
from pointsman.evals.stats.intervals import Interval, wilson


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric over some samples: `scored` of `total` have it; the others count as the worst."""

    metric: Metric
    value: float | None
    """None: no sample has it, or it cannot be told."""
    low: float | None
    high: float | None
    """95 % interval; None: too few cases."""
    scored: int
    total: int


def figure_of(metric: Metric, rows: Iterable[Row], *, seed: int = 0) -> Figure:
    """The metric over these rows."""
    found = of(metric, [(row, row) for row in rows])
    total = len(found.pairs) + found.unknown
    if found.unknown or not found.pairs:
        return Figure(metric, None, None, None, len(found.pairs), total)
    sure = sure_of(metric, found.pairs, 0.95, seed)
    return Figure(
        metric,
        value_of(metric, found.pairs),
        None if sure is None else sure.low,
        None if sure is None else sure.high,
        total - found.missing_now,
        total,
    )


def passing(rows: Iterable[Row], *, seed: int = 0) -> Figure:
    """The share of samples that pass everything that says pass or fail."""
    metric = Metric("passed", "share")
    told = [(row, row.passed) for row in rows]
    pairs = [Pair(r.case, 0.0, float(p), r.weight) for r, p in told if p is not None]
    if not pairs:
        return Figure(metric, None, None, None, 0, 0)
    sure = sure_of(metric, pairs, 0.95, seed)
    low, high = (None, None) if sure is None else (sure.low, sure.high)
    missing = sum(bool(row.error or row.unscored) for row, _ in told)
    return Figure(metric, value_of(metric, pairs), low, high, len(pairs) - missing, len(pairs))


def value_of(metric: Metric, pairs: Sequence[Pair]) -> float:
    """The metric over what is `now`: a weighted mean, or the 95th percentile."""
    if metric.kind == "p95":
        return quantile([pair.now for pair in pairs], 0.95)
    return fsum(p.weight * p.now for p in pairs) / fsum(p.weight for p in pairs)


def sure_of(metric: Metric, pairs: Sequence[Pair], level: float, seed: int) -> Interval | None:
    """The interval of `value_of`: Wilson's for shares with one sample a case, else by the bootstrap
    over cases; None with too few cases for that."""
    plain = len({p.case for p in pairs}) == len(pairs) and len({p.weight for p in pairs}) == 1
    if metric.kind == "share" and plain:
        return wilson(sum(p.now == 1 for p in pairs), len(pairs), level)
    if len({pair.case for pair in pairs}) < LEAST:
        return None
    alone = [Pair(p.case, 0.0, p.now, p.weight) for p in pairs]
    if metric.kind == "p95":
        return quantile_change(alone, 0.95, level=level, seed=seed)
    return mean_change(alone, level=level, seed=seed)
