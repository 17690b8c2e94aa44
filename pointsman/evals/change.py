"""One metric in two runs: the change, how sure it is, and the verdict."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import fsum
from typing import Literal

from pointsman.evals.metrics import Kind, Metric, Row, Run
from pointsman.evals.pairing import Figures, of
from pointsman.evals.record import Head
from pointsman.evals.stats.bootstrap import (
    Pair,
    mean_change,
    quantile,
    quantile_change,
    swapped_quantile,
    totals,
)
from pointsman.evals.stats.intervals import Interval, newcombe
from pointsman.evals.stats.paired import mcnemar, sign_flip, sign_flip_numbers
from pointsman.evals.stats.power import smallest_change, smallest_drop
from pointsman.nodes.message import Frozen

Judgement = Literal["better", "worse", "no_evidence", "not_comparable"]
LEAST = 6
"""Cases that a verdict needs: five that all get worse have p = 0.06."""
LEAST_P95 = 20
"""With fewer, the 95th percentile is the slowest case."""
_TIMED = ("seconds", "p95_seconds", "usd")


class Change(Frozen):
    """A metric of the baseline and of the run, over the samples that both have."""

    metric: str
    kind: Kind
    higher_is_better: bool = True
    verdict: Judgement
    why: str = ""
    """Why nothing can be said; else by which test it is."""
    before: float | None = None
    now: float | None = None
    change: float | None = None
    """now - before."""
    low: float | None = None
    high: float | None = None
    """Interval of the change, at 1 - alpha."""
    p: float | None = None
    """Two-sided."""
    lost: int = 0
    won: int = 0
    """Samples that passed before only, or now only."""
    pairs: int = 0
    cases: int = 0
    missing_before: int = 0
    missing_now: int = 0
    """Samples without a score: an error, or the scorer failed. They count as the worst."""
    unknown: int = 0
    """Pairs left out, because a price is unknown."""
    smallest: float | None = None
    """The smallest change for the worse that this many cases show four times out of five."""


def incomparable(metric: Metric, why: str) -> Change:
    """Nothing can be said of it, and why."""
    return Change(
        metric=metric.name,
        kind=metric.kind,
        higher_is_better=metric.higher_is_better,
        verdict="not_comparable",
        why=why,
    )


def changes_of(
    metric: Metric,
    rows: Sequence[tuple[Row, Row]],
    run: Run,
    baseline: Run,
    *,
    alpha: float,
    seed: int,
) -> Change:
    """Test one metric over pairs of rows."""
    why = _apart(metric, run, baseline)
    if why:
        return incomparable(metric, why)
    if metric.kind == "label":
        return incomparable(metric, "labels have no order; name one as SCORE=LABEL")
    figures = of(metric, rows)
    cases = len({pair.case for pair in figures.pairs})
    if figures.unknown:
        why = f"the price of {figures.unknown} of {len(rows)} samples is unknown"
    elif cases < (least := LEAST_P95 if metric.kind == "p95" else LEAST):
        why = f"{cases} cases have it in both runs; a verdict needs {least}"
    plain = _described(metric, figures, cases)
    if why:
        return plain.model_copy(update={"verdict": "not_comparable", "why": why})
    return _judged(plain, figures.pairs, alpha, seed)


def _apart(metric: Metric, run: Run, baseline: Run) -> str:
    """Why the two runs measure different things under one name."""
    name = metric.name.partition("=")[0]
    here, there = run.metrics.get(name), baseline.metrics.get(name)
    if here is None or there is None:
        return f"only the {'run' if there is None else 'baseline'} has it"
    if here.kind != there.kind:
        return f"a {there.kind} in the baseline, a {here.kind} in the run"
    if run.head is None or baseline.head is None:
        return ""
    if _version(run.head, name) != _version(baseline.head, name):
        return "the scorer is another one or another version"
    if metric.name in _TIMED and bool(run.head.replayed) != bool(baseline.head.replayed):
        return "one of the runs replays recorded answers"
    return ""


def _version(head: Head, name: str) -> str:
    """Of the scorer that gave the score of that name: its own, or the part before a dot."""
    versions = head.scorer_versions
    while name not in versions and "." in name:
        name = name.rpartition(".")[0]
    return versions.get(name, "")


def _described(metric: Metric, figures: Figures, cases: int) -> Change:
    pairs = figures.pairs
    before = now = None
    if pairs and metric.kind == "p95":
        before, now = (
            quantile(v, 0.95) for v in ([p.before for p in pairs], [p.now for p in pairs])
        )
    elif pairs:
        mass = fsum(p.weight for p in pairs)
        before = fsum(p.weight * p.before for p in pairs) / mass
        now = fsum(p.weight * p.now for p in pairs) / mass
    worse = -1 if metric.higher_is_better else 1
    moves = Counter((p.now > p.before) - (p.now < p.before) for p in pairs)
    share = metric.kind == "share"
    return Change(
        metric=metric.name,
        kind=metric.kind,
        higher_is_better=metric.higher_is_better,
        verdict="no_evidence",
        before=before,
        now=now,
        change=None if before is None or now is None else now - before,
        lost=moves[worse] if share else 0,
        won=moves[-worse] if share else 0,
        pairs=len(pairs),
        cases=cases,
        missing_before=figures.missing_before,
        missing_now=figures.missing_now,
        unknown=figures.unknown,
    )


def _judged(plain: Change, pairs: Sequence[Pair], alpha: float, seed: int) -> Change:
    p, how = _tested(plain, pairs, seed)
    interval = interval_of(plain, pairs, 1 - alpha, seed)
    change = plain.change or 0.0
    verdict: Judgement = "no_evidence"
    if p < alpha and change != 0:
        verdict = "better" if (change > 0) == plain.higher_is_better else "worse"
    return plain.model_copy(
        update={
            "verdict": verdict,
            "why": how,
            "p": p,
            "low": interval.low,
            "high": interval.high,
            "smallest": _smallest(plain, pairs, alpha),
        }
    )


def _tested(plain: Change, pairs: Sequence[Pair], seed: int) -> tuple[float, str]:
    if plain.kind == "p95":
        return swapped_quantile(pairs, 0.95, seed=seed), "randomisation of the 95th percentile"
    if plain.kind == "share" and _even(pairs):
        if len(pairs) == plain.cases:
            return mcnemar(plain.lost, plain.won), "McNemar, exact"
        nets: dict[str, int] = defaultdict(int)
        for pair in pairs:
            nets[pair.case] += int(pair.now - pair.before)
        return sign_flip(list(nets.values())), "McNemar over whole cases, exact"
    changes, _ = totals(pairs)
    return sign_flip_numbers(changes, seed=seed), "sign flips of whole cases"


def interval_of(plain: Change, pairs: Sequence[Pair], level: float, seed: int) -> Interval:
    """The interval of the change at a level."""
    if plain.kind == "p95":
        return quantile_change(pairs, 0.95, level=level, seed=seed)
    if plain.kind == "share" and _even(pairs) and len(pairs) == plain.cases:
        both = sum(p.before == 1 and p.now == 1 for p in pairs)
        up = sum(p.now > p.before for p in pairs)
        down = sum(p.now < p.before for p in pairs)
        return newcombe(both, down, up, len(pairs) - both - up - down, level)
    return mean_change(pairs, level=level, seed=seed)


def _even(pairs: Sequence[Pair]) -> bool:
    return len({pair.weight for pair in pairs}) == 1


def _smallest(plain: Change, pairs: Sequence[Pair], alpha: float) -> float | None:
    if plain.kind == "p95":
        return None
    if plain.kind == "share" and _even(pairs) and len(pairs) == plain.cases:
        return smallest_drop(len(pairs), (plain.lost + plain.won) / len(pairs), alpha=alpha)
    sums, weights = totals(pairs)
    return smallest_change([s / w for s, w in zip(sums, weights, strict=True)], alpha=alpha)
