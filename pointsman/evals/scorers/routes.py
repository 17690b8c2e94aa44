"""Routes: whether the router chose the expected specialist, and which it took for which."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import Field

from pointsman.evals.record import Sample
from pointsman.evals.scorers.configured import NAMED, Configured
from pointsman.evals.scorers.scorer import Outcome
from pointsman.evals.suite import Case

FAILED = "(error)"
"""Stands for the route of a sample that ended in an error."""


class Route(Configured):
    """Whether the router's choice is the expected one; empty is nobody's."""

    name: str = Field(default="route", validation_alias=NAMED, min_length=1)

    async def score(self, case: Case, sample: Sample) -> Outcome:
        """See `Scorer.score`."""
        if case.expected.route is None:
            return self.without("route")
        return sample.route == case.expected.route


@dataclass(frozen=True)
class Confusion:
    """How often each expected route came to be which route. Routes are specialists' names; empty
    for nobody's, `(error)` for a sample without one."""

    counts: Mapping[tuple[str, str], int]
    """(expected, got) to how many samples."""

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> "Confusion":
        """Counted over the samples whose case expects a route; errors among them."""
        return cls(
            Counter(
                (sample.expected_route, FAILED if sample.error else sample.route)
                for sample in samples
                if sample.expected_route is not None
            )
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Every route that was expected or taken, sorted; rows and columns of the matrix."""
        return tuple(sorted({label for pair in self.counts for label in pair}))

    @property
    def total(self) -> int:
        """Samples."""
        return sum(self.counts.values())

    @property
    def accuracy(self) -> float:
        """The share that was routed as expected, 0 to 1; 0 of 0 is 0."""
        right = sum(n for (expected, got), n in self.counts.items() if expected == got)
        return right / self.total if self.total else 0.0

    def recall(self, route: str) -> float | None:
        """Of the samples that belong there, the share that went there; None where none does."""
        return self._share(route, 0)

    def precision(self, route: str) -> float | None:
        """Of the samples that went there, the share that belongs there; None where none went."""
        return self._share(route, 1)

    def _share(self, route: str, side: int) -> float | None:
        of = sum(n for pair, n in self.counts.items() if pair[side] == route)
        return self.counts.get((route, route), 0) / of if of else None
