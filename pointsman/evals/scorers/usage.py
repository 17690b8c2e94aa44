"""Scorers of what a sample used: money, tokens, time, calls."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, cast

from pydantic import Field, model_validator

from pointsman.evals.record import Sample
from pointsman.evals.scorers.configured import NAMED, Configured
from pointsman.evals.scorers.scorer import Outcome, Scores, Unscored
from pointsman.evals.suite import Case

Measure = Literal["cost", "tokens", "latency", "model_calls", "cache_hits"]

MEASURES: Mapping[Measure, Callable[[Sample], float | None]] = MappingProxyType(
    {
        "cost": lambda sample: sample.usd,
        "tokens": lambda sample: float(sample.tokens),
        "latency": lambda sample: sample.seconds,
        "model_calls": lambda sample: float(sample.model_calls),
        "cache_hits": lambda sample: float(sample.cache_hits),
    }
)
"""US dollars, tokens (input and output), seconds, calls, calls."""


class Usage(Configured):
    """One figure of the sample as a number; with `at_most` also whether it stays within that. A
    cost of which a part is unknown is unscored, not zero."""

    measure: Measure
    name: str = Field(validation_alias=NAMED, min_length=1)
    """Default: the measure."""
    at_most: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return cast("object", given)
        row = cast("dict[str, Any]", given)
        return row if "as" in row or "name" in row else {**row, "as": row.get("measure")}

    async def score(self, case: Case, sample: Sample) -> Outcome | Scores:
        """See `Scorer.score`."""
        value = MEASURES[self.measure](sample)
        if value is None:
            unknown = Unscored("the price of a call is not known")
            return unknown if self.at_most is None else Scores({"": unknown, "ok": unknown})
        if self.at_most is None:
            return value
        return Scores({"": value, "ok": value <= self.at_most})
