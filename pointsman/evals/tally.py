"""What a run has come to so far: counts only, so that it stays small however many samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import comb

from pointsman.evals.record import Sample


def passed(sample: Sample) -> bool | None:
    """Whether every score of pass and fail is a pass. An error and a scorer that failed are no
    pass; None where nothing says pass or fail."""
    if sample.error or any(".judge." not in name for name in sample.unscored):
        return False
    # A jury has settled what its judges said: one that dissents fails nothing.
    told = [
        value
        for name, value in sample.scores.items()
        if isinstance(value, bool) and ".judge." not in name
    ]
    return all(told) if told else None


@dataclass
class ScorerTally:
    """Of one scorer: how many samples have its score, failed in it, passed, and their sum."""

    scored: int = 0
    failed: int = 0
    passed: int = 0
    flags: int = 0
    numbers: int = 0
    sum: float = 0.0


@dataclass
class Tally:
    """Counts of samples, kept while they come."""

    due: int
    done: int = 0
    """With those of earlier runs of the same record."""
    resumed: int = 0
    """Those of earlier runs."""
    errors: int = 0
    judged: int = 0
    """Samples that pass or fail, errors among them."""
    passed: int = 0
    usd: float = 0.0
    """What the target cost, as far as it is known."""
    eval_usd: float = 0.0
    """What users and judges cost, as far as it is known."""
    unpriced: int = 0
    """Samples whose price is unknown. They are not counted as free."""
    seconds: float = 0.0
    """The sum of the samples' times."""
    scorers: dict[str, ScorerTally] = field(default_factory=dict[str, ScorerTally])
    cases: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """By case: epochs that ended, and how many of them passed."""

    def add(self, sample: Sample, *, resumed: bool = False) -> None:
        """Count a sample."""
        self.done += 1
        self.resumed += resumed
        self.errors += bool(sample.error)
        verdict = passed(sample)
        self.judged += verdict is not None
        self.passed += verdict is True
        if sample.usd is None:
            self.unpriced += 1
        else:
            self.usd += sample.usd
        self.eval_usd += sample.eval_usd or 0.0
        self.seconds += sample.seconds
        if verdict is not None:
            asked, right = self.cases.get(sample.case, (0, 0))
            self.cases[sample.case] = (asked + 1, right + verdict)
        for name, value in sample.scores.items():
            held = self.scorers.setdefault(name, ScorerTally())
            held.scored += 1
            if isinstance(value, bool):
                held.flags += 1
                held.passed += value
            elif isinstance(value, float):
                held.numbers += 1
                held.sum += value
        for name in sample.unscored:
            self.scorers.setdefault(name, ScorerTally()).failed += 1

    @property
    def spent(self) -> float:
        """US dollars spent in all, as far as it is known."""
        return self.usd + self.eval_usd

    @property
    def cost(self) -> float | None:
        """US dollars so far; None as soon as one sample's price is unknown."""
        return None if self.unpriced else self.usd

    @property
    def rate(self) -> float | None:
        """Share of the judged samples that passed, 0 to 1; None before the first."""
        return self.passed / self.judged if self.judged else None

    def eta(self, elapsed: float) -> float | None:
        """Seconds that the rest takes, at the pace of this run; None before its first sample."""
        fresh = self.done - self.resumed
        return elapsed / fresh * (self.due - self.done) if fresh else None


def pass_at(counts: Mapping[str, tuple[int, int]], k: int) -> float | None:
    """pass@k: the chance that at least one of k askings of a case passes, mean over the cases.

    The unbiased estimator of Chen et al. 2021 (arXiv 2107.03374): 1 - C(n-c, k) / C(n, k) for c
    passes in n epochs. Cases asked less than k times are not counted; None where all are.
    """
    return _mean([1 - comb(n - c, k) / comb(n, k) for n, c in counts.values() if n >= k])


def pass_all(counts: Mapping[str, tuple[int, int]], k: int) -> float | None:
    """pass^k: the chance that all of k askings of a case pass, mean over the cases.

    C(c, k) / C(n, k), as in Yao et al. 2024 (tau-bench, arXiv 2406.12045).
    """
    return _mean([comb(c, k) / comb(n, k) for n, c in counts.values() if n >= k])


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
