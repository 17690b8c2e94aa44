"""Measures a router: asks it about every row, and counts what it decided."""

import asyncio
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pointsman.errors import PointsmanError
from pointsman.evals.guards.figures import Rate
from pointsman.evals.routing.figures import Bin, Calibration, Figures, TierFigures
from pointsman.evals.routing.rows import Row
from pointsman.nodes.routing.router import ORDER, Route
from pointsman.teams.deciding import Decide

NOBODY, ABSTAINED, ERROR = "(nobody)", "(abstained)", "(error)"
BINS = 10


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of one row."""

    row: Row
    route: Route | None
    """None where the router raised `error`."""
    seconds: float
    error: str = ""

    @property
    def outcome(self) -> str:
        """The specialist it came to, or `(nobody)`, `(abstained)`, `(error)`."""
        if self.route is None:
            return ERROR
        if self.route.to:
            return self.route.to
        return NOBODY if self.route.settled else ABSTAINED

    @property
    def right(self) -> bool:
        """Whether it came to whom it should."""
        return self.outcome == (self.row.expected or NOBODY)


async def measure(
    rows: Sequence[Row], decide: Decide, *, jobs: int = 4, done: Callable[[], object] = lambda: None
) -> tuple[Measured, ...]:
    """What the router makes of each row, in their order; `jobs` at a time. `done` is called after
    each. A row on which it raises is an error, and the others go on."""
    free = asyncio.Semaphore(jobs)

    async def one(row: Row) -> Measured:
        async with free:
            began = time.perf_counter()
            try:
                route, error = await decide(row.text), ""
            except PointsmanError as raised:
                route, error = None, f"{type(raised).__name__}: {raised}"
            took = time.perf_counter() - began
            done()
            return Measured(row, route, took, error)

    return tuple(await asyncio.gather(*(one(row) for row in rows)))


def figures(measured: Sequence[Measured], *, bad_rows: int = 0) -> Figures:
    """The figures of the measured rows."""
    inside = [m for m in measured if m.row.expected is not None]
    outside = [m for m in measured if m.row.expected is None]
    undecided = (ABSTAINED, ERROR)
    decided_in = [m for m in inside if m.outcome not in undecided]
    decided_out = [m for m in outside if m.outcome not in undecided]
    right = sum(m.right for m in inside)
    routes = [m.route for m in measured if m.route is not None]
    quick = [m for m in measured if m.route and m.route.settled and not _asked(m.route)]
    times = sorted(m.seconds * 1000 for m in measured)
    return Figures(
        rows=len(measured),
        bad_rows=bad_rows,
        errors=sum(m.route is None for m in measured),
        in_scope=len(inside),
        out_of_scope=len(outside),
        accuracy=Rate.of(right, len(decided_in)),
        accuracy_of_all=Rate.of(right, len(inside)),
        abstained=Rate.of(sum(m.outcome == ABSTAINED for m in measured), len(measured)),
        abstained_in_scope=Rate.of(sum(m.outcome == ABSTAINED for m in inside), len(inside)),
        out_of_scope_recall=Rate.of(sum(m.right for m in outside), len(decided_out)),
        kept_out=Rate.of(sum(m.outcome in (NOBODY, ABSTAINED) for m in outside), len(outside)),
        without_model=Rate.of(len(quick), len(measured)),
        tiers=_tiers(measured),
        confusion=_confusion(measured),
        calibration=calibration(measured),
        calls=sum(route.calls for route in routes),
        usd=_sum(routes),
        milliseconds_p50=statistics.median(times) if times else 0.0,
        milliseconds_p95=times[math.ceil(0.95 * len(times)) - 1] if times else 0.0,
        parts=sum(bool(route.parts) for route in routes),
    )


def calibration(measured: Sequence[Measured]) -> Calibration:
    """How far the probabilities of the best candidates keep what they promise."""
    sure = [
        (min(max(best[1], 0.0), 1.0), best[0] == m.row.expected)
        for m in measured
        if m.route is not None and m.route.probabilities
        for best in m.route.probabilities[:1]
    ]
    bins: list[Bin] = []
    for n in range(BINS):
        mine = [pair for pair in sure if min(int(pair[0] * BINS), BINS - 1) == n]
        if mine:
            mean = math.fsum(p for p, _ in mine) / len(mine)
            right = sum(ok for _, ok in mine) / len(mine)
            bins.append(
                Bin(low=n / BINS, high=(n + 1) / BINS, rows=len(mine), mean=mean, right=right)
            )
    far = math.fsum(b.rows * abs(b.mean - b.right) for b in bins)
    return Calibration(rows=len(sure), error=far / len(sure) if sure else 0.0, bins=tuple(bins))


def _asked(route: Route) -> bool:
    """Whether the model was asked, be it answered from the cache."""
    return route.settled == "model"


def _tiers(measured: Sequence[Measured]) -> tuple[TierFigures, ...]:
    by_tier: dict[str, list[Measured]] = {tier: [] for tier in ORDER}
    for m in measured:
        if m.route is not None and m.route.settled:
            by_tier.setdefault(m.route.settled, []).append(m)
    return tuple(
        TierFigures(
            tier=tier,
            settled=len(mine),
            share=len(mine) / len(measured) if measured else 0.0,
            right=sum(m.right for m in mine),
            calls=sum(m.route.calls for m in mine if m.route),
            usd=_sum([m.route for m in mine if m.route]),
        )
        for tier, mine in by_tier.items()
    )


def _confusion(measured: Sequence[Measured]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for m in measured:
        found.setdefault(m.row.expected or NOBODY, Counter())[m.outcome] += 1
    return {
        name: dict(sorted(found[name].items(), key=lambda pair: (-pair[1], pair[0])))
        for name in sorted(found, key=lambda name: (name == NOBODY, name))
    }


def _sum(routes: Sequence[Route]) -> float | None:
    costs = [route.usd for route in routes]
    known = [usd for usd in costs if usd is not None]
    return math.fsum(known) if len(known) == len(costs) else None
