"""What a suite's run came to, with honest denominators."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pointsman.evals.record import Sample
from pointsman.evals.stats.intervals import wilson


@dataclass(frozen=True, slots=True)
class Share:
    """`passed` of `total`. `scored` of them had a score; the rest (the case or the scorer failed)
    count as not passed."""

    passed: int
    scored: int
    total: int

    @property
    def value(self) -> float:
        """The share that passed, 0 to 1; 0 of 0 is 0."""
        return self.passed / self.total if self.total else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        found = wilson(self.passed, self.total)
        return (found.low, found.high)


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of the `scored` numbers; `total` counts those that failed, too."""

    value: float
    scored: int
    total: int


@dataclass(frozen=True)
class Report:
    """Figures of one run of a suite."""

    samples: int
    errors: int
    shares: Mapping[str, Share]
    """Per scorer of pass and fail."""
    means: Mapping[str, Mean]
    """Per scorer of numbers."""
    labels: Mapping[str, Mapping[str, int]]
    """Per scorer of labels: how often each was given; `(none)` counts those that failed."""
    statuses: Mapping[str, int]
    routed_by: Mapping[str, int]
    """Routes by tier: rules, sticky, model, …"""
    answered_by: Mapping[str, int]
    """Answers by source: model, fallback, …"""
    confusion: Mapping[tuple[str, str], int]
    """(expected route, route) to count, where they differ."""
    model_calls: int
    seconds: float
    usd: float | None
    """None as soon as one result's price is unknown."""

    def at_least(self, thresholds: Mapping[str, float]) -> bool:
        """The gate: whether every named share reaches its threshold (0 to 1). A scorer that scored
        nothing fails."""
        return all(n in self.shares and self.shares[n].value >= t for n, t in thresholds.items())


def report(samples: Sequence[Sample]) -> Report:
    """Count. A case that failed counts against every scorer that scored, or failed on, another."""
    results = [s.result for s in samples if s.result is not None]
    errors = sum(bool(s.error) for s in samples)
    shares, means, labels = _by_kind(samples, errors)
    usd = [r.usd for r in results]
    return Report(
        samples=len(samples),
        errors=errors,
        shares=shares,
        means=means,
        labels=labels,
        statuses=Counter(r.status for r in results),
        routed_by=Counter(r.route_tier or "none" for r in results),
        answered_by=Counter(r.by or "nobody" for r in results),
        confusion=Counter(
            (s.expected_route, s.result.route)
            for s in samples
            if s.result and s.expected_route is not None and s.expected_route != s.result.route
        ),
        model_calls=sum(r.model_calls for r in results),
        seconds=sum(r.seconds for r in results),
        usd=None if None in usd else sum(u for u in usd if u is not None),
    )


def _by_kind(
    samples: Sequence[Sample], errors: int
) -> tuple[dict[str, Share], dict[str, Mean], dict[str, dict[str, int]]]:
    """Each scorer's figures, by what it gives. One that only ever failed is a share of none."""
    shares: dict[str, Share] = {}
    means: dict[str, Mean] = {}
    labels: dict[str, dict[str, int]] = {}
    for name in sorted({n for s in samples for n in (*s.scores, *s.unscored)}):
        values = [s.scores[name] for s in samples if name in s.scores]
        failed = errors + sum(name in s.unscored for s in samples)
        scored, total = len(values), len(values) + failed
        if values and all(isinstance(v, str) for v in values):
            given = Counter(str(v) for v in values)
            labels[name] = {**given, "(none)": failed} if failed else dict(given)
        elif values and not any(isinstance(v, (bool, str)) for v in values):
            means[name] = Mean(sum(float(v) for v in values) / scored, scored, total)
        else:
            shares[name] = Share(sum(v is True for v in values), scored, total)
    return shares, means, labels


def as_text(found: Report) -> str:
    """The report for a terminal, one fact a line."""
    price = "price unknown" if found.usd is None else f"{found.usd:.4f} USD"
    counts = f"{found.samples} samples, {found.errors} errors, {found.model_calls} model calls"
    lines = [f"{counts}, {found.seconds:.1f} s, {price}"]
    for name, share in found.shares.items():
        low, high = share.interval
        lines.append(
            f"{name}: {share.passed} of {share.total} ({share.value:.1%}, 95 %: {low:.1%} to"
            f" {high:.1%}); scored {share.scored} of {share.total}"
        )
    lines += [
        f"{name}: mean {mean.value:.3f}; scored {mean.scored} of {mean.total}"
        for name, mean in found.means.items()
    ]
    for title, counts in (
        *found.labels.items(),
        ("status", found.statuses),
        ("routed by", found.routed_by),
        ("answered by", found.answered_by),
    ):
        lines.append(f"{title}: " + ", ".join(f"{k} {n}" for k, n in sorted(counts.items())))
    for (expected, got), n in sorted(found.confusion.items(), key=lambda item: -item[1]):
        lines.append(f"  expected {expected or 'nobody'}, went to {got or 'nobody'}: {n}")
    return "\n".join(lines)
