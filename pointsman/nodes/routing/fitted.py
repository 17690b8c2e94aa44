"""The fitted classifier: plain arrays in a JSON file, served by Python alone."""

import math
from collections.abc import Mapping, Sequence
from operator import mul
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pointsman.errors import Misconfigured
from pointsman.nodes.digest import digest
from pointsman.nodes.routing.features import grams, weighed
from pointsman.nodes.routing.threshold import Abstained, Classified, Costs, decide
from pointsman.nodes.routing.vectors import WIDTH, word_vectors

Number = Annotated[float, Field(allow_inf_nan=False)]
Schema = Literal["pointsman.classifier@1"]
SCHEMA: Schema = "pointsman.classifier@1"

FEWEST = 5
"""Different examples below which a label's probability is not trusted."""
MASS = 3.0
"""How steeply a label's score counts in `Outside.mass`."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class PricedCosts(_Part):
    """`Costs`, as the file has them."""

    wrong: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    ask: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    refused: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    out_of_scope: Annotated[float, Field(ge=0, lt=1)]


class Outside(_Part):
    """A logistic model of "nobody's", from what the labels' scores look like."""

    bias: Number
    best: Number
    """Weight of the best label's score."""
    gap: Number
    """Of the best score less the second."""
    mass: Number
    """Of ln(sum of exp(MASS * score))."""
    nobody: Number
    """Of the score that the out-of-scope examples have; 0 without such examples."""


