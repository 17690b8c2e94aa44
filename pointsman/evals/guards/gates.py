"""Bounds that figures must keep, so that a build can fail when they do not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pointsman.evals.guards.figures import Figures, Gate, Rate
from pointsman.evals.guards.spans import FILTER

EVERY = ""
"""The name under which a bound for everything that has none of its own stands."""


@dataclass(frozen=True)
class Bounds:
    """Each by name of a source (`max_fp`, `min_tp`) or of a type; in percent.

    Held against the share itself, not against its interval, for each place and source apart.
    """

    max_fp: Mapping[str, float] = field(default_factory=dict[str, float])
    min_tp: Mapping[str, float] = field(default_factory=dict[str, float])
    min_recall: Mapping[str, float] = field(default_factory=dict[str, float])
    min_precision: Mapping[str, float] = field(default_factory=dict[str, float])
    max_smuggled: float | None = None
    """Points that recall may lose under any way of smuggling, in any source."""
    max_cpu: float | None = None
    """Milliseconds per 2 kB, of all checks together: the median."""


def gates(figures: Figures, bounds: Bounds) -> tuple[Gate, ...]:
    """One for each figure that a bound is for. A bound for which nothing was measured fails."""
    return (
        *_flagged(figures, "max-fp", "benign", bounds.max_fp),
        *_flagged(figures, "min-tp", "attack", bounds.min_tp),
        *_spans(figures, "min-recall", bounds.min_recall),
        *_spans(figures, "min-precision", bounds.min_precision),
        *_smuggled(figures, bounds.max_smuggled),
        *_cpu(figures, bounds.max_cpu),
    )


def _flagged(
    figures: Figures, gate: str, label: str, bounds: Mapping[str, float]
) -> Iterator[Gate]:
    met: set[str] = set()
    for one in figures.flagged if bounds else ():
        name = one.source if one.source in bounds else EVERY
        if one.label != label or name not in bounds:
            continue
        met.add(name)
        for place, rate in one.filter.items():
            yield _gate(gate, f"{one.source}, as {place}", rate, bounds[name])
    yield from _unmet(gate, bounds, met)


def _spans(figures: Figures, gate: str, bounds: Mapping[str, float]) -> Iterator[Gate]:
    met: set[str] = set()
    for one in figures.spans if bounds else ():
        name = one.type if one.type in bounds else EVERY
        rate = one.recall if gate == "min-recall" else one.precision
        # What was never found has no precision, and what a source does not mark has no recall.
        if one.judge != FILTER or name not in bounds or not one.marked or not rate.total:
            continue
        met.add(name)
        yield _gate(gate, f"{one.type} in {one.source}", rate, bounds[name])
    yield from _unmet(gate, bounds, met)


def _smuggled(figures: Figures, bound: float | None) -> Iterator[Gate]:
    if bound is None:
        return
    worst = min(figures.smuggled, key=lambda s: s.points, default=None)
    if worst is None:
        yield Gate(gate="max-smuggled", of="anything", value=None, bound=bound, passed=False)
        return
    lost = -worst.points
    of = f"{worst.judge} in {worst.source}, {worst.variant}"
    yield Gate(gate="max-smuggled", of=of, value=round(lost, 3), bound=bound, passed=lost <= bound)


def _cpu(figures: Figures, bound: float | None) -> Iterator[Gate]:
    if bound is None:
        return
    took = next((cost.median for cost in figures.costs if cost.part == "all"), None)
    passed = took is not None and took <= bound
    yield Gate(gate="max-cpu", of="all checks", value=took, bound=bound, passed=passed)


def _gate(gate: str, of: str, rate: Rate, bound: float) -> Gate:
    value = 100 * rate.count / rate.total
    passed = value <= bound if gate.startswith("max") else value >= bound
    return Gate(gate=gate, of=of, value=round(value, 3), bound=bound, passed=passed)


def _unmet(gate: str, bounds: Mapping[str, float], met: set[str]) -> Iterator[Gate]:
    for name, bound in bounds.items():
        # A bound for everything is kept where everything has a bound of its own.
        if name not in met and not (name == EVERY and met):
            yield Gate(gate=gate, of=name or "anything", value=None, bound=bound, passed=False)
