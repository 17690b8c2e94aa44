"""Two runs' samples side by side, with nothing left out in silence."""

from collections.abc import Sequence
from dataclasses import dataclass

from pointsman.evals.metrics import KNOWN, Metric, Row, Run, applies, value
from pointsman.evals.stats.bootstrap import Pair


@dataclass(frozen=True)
class Pairing:
    """Samples of the same case and epoch, and what has no other half: (case, epoch) each."""

    pairs: tuple[tuple[Row, Row], ...]
    """(baseline, run), in the order of the baseline."""
    gone: tuple[tuple[str, int], ...]
    """In the baseline only."""
    new: tuple[tuple[str, int], ...]
    """In the run only."""
    changed: tuple[tuple[str, int], ...]
    """In both, but what is asked or expected differs."""


@dataclass(frozen=True)
class Figures:
    """One metric over the pairs. A missing score counts as the worst: see `of`."""

    pairs: tuple[Pair, ...]
    missing_before: int
    missing_now: int
    unknown: int
    """Pairs left out because a figure cannot be told, as a price."""


def paired(run: Run, baseline: Run) -> Pairing:
    """Pair by case and epoch; a case that changed is no pair."""
    pairs: list[tuple[Row, Row]] = []
    changed: list[tuple[str, int]] = []
    for key, before in baseline.rows.items():
        now = run.rows.get(key)
        if now is None:
            continue
        if now.case_digest and before.case_digest and now.case_digest != before.case_digest:
            changed.append(key)
        else:
            pairs.append((before, now))
    return Pairing(
        pairs=tuple(pairs),
        gone=tuple(key for key in baseline.rows if key not in run.rows),
        new=tuple(key for key in run.rows if key not in baseline.rows),
        changed=tuple(changed),
    )


def of(metric: Metric, pairs: Sequence[tuple[Row, Row]]) -> Figures:
    """The metric over the pairs of rows that it applies to.

    An error, a time-out and a scorer that failed stay in: as not passed, and among numbers as the
    worst value that either run has (0 for scores between 0 and 1). Where both sides failed, the
    case's other epochs say whether the metric applies; where none does, a metric that every other
    case has.
    """
    known = metric.name in KNOWN
    meant = [pair for pair in pairs if any(applies(row, metric) for row in pair)]
    if not known:
        meant = _with_errors(metric, pairs, meant)
    values = [(before, now, value(before, metric), value(now, metric)) for before, now in meant]
    if known:
        full = [(b, n, x, y) for b, n, x, y in values if x is not None and y is not None]
        made = tuple(Pair(n.case, x, y, n.weight) for _, n, x, y in full)
        return Figures(made, 0, 0, len(values) - len(full))
    worst = _worst(metric, [v for _, _, x, y in values for v in (x, y) if v is not None])
    return Figures(
        tuple(
            Pair(n.case, worst if x is None else x, worst if y is None else y, n.weight)
            for _, n, x, y in values
        ),
        missing_before=sum(x is None for _, _, x, _ in values),
        missing_now=sum(y is None for _, _, _, y in values),
        unknown=0,
    )


def _with_errors(
    metric: Metric,
    pairs: Sequence[tuple[Row, Row]],
    meant: list[tuple[Row, Row]],
) -> list[tuple[Row, Row]]:
    cases = {now.case for _, now in meant}
    silent = sum(bool(before.error and now.error) for before, now in pairs)
    everywhere = bool(meant) and len(meant) == len(pairs) - silent
    return [
        (before, now)
        for before, now in pairs
        if (before.error and now.error and (everywhere or now.case in cases))
        or applies(before, metric)
        or applies(now, metric)
    ]


def _worst(metric: Metric, values: Sequence[float]) -> float:
    if metric.kind == "share" or not values:
        return 0.0 if metric.higher_is_better else 1.0
    if not metric.higher_is_better:
        return max(values)
    return 0.0 if min(values) >= 0 and max(values) <= 1 else min(values)