class Arrays(_Part):
    """The file. L labels, F features, K = L scores, and one more with out-of-scope examples."""

    schema_name: Schema = Field(SCHEMA, alias="schema")
    digest: str
    """Of the examples and settings it was fitted on: see `digest_of`."""
    costs: PricedCosts
    labels: Annotated[tuple[str, ...], Field(min_length=1)]
    counts: tuple[int, ...]
    """Different examples of each label."""
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """What the labels' scores are divided by before their softmax."""
    outside: Outside | None
    bias: tuple[Number, ...]
    """K numbers."""
    vectors: str
    """SHA-256 of the table of word vectors; empty without."""
    vector_weights: tuple[tuple[Number, ...], ...]
    """K rows of WIDTH numbers; none without word vectors."""
    features: tuple[str, ...]
    idf: tuple[Number, ...]
    weights: tuple[tuple[Number, ...], ...]
    """F rows of K numbers."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        width, size = len(self.labels), len(self.bias)
        if size not in {width, width + 1}:
            raise ValueError(f"{width} labels do not go with {size} scores")
        if len(self.counts) != width or len(set(self.labels)) != width:
            raise ValueError("each label needs one name and one count")
        if not len(self.features) == len(self.idf) == len(self.weights):
            raise ValueError("each feature needs one idf and one row of weights")
        if any(len(row) != size for row in self.weights):
            raise ValueError(f"each feature needs {size} weights")
        rows = [len(row) for row in self.vector_weights]
        if rows != ([WIDTH] * size if self.vectors else []):
            raise ValueError("the weights of the word vectors have the wrong shape")
        return self


class FittedClassifier:
    """A classifier that was fitted. Made by `fit` or `load`; takes no lock and may be shared."""

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays
        self.digest = arrays.digest
        self.labels = arrays.labels
        self.costs = Costs(**arrays.costs.model_dump())
        self._idf = dict(zip(arrays.features, arrays.idf, strict=True))
        self._weights = dict(zip(arrays.features, arrays.weights, strict=True))
        self._known = {
            label for label, n in zip(arrays.labels, arrays.counts, strict=True) if n >= FEWEST
        }
        if arrays.vectors and word_vectors().digest != arrays.vectors:
            raise Misconfigured(
                "The classifier was fitted with other word vectors than are installed.",
                hint="Fit it again.",
            )

    def scores(self, text: str) -> list[float]:
        """K numbers: each label's signed distance from its border, then nobody's."""
        arrays, found = self._arrays, weighed(grams(text), self._idf)
        scores = list(arrays.bias)
        if found:
            values = tuple(found.values())
            columns = zip(*[self._weights[name] for name in found], strict=True)
            scores = [
                n + sum(map(mul, values, own)) for n, own in zip(scores, columns, strict=True)
            ]
        if arrays.vectors:
            place = word_vectors().embed(text)
            rows = zip(scores, arrays.vector_weights, strict=True)
            scores = [score + sum(map(mul, place, row)) for score, row in rows]
        return scores

    def classify(self, text: str) -> Classified:
        """The labels' probabilities for a text, of any length and content."""
        scores, width = self.scores(text), len(self.labels)
        nobodys = outside(self._arrays.outside, scores, width)
        shares = softmax([score / self._arrays.temperature for score in scores[:width]])
        ranked = sorted(
            zip(self.labels, [(1 - nobodys) * share for share in shares], strict=True),
            key=lambda pair: (-pair[1], pair[0]),
        )
        second = ranked[1] if width > 1 else ("", 0.0)
        return Classified(*ranked[0], *second, nobodys, tuple(ranked))

    def decide(self, text: str) -> str | Abstained:
        """The label to send a text to, or why there is none."""
        seen = self.classify(text)
        return decide(seen, self.costs, known=seen.label in self._known)

    def save(self, path: Path) -> None:
        """Write the file, in one step. The same classifier gives the same bytes. Raises OSError."""
        temporary = path.with_name(f"{path.name}.new")
        temporary.write_text(self._arrays.model_dump_json(by_alias=True) + "\n", "utf-8")
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file. Raises Misconfigured for one that is missing, damaged or foreign, and
        MissingExtra where it needs word vectors that are not installed."""
        try:
            arrays = Arrays.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise Misconfigured(
                f"{path} is no fitted classifier ({SCHEMA}): {_first(error)}.",
                hint="Fit it again, or name the right file.",
            ) from error
        return cls(arrays)


def _first(error: OSError | ValidationError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    fault = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, fault["loc"]))
    return f"{place}: {fault['msg']}" if place else fault["msg"]


def traits(scores: Sequence[float], width: int) -> tuple[float, float, float, float]:
    """What `Outside` weighs: best, gap, mass, nobody. `width` is the number of labels."""
    ranked = sorted(scores[:width], reverse=True)
    gap = ranked[0] - ranked[1] if width > 1 else 0.0
    total = math.fsum(math.exp(MASS * (score - ranked[0])) for score in ranked)
    nobody = scores[width] if len(scores) > width else 0.0
    return ranked[0], gap, MASS * ranked[0] + math.log(total), nobody


def outside(model: Outside | None, scores: Sequence[float], width: int) -> float:
    """The probability that the text is nobody's; 0 without a model of that."""
    if model is None:
        return 0.0
    weights = (model.best, model.gap, model.mass, model.nobody)
    return softmax([model.bias + sum(map(mul, weights, traits(scores, width))), 0.0])[0]


def softmax(scores: Sequence[float]) -> list[float]:
    """Probabilities in proportion to the exponentials of the scores."""
    top = max(scores)
    powers = [math.exp(score - top) for score in scores]
    total = math.fsum(powers)
    return [power / total for power in powers]


def digest_of(
    examples: Mapping[str, Sequence[str]],
    out_of_scope: Sequence[str] = (),
    *,
    costs: Costs,
    seed: int = 0,
    vectors: bool = False,
) -> str:
    """What a classifier fitted on these would have as its digest; one with another is out of date.
    Neither the order of labels or examples counts, nor that an example is given twice."""
    return digest(
        SCHEMA,
        {label: [*sorted(set(texts))] for label, texts in examples.items()},
        [*sorted(set(out_of_scope))],
        [float(costs.wrong), float(costs.ask), float(costs.refused), float(costs.out_of_scope)],
        seed,
        vectors,
    )
