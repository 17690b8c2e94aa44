"""Counts of labelled rows: how many of each source were flagged, and by whom."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pointsman.evals.guards.figures import Flagged, Rate, Smuggled
from pointsman.evals.guards.kinds import reads_data
from pointsman.evals.guards.smuggling import VARIANTS
from pointsman.guardrails.check import Check, Place


@dataclass
class LabelTally:
    """Counts only. A row is flagged by a check of intent; what checks of data find is apart.

    The filter as a whole flags a row, as standing in a place, when any check of intent that reads
    the place finds something in it.
    """

    checks: Sequence[Check]
    places: Sequence[Place]
    _totals: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    _hits: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    _plain: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    _smuggled: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])
    _tried: Counter[str] = field(default_factory=Counter[str])

    def __post_init__(self) -> None:
        self._intent = [check for check in self.checks if not reads_data(check)]
        self._data = [check for check in self.checks if reads_data(check)]

    def add(self, label: str, source: str, finders: set[str]) -> None:
        """Count a row; `finders` are the names of the checks that found something in it."""
        self._totals[label, source] += 1
        self._hits.update((label, source, judge) for judge in finders | self._whole(finders))

    def add_smuggled(self, source: str, plain: set[str], smuggled: Mapping[str, set[str]]) -> None:
        """Count an attack row that was looked at under each way of smuggling."""
        self._tried[source] += 1
        self._plain.update((source, judge) for judge in plain | self._whole(plain))
        for variant, finders in smuggled.items():
            judges = finders | self._whole(finders)
            self._smuggled.update((source, judge, variant) for judge in judges)

    def flagged(self) -> Iterator[Flagged]:
        """Every source's figures, attacks first."""
        for label, source in sorted(self._totals):
            rows = self._totals[label, source]

            def rate(judge: str, key: tuple[str, str] = (label, source), of: int = rows) -> Rate:
                return Rate.of(self._hits[(*key, judge)], of)

            yield Flagged(
                source=source,
                label=label,
                rows=rows,
                filter={place: rate(_as(place)) for place in self.places},
                checks={check.name: rate(check.name) for check in self._intent},
                data={check.name: rate(check.name) for check in self._data},
            )

    def smuggled(self) -> Iterator[Smuggled]:
        """Recall under each way of smuggling, of every check of intent and of the whole."""
        judges = [*(_as(place) for place in self.places), *(c.name for c in self._intent)]
        for source in sorted(self._tried):
            for judge in judges:
                for variant in VARIANTS:
                    yield Smuggled(
                        source=source,
                        judge=judge,
                        variant=variant,
                        total=self._tried[source],
                        plain=self._plain[source, judge],
                        smuggled=self._smuggled[source, judge, variant],
                    )

    def _whole(self, finders: set[str]) -> set[str]:
        return {
            _as(place)
            for place in self.places
            if any(check.name in finders and place in check.places for check in self._intent)
        }


def _as(place: Place) -> str:
    return f"filter, as {place}"
