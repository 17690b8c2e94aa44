"""The router as a user describes it, and what it decides."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pointsman.errors import Misconfigured
from pointsman.nodes.event import Abstention, Routed, Tier
from pointsman.nodes.routing.parts import Part
from pointsman.nodes.routing.rules import Rule
from pointsman.nodes.routing.threshold import Costs

NOBODY = "none"
"""The choice a model has for a message that is nobody's, where out-of-scope examples are given."""
ORDER: tuple[Tier, ...] = ("rules", "sticky", "classifier", "model")
"""The tiers that decide by themselves, from cheap to dear."""
Chances = tuple[tuple[str, float], ...]
"""Candidates and their probabilities, best first."""
_LISTED = 10


@dataclass(frozen=True, kw_only=True)
class Router:
    """How messages find their specialist: rules, the thread's specialist, a classifier fitted on
    the specialists' examples, a model, a person. Each decides or abstains."""

    rules: tuple[Rule, ...] = ()
    """First match wins."""
    sticky: bool = True
    """A message that goes on with its thread's topic goes to the specialist that answered last: the
    classifier says that it does, and else its being a short follow-up."""
    sticky_words: int = 8
    """The longest message, in words, that counts as a follow-up."""
    classifier: Literal["auto", "off"] | Path = "auto"
    """`auto`: fitted on the examples of the specialists, where each has enough and scikit-learn is
    installed, and kept in the team's home. A path: a file that was fitted before."""
    costs: Costs | None = None
    """What a wrong route costs against asking the next tier: when the classifier decides. A file
    has its own."""
    vectors: bool = False
    """The classifier also knows what words mean, by static word vectors (extra `vectors`): better
    with few examples, at about 0.4 ms more a message."""
    split: bool = False
    """A message with several requests is split where a specialist owns each part."""
    tier: str = "fast"
    prompt: str = "router/choose"
    reasons: bool = False
    """The model also says why. Costs it some words, and gives no probabilities."""
    out_of_scope: tuple[str, ...] = ()
    """Examples of messages that are nobody's. With them the model may choose nobody."""
    min_confidence: float = 0.0
    """Below this probability the model's choice counts as no route."""
    ask_person: bool = False
    """A message on which every tier abstains goes to a person, who names the specialist."""
    otherwise: str = ""
    """The specialist for messages without a route; empty: the run ends as `no_route`."""
    why: str = ""
    """Why its limits are as they are, for the team's design page."""

    def __post_init__(self) -> None:
        if self.vectors and self.classifier != "auto":
            raise Misconfigured(
                "A router's vectors= are for a classifier that is fitted on the team's examples.",
                hint='Leave it out, or say classifier="auto"; a file says itself what it needs.',
            )
        if self.costs is not None and self.classifier != "auto":
            raise Misconfigured(
                "A router's costs count for a classifier that is fitted on the team's examples.",
                hint='Leave out costs=, or say classifier="auto"; a file keeps its own costs.',
            )


@dataclass(frozen=True, slots=True)
class Route:
    """The decision: to whom (empty: nobody), by which tier, how sure, and why."""

    to: str
    """With `parts`: who gets the first of them."""
    tier: Tier
    confidence: float | None = None
    reason: str = ""
    ask: bool = False
    """Every tier abstained, and a person is to name the specialist."""
    probabilities: Chances = ()
    abstained: tuple[Abstention, ...] = ()
    """The tiers asked before, in order."""
    usd: float | None = 0.0
    """What asking a model for it cost; None where its price is unknown."""
    calls: int = 0
    """Model calls that it took."""
    parts: tuple[Part, ...] = ()
    """Two or more, where the message held several requests: each for another specialist."""

    @property
    def runner_up(self) -> str:
        """The best candidate that it was not; empty where nothing gives one."""
        best = self.to or (self.probabilities[0][0] if self.probabilities else "")
        return next((name for name, _ in self.probabilities if name != best), "")

    @property
    def settled(self) -> str:
        """The tier that decided, even if for nobody; empty where every tier abstained."""
        if self.parts or self.tier == "handoff":
            return self.tier
        passed = {one.tier for one in self.abstained}
        return next((tier for tier in ORDER if tier not in passed), "")

    def after(self, abstained: tuple[Abstention, ...]) -> "Route":
        """The same decision, made after these tiers abstained."""
        return replace(self, abstained=abstained)

    def as_event(self) -> Routed:
        """The decision as an event of the run."""
        return Routed(
            to=self.to,
            tier=self.tier,
            confidence=self.confidence,
            reason=self.reason,
            probabilities=self.probabilities[:_LISTED],
            runner_up=self.runner_up,
            abstained=self.abstained,
            usd=self.usd,
            calls=self.calls,
            parts=tuple(part.to for part in self.parts),
        )


@dataclass(frozen=True, slots=True)
class Undecided:
    """A tier abstains: why, and what it saw."""

    reason: str
    confidence: float | None = None
    """Of the best candidate."""
    probabilities: Chances = ()
    usd: float | None = 0.0
    calls: int = 0
