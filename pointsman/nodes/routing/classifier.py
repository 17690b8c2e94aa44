"""The third tier: a classifier fitted on the specialists' examples decides, or abstains."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from pointsman.nodes.routing.router import Chances, Route, Undecided
from pointsman.nodes.routing.threshold import Abstained, Classified

_LONG = 400
"""Characters from which on a text is classified off the event loop."""


class Classifier(Protocol):
    """What the router asks of a fitted classifier."""

    def classify(self, text: str) -> Classified:
        """The labels' probabilities for a text."""
        ...

    def decide(self, text: str) -> str | Abstained:
        """The label to send a text to, or why there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Unfitted:
    """There is no classifier: why."""

    reason: str


GetClassifier = Callable[[], Awaitable[Classifier | Unfitted]]
"""Gives the team's classifier; fits or loads it at the first call."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the classifier made of a text: to whom (empty: see `doubt`), and what it saw."""

    to: str
    seen: Classified
    doubt: Abstained | None = None

    @property
    def chances(self) -> Chances:
        """The labels' probabilities, best first."""
        return self.seen.probabilities


async def verdict_on(text: str, classifier: Classifier) -> Verdict:
    """The classifier's verdict on a text. A long one is read in a thread."""
    if len(text) < _LONG:
        return _verdict(text, classifier)
    return await asyncio.to_thread(_verdict, text, classifier)


def _verdict(text: str, classifier: Classifier) -> Verdict:
    found = classifier.decide(text)
    if isinstance(found, Abstained):
        return Verdict("", found.seen, found)
    return Verdict(found, classifier.classify(text))


def by_classifier(verdict: Verdict, *, refuses: bool) -> Route | Undecided:
    """The classifier's route. `refuses`: out-of-scope examples were given, so that it may find a
    message to be nobody's; without them that is no more than doubt."""
    seen = verdict.seen
    if verdict.doubt is None:
        reason = "its examples are like this"
        return Route(
            verdict.to, "classifier", seen.probability, reason, probabilities=verdict.chances
        )
    if verdict.doubt.because == "out of scope" and refuses:
        reason = f"the classifier found it to be {verdict.doubt.reason}"
        return Route("", "none", seen.out_of_scope, reason, probabilities=verdict.chances)
    return Undecided(verdict.doubt.reason, seen.probability, verdict.chances)
