"""What a batch will come to, judged by the team's past runs."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from pointsman.teams.store.rows import RunRow, RunState

ENDED: tuple[RunState, ...] = ("done", "partial", "blocked", "no_route")
"""Runs to judge by. Failed and cancelled ones stopped early, for reasons a batch may not meet."""
LAST = 200
"""How many of the newest runs are judged by."""
FEWEST = 20
"""With fewer runs there is no interval: they say too little about how much runs differ."""
LEVEL = 0.9
"""How often a batch like the past runs falls into the interval."""

_DRAWS = 500
_FEW = 50


@dataclass(frozen=True, slots=True)
class Expected:
    """One figure: of a message, and of the batch."""

    median: float
    """Half of the messages stay at or below this."""
    p90: float
    """Nine of ten messages stay at or below this."""
    total: float
    """Of the batch: the mean of a message, times the messages."""
    low: float | None
    """The batch's total is at least this with (1 + LEVEL) / 2; None with fewer than FEWEST runs."""
    high: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a batch will come to, if its messages are like the past ones."""

    messages: int
    runs: int
    """Past runs it is judged by."""
    unpriced: int
    """Those of `runs` whose cost is unknown: `usd` is judged by the others."""
    usd: Expected | None
    """None where no past run's cost is known."""
    calls: Expected
    """Model calls."""
    seconds: Expected
    """Time at work; the wait for people is not in it."""


def forecast(runs: Sequence[RunRow], messages: int) -> Forecast | None:
    """What `messages` messages will come to, from past runs of the team. None without any.

    The interval is a studentised bootstrap (Efron and Tibshirani 1993, section 12.5) of the batch's
    total: it holds both the chance in the batch and how little the past may say. The same runs give
    the same interval.
    """
    results = [(row.result, row.seconds) for row in runs if row.state in ENDED]
    known = [(result, seconds) for result, seconds in results if result is not None]
    if not known or messages < 1:
        return None
    costs = [result.usd for result, _ in known if result.usd is not None]
    return Forecast(
        messages=messages,
        runs=len(known),
        unpriced=len(known) - len(costs),
        usd=expected(costs, messages) if costs else None,
        calls=expected([float(result.model_calls) for result, _ in known], messages),
        seconds=expected([seconds for _, seconds in known], messages),
    )


def expected(past: Sequence[float], messages: int) -> Expected:
    """One figure of `messages` messages, from what past messages came to (at least one)."""
    ordered = sorted(past)
    low, high = _interval(ordered, messages) if len(ordered) >= FEWEST else (None, None)
    return Expected(
        median=_quantile(ordered, 0.5),
        p90=_quantile(ordered, 0.9),
        total=math.fsum(ordered) / len(ordered) * messages,
        low=low,
        high=high,
    )


def _interval(past: Sequence[float], messages: int) -> tuple[float, float]:
    """Where the batch's total falls, by how far drawn batches fell from their drawn pasts, in
    standard errors of those: a plain percentile interval is too narrow where few runs are dear."""
    chance = random.Random(0)  # noqa: S311 (no secret)
    mean, spread = _moments(past)
    root = math.sqrt(messages + messages**2 / len(past))
    errors: list[float] = []
    for _ in range(_DRAWS):
        other_mean, other_spread = _moments(chance.choices(past, k=len(past)))
        if other_spread:
            total = _drawn(past, messages, chance)
            errors.append((total - messages * other_mean) / (other_spread * root))
    if not errors:
        return messages * mean, messages * mean
    errors.sort()
    low, high = (
        messages * mean + _quantile(errors, share) * spread * root
        for share in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    )
    return max(low, messages * min(past)), high


def _drawn(past: Sequence[float], messages: int, chance: random.Random) -> float:
    """A batch's total, had its messages been drawn from the past ones."""
    if messages <= _FEW:
        return math.fsum(chance.choices(past, k=messages))
    # Many messages: their sum is near enough to normal, and costs the same for any number.
    mean, spread = _moments(past)
    return messages * mean + math.sqrt(messages) * spread * chance.gauss()


def _moments(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation (of a sample of at least two)."""
    mean = math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    return mean, math.sqrt(squares / (len(values) - 1))


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
