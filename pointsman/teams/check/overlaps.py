"""How often the specialists' examples are taken for each other's, by the router's classifier.

Cross-validated: each example is judged by a classifier that was fitted without it. Takes about a
second for each hundred examples, so the build of a team does not do it.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from pointsman.nodes.routing.fit import fit
from pointsman.teams.check.finding import Finding, found
from pointsman.teams.spec import ROUTE, TeamSpec

FEWEST = 5
"""Different examples without which a specialist is left out: its share would say little."""
FOLDS = 5
SHARE = 0.2
"""Two specialists overlap where surely more than this share of their examples is taken for the
other's."""
SURE = 1.2816
"""How sure, in standard deviations: nine times in ten. Two odd examples of five are no overlap."""


@dataclass(frozen=True, slots=True)
class Overlaps:
    """The confusion matrix: row the specialist whose examples they are, column who got them."""

    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    left_out: tuple[str, ...] = ()
    """Specialists with fewer than FEWEST different examples."""

    def share(self, one: str, other: str) -> float:
        """Of the examples of both, the part that went to the wrong one of the two."""
        a, b = self.names.index(one), self.names.index(other)
        return self.between(one, other) / (sum(self.counts[a]) + sum(self.counts[b]))

    def between(self, one: str, other: str) -> int:
        """How many examples of either went to the other."""
        a, b = self.names.index(one), self.names.index(other)
        return self.counts[a][b] + self.counts[b][a]

    def least(self, one: str, other: str) -> float:
        """What the share surely is at least, by how many examples there are: the lower end of
        Wilson's interval (1927)."""
        a, b = self.names.index(one), self.names.index(other)
        n, p = sum(self.counts[a]) + sum(self.counts[b]), self.share(one, other)
        spread = SURE * math.sqrt(p * (1 - p) / n + SURE**2 / (4 * n * n))
        return (p + SURE**2 / (2 * n) - spread) / (1 + SURE**2 / n)

    @property
    def accuracy(self) -> float:
        """The part of all examples that went to their own specialist."""
        right = sum(row[n] for n, row in enumerate(self.counts))
        return right / sum(sum(row) for row in self.counts)


def overlaps(spec: TeamSpec) -> Overlaps | None:
    """The matrix of those whom the router may choose; None where fewer than two have FEWEST
    examples. The same team gives the same matrix.

    Raises MissingExtra without scikit-learn.
    """
    routed = spec.transitions.get(ROUTE, ())
    given = {s.name: tuple(dict.fromkeys(s.examples)) for s in spec.specialists if s.name in routed}
    shown = {name: texts for name, texts in given.items() if len(texts) >= FEWEST}
    if len(shown) < 2:
        return None
    names = tuple(shown)
    place = {name: n for n, name in enumerate(names)}
    counts = [[0] * len(names) for _ in names]
    for fold in range(FOLDS):
        kept = {name: _without(texts, fold) for name, texts in shown.items()}
        fitted = fit(kept)
        for name, texts in shown.items():
            for text in texts[fold::FOLDS]:
                counts[place[name]][place[fitted.classify(text).label]] += 1
    left_out = tuple(name for name in given if name not in shown)
    return Overlaps(names, tuple(map(tuple, counts)), left_out)


def _without(texts: Sequence[str], fold: int) -> tuple[str, ...]:
    return tuple(text for n, text in enumerate(texts) if n % FOLDS != fold)


def overlapping(spec: TeamSpec, measured: Overlaps) -> Iterator[Finding]:
    """The pairs whose examples are too often taken for each other's, worst first."""
    handles: Mapping[str, str] = {s.name: s.handles for s in spec.specialists}
    pairs = sorted(combinations(measured.names, 2), key=lambda p: -measured.share(*p))
    for one, other in pairs:
        taken, share = measured.between(one, other), measured.share(one, other)
        if measured.least(one, other) > SHARE:
            yield found(
                "overlap",
                f"{one} and {other}",
                f"{taken} of their examples ({share:.0%}) are taken for the other's, by a"
                " classifier that did not see them.",
                f"Set {handles[one]!r} and {handles[other]!r} apart: move or add examples, or"
                " make them one specialist.",
            )
