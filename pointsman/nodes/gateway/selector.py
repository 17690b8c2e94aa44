"""A fitted selector: which requests are worth the strong model. Plain arrays, served without NumPy.

`pointsman calibrate` fits one on recorded answers (see `evals/calibration`) and writes it as JSON.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from pointsman.errors import Misconfigured
from pointsman.nodes.gateway.traits import (
    answer_traits,
    character_grams,
    prompt_traits,
    word_grams,
)

SCHEMA = "pointsman.selector@1"
CLIP = 4.0
"""Standardised traits count no more than this many standard deviations."""
Kind = Literal["route", "cascade"]


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TraitsPart(_Plain):
    """A linear score over standardised traits."""

    part: Literal["traits"] = "traits"
    logistic: bool
    mean: tuple[FiniteFloat, ...]
    scale: tuple[FiniteFloat, ...]
    weights: tuple[FiniteFloat, ...]
    bias: FiniteFloat

    def score(self, traits: list[float]) -> float:
        """Of one text's traits."""
        total = self.bias
        for value, mean, scale, weight in zip(
            traits, self.mean, self.scale, self.weights, strict=True
        ):
            total += weight * max(-CLIP, min(CLIP, (value - mean) / scale))
        return _sigmoid(total) if self.logistic else total


class GramsPart(_Plain):
    """A linear score over TF-IDF of hashed grams, length 1."""

    part: Literal["words", "characters"]
    logistic: bool
    idf: Mapping[int, FiniteFloat]
    """Of the buckets that count; others are not seen."""
    weights: Mapping[int, FiniteFloat]
    bias: FiniteFloat

    def score(self, grams: Mapping[int, float]) -> float:
        """Of one text's grams."""
        seen = {b: count * self.idf[b] for b, count in grams.items() if b in self.idf}
        length = math.sqrt(sum(value * value for value in seen.values())) or 1.0
        total = sum(value * self.weights.get(b, 0.0) for b, value in seen.items())
        total = self.bias + total / length
        return _sigmoid(total) if self.logistic else total


class GroupPart(_Plain):
    """The mean gain of a request's group, drawn towards the mean of all."""

    part: Literal["group"] = "group"
    gains: Mapping[str, FiniteFloat]
    otherwise: FiniteFloat

    def score(self, group: str) -> float:
        """Of one group."""
        return self.gains.get(group, self.otherwise)


Part = TraitsPart | GramsPart | GroupPart


class Figures(_Plain):
    """What the selector reached on folds that it was not fitted on."""

    rows: int
    target: float
    quality: float
    """Share of the strong model's quality."""
    low: float
    """Lower end of the 95 % interval of `quality`."""
    high: float
    cost: float
    """Share of the cost of asking the strong model always."""
    strong_calls: float
    """Share of requests that go to the strong model."""
    random_cost: float
    """Cost share of the random mix that reaches the same quality."""


class Selector(_Plain):
    """Says how much the strong model is expected to gain on a request, per cost, and from where on
    it is asked."""

    schema_version: Literal["pointsman.selector@1"] = SCHEMA
    kind: Kind
    """`route`: decides by the prompt, before any call. `cascade`: reads the weak answer too."""
    parts: tuple[Part, ...] = Field(min_length=1)
    mix: tuple[FiniteFloat, ...]
    """Weight of each part."""
    centre: tuple[FiniteFloat, ...]
    """Mean of each part's score."""
    base: FiniteFloat
    """Mean gain."""
    usd_each: FiniteFloat
    """Extra cost of the strong model: this much, and `usd_character` for each of the prompt's."""
    usd_character: FiniteFloat
    usd_least: FiniteFloat
    damping: FiniteFloat
    """Added to the extra cost, in US dollars, before the gain is divided by it."""
    threshold: FiniteFloat
    fitted_on: str = ""
    """Digest of the recorded rows."""
    figures: Figures | None = None

    def gain(self, prompt: str, answer: str = "", *, group: str = "") -> float:
        """How much better the strong model's answer is expected to be, -1 to 1."""
        total = self.base
        for part, weight, centre in zip(self.parts, self.mix, self.centre, strict=True):
            if weight:
                total += weight * (self._score(part, prompt, answer, group) - centre)
        return total

    def priority(self, prompt: str, answer: str = "", *, group: str = "") -> float:
        """The gain for each dollar of extra cost."""
        extra = max(self.usd_each + self.usd_character * len(prompt), self.usd_least)
        return self.gain(prompt, answer, group=group) / (extra + self.damping)

    def asks_strong(self, prompt: str, answer: str = "", *, group: str = "") -> bool:
        """Whether the request is worth the strong model."""
        return self.priority(prompt, answer, group=group) >= self.threshold

    def _score(self, part: Part, prompt: str, answer: str, group: str) -> float:
        cascade = self.kind == "cascade"
        match part:
            case TraitsPart():
                traits = answer_traits(prompt, answer) if cascade else prompt_traits(prompt)
                return part.score(traits)
            case GramsPart(part="words"):
                return part.score(word_grams(prompt))
            case GramsPart():
                return part.score(character_grams(answer))
            case GroupPart():
                return part.score(group)

    @classmethod
    def load(cls, path: Path) -> "Selector":
        """Read one that `pointsman calibrate` wrote. Raises Misconfigured."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise Misconfigured(
                f"{path} is no selector that this pointsman can read ({type(error).__name__}).",
                hint="Write it anew with `pointsman calibrate ROWS --out FILE`.",
            ) from None


def _sigmoid(value: float) -> float:
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    grown = math.exp(value)
    return grown / (1 + grown)
