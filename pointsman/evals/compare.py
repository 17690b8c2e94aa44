"""A run against its baseline: what is better, what is worse, and what nobody can tell."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from pointsman.evals.change import Change, changes_of, incomparable
from pointsman.evals.metrics import Metric, Row, Run, value
from pointsman.evals.pairing import Pairing, paired
from pointsman.nodes.message import Frozen

Key = tuple[str, int]
"""A case's id and the epoch."""


class Side(Frozen):
    """One of the two runs."""

    path: str
    suite: str = ""
    suite_digest: str = ""
    target: str = ""
    version: str = ""
    samples: int
    errors: int
    partial: str = ""
    """Why samples are missing."""


class Moved(Frozen):
    """A sample that passes now and did not, or the other way round."""

    case: str
    epoch: int
    metrics: tuple[str, ...]
    error: str = ""
    """The run's, where it ended in one."""


class Comparison(Frozen):
    """Two runs of a suite, sample by sample."""

    schema_version: Literal["pointsman.comparison@1"] = "pointsman.comparison@1"
    run: Side
    baseline: Side
    tag: str = ""
    """Only cases with this tag were compared."""
    alpha: float
    changes: tuple[Change, ...]
    regressed: tuple[Moved, ...] = ()
    improved: tuple[Moved, ...] = ()
    pairs: int = 0
    gone: tuple[Key, ...] = Field(default=())
    """Samples of the baseline that the run has not."""
    new: tuple[Key, ...] = ()
    """Samples of the run that the baseline has not."""
    changed: tuple[Key, ...] = ()
    """Samples of cases that ask or expect something else now. Not compared."""

    @property
    def worse(self) -> tuple[Change, ...]:
        """What is shown to be worse."""
        return tuple(change for change in self.changes if change.verdict == "worse")

    def change(self, metric: str) -> Change | None:
        """What became of a metric; None where neither run has it."""
        return next((c for c in self.changes if c.metric == metric), None)


def compare(
    run: Run,
    baseline: Run,
    *,
    alpha: float = 0.05,
    seed: int = 0,
    common: bool = False,
    tag: str = "",
    more: Sequence[Metric] = (),
    lower: Collection[str] = (),
) -> Comparison:
    """Compare metric by metric; each is wrong once in 1 / `alpha` when nothing changed.

    Suites that differ are not comparable, unless `common` says to compare the cases that both have.
    `more` adds metrics such as the share of a label; of scores in `lower` less is better. `seed` is
    that of the bootstrap.
    """
    pairing = paired(run, baseline)
    rows = [pair for pair in pairing.pairs if not tag or tag in pair[1].tags]
    metrics = {**baseline.metrics, **run.metrics, **{m.name: m for m in more}}
    metrics |= {n: replace(metrics[n], higher_is_better=False) for n in lower if n in metrics}
    why = "" if common else _other_suite(run, baseline, pairing)
    return Comparison(
        run=_side(run),
        baseline=_side(baseline),
        tag=tag,
        alpha=alpha,
        changes=tuple(
            incomparable(metric, why)
            if why
            else changes_of(metric, rows, run, baseline, alpha=alpha, seed=seed)
            for metric in metrics.values()
        ),
        regressed=_moved(rows, metrics.values(), worse=True),
        improved=_moved(rows, metrics.values(), worse=False),
        pairs=len(rows),
        gone=pairing.gone,
        new=pairing.new,
        changed=pairing.changed,
    )


def _other_suite(run: Run, baseline: Run, pairing: Pairing) -> str:
    if run.head is None or baseline.head is None:
        return ""
    for what in ("approver", "user"):
        now, before = getattr(run.head, what), getattr(baseline.head, what)
        if now != before:
            return f"the {what} differs: {before or 'none'} in the baseline, {now or 'none'} now"
    if run.head.suite_digest == baseline.head.suite_digest:
        return ""
    lost = len(pairing.gone) + len(pairing.new) + len(pairing.changed)
    return (
        f"the suites differ ({len(pairing.pairs)} samples in common, {lost} not);"
        " compare those in common, or renew the baseline"
    )


def _side(run: Run) -> Side:
    head = run.head
    return Side(
        path=run.path.as_posix(),
        suite="" if head is None else head.suite,
        suite_digest="" if head is None else head.suite_digest,
        target="" if head is None else head.target,
        version="" if head is None else head.version,
        samples=len(run.rows),
        errors=sum(bool(row.error) for row in run.rows.values()),
        partial=run.partial,
    )


def _moved(
    rows: Sequence[tuple[Row, Row]], metrics: Iterable[Metric], *, worse: bool
) -> tuple[Moved, ...]:
    quality = [metric for metric in metrics if metric.kind == "share"]
    found: list[Moved] = []
    for before, now in rows:
        names = tuple(m.name for m in quality if _turned(before, now, m) == (-1 if worse else 1))
        if names:
            found.append(Moved(case=now.case, epoch=now.epoch, metrics=names, error=now.error))
    return tuple(found)


def _turned(before: Row, now: Row, metric: Metric) -> int:
    """1: passes now and did not; -1: the other way round; 0: neither, or not to be told."""
    old, new = value(before, metric), value(now, metric)
    if old is None and new is None:
        return 0
    good = 1.0 if metric.higher_is_better else 0.0
    return int(new == good) - int(old == good)
