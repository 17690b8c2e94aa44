"""Scorer: what a sample is worth against its case, and the forms a score may have.

bool = pass or fail, number = a score, str = a label. None: the case leaves this open, and the
sample does not count for this scorer. `Unscored`: there should be a score and there is none; it
keeps its place in the denominator, with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Protocol, TypeAlias

from pointsman.evals.record import Sample
from pointsman.evals.suite import Case


@dataclass(frozen=True, slots=True)
class Unscored:
    """No score where one is due: a missing expectation, a scorer's error, a judge's bad answer."""

    reason: str


Outcome: TypeAlias = bool | float | str | Unscored | None


@dataclass(frozen=True, slots=True)
class Scores:
    """Several outcomes of one scorer. The empty name is the scorer's own; any other, such as
    `missed`, is stored as `<scorer>.missed`."""

    outcomes: Mapping[str, Outcome]
    notes: Mapping[str, str] = field(default_factory=dict[str, str])
    """Why, in words, by the same names: a judge's reasons."""
    usd: float | None = 0.0
    """What scoring cost, in US dollars; None where a price is unknown."""
    tokens: int = 0
    """Input and output tokens of the judges' calls."""


class Scorer(Protocol):
    """A named way to score samples. Implementations are frozen and do nothing when made but check
    their options."""

    @property
    def name(self) -> str:
        """Under which its scores are stored."""
        ...

    @property
    def version(self) -> str:
        """12 hex digits over all that decides its scores: two versions do not compare."""
        ...

    async def score(self, case: Case, sample: Sample) -> Outcome | Scores:
        """Score one sample that has no error. What it raises is stored as unscored."""
        ...


@dataclass(frozen=True, slots=True)
class Scored:
    """What one or more scorers said, as it is stored."""

    scores: dict[str, bool | float | str] = field(default_factory=dict[str, bool | float | str])
    unscored: dict[str, str] = field(default_factory=dict[str, str])
    notes: dict[str, str] = field(default_factory=dict[str, str])
    usd: float | None = 0.0
    tokens: int = 0


def named(scorer: str, given: Outcome | Scores) -> Scored:
    """The outcome of the scorer of that name, by the names under which it is stored. A number that
    is not finite, and what is no outcome at all, is unscored."""
    found = given if isinstance(given, Scores) else Scores({"": given})
    scored = Scored(usd=found.usd, tokens=found.tokens)
    for part, outcome in found.outcomes.items():
        name = _full(scorer, part)
        match outcome:
            case None:
                pass
            case Unscored(reason):
                scored.unscored[name] = reason
            case bool() | str():
                scored.scores[name] = outcome
            case int() | float() if isfinite(outcome):
                scored.scores[name] = float(outcome)
            case _:
                scored.unscored[name] = f"{outcome!r:.80} is no score"
    scored.notes.update({_full(scorer, part): note for part, note in found.notes.items() if note})
    return scored


def _full(scorer: str, part: str) -> str:
    return f"{scorer}.{part}" if part else scorer
