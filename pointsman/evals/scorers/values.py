"""Scorers of values: a number within a tolerance, JSON of a schema."""

import json
import math
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Literal, cast

from pydantic import Field, JsonValue, field_validator

from pointsman.errors import BadInput, MissingExtra
from pointsman.evals.record import Sample
from pointsman.evals.scorers.configured import NAMED, Configured, output_text
from pointsman.evals.scorers.scorer import Outcome, Scores
from pointsman.evals.suite import Case
from pointsman.nodes.digest import JsonObject

_NUMBER = re.compile(
    r"(?<![\w.])(?<!\w-)[-+\u2212]?(?:\d{1,3}(?:[,'\u00a0\u202f]\d{3})+|\d+)(?:\.\d+)?"
    r"(?:[eE][-+]?\d+)?(?=[^\W\d_]{0,3}(?!\w))"
)
"""A number, with a short unit after it or none; `1042` of `INV-1042` is none."""
_GROUPING = str.maketrans("\u2212", "-", ",'\u00a0\u202f")


class Number(Configured):
    """Whether the output is the expected number, within `absolute` or within `relative` times the
    expected one, whichever allows more.

    In a text, `pick` says which number counts: the last one, the first, any, or the only one (then
    several are a fail). `1,234.5` is one number; a percent sign or a currency is not read.
    """

    name: str = Field(default="number", validation_alias=NAMED, min_length=1)
    absolute: float = Field(default=1e-9, ge=0, allow_inf_nan=False)
    relative: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    pick: Literal["last", "first", "any", "only"] = "last"

    async def score(self, case: Case, sample: Sample) -> Outcome:
        """See `Scorer.score`."""
        expected = _single(case.expected.output)
        if expected is None:
            return self.without("number as its output")
        allowed = max(self.absolute, self.relative * abs(expected))
        return any(abs(got - expected) <= allowed for got in self._picked(sample))

    def _picked(self, sample: Sample) -> list[float]:
        alone = _single(sample.output)
        if alone is not None:
            return [alone]
        found = list(numbers(output_text(sample)))
        match self.pick:
            case "last":
                return found[-1:]
            case "first":
                return found[:1]
            case "only":
                return found if len(found) == 1 else []
            case "any":
                return found


def numbers(text: str) -> Iterator[float]:
    """The numbers that a text holds, in order; none that overflows."""
    for match in _NUMBER.finditer(text):
        value = float(match.group().translate(_GROUPING))
        if math.isfinite(value):
            yield value


def _single(value: JsonValue) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        found = _NUMBER.fullmatch(value.strip())
        return None if found is None else next(numbers(value), None)
    return None


class JsonSchema(Configured):
    """Whether the output is JSON of this schema (2020-12, or what `$schema` names). A text is read
    as JSON, a fence around it ignored. References outside the schema are not followed.

    Raises BadInput for a schema that is none.
    """

    name: str = Field(default="json_schema", validation_alias=NAMED, min_length=1)
    json_schema: JsonObject = Field(alias="schema")

    @field_validator("json_schema")
    @classmethod
    def _is_schema(cls, given: JsonObject) -> JsonObject:
        jsonschema = _jsonschema()
        try:
            jsonschema.validators.validator_for(
                given, default=jsonschema.Draft202012Validator
            ).check_schema(given)
        except jsonschema.SchemaError as error:
            raise BadInput(f"The schema is none: {error.message}.") from error
        return given

    async def score(self, case: Case, sample: Sample) -> Outcome | Scores:
        """See `Scorer.score`."""
        try:
            value = _as_json(sample.output)
        except ValueError:
            return Scores({"": False}, {"": "the output is no JSON"})
        jsonschema = _jsonschema()
        kind = jsonschema.validators.validator_for(
            self.json_schema, default=jsonschema.Draft202012Validator
        )
        # An empty registry: a reference to somewhere else is an error, never a download.
        registry = import_module("referencing").Registry()
        fault = jsonschema.exceptions.best_match(
            kind(self.json_schema, registry=registry).iter_errors(value)
        )
        if fault is None:
            return True
        where = ".".join(str(part) for part in fault.absolute_path) or "the whole"
        return Scores({"": False}, {"": f"{where}: {fault.message:.200}"})


def _as_json(value: JsonValue) -> JsonValue:
    if not isinstance(value, str):
        return value
    body = value.strip()
    if body.startswith("```") and body.endswith("```"):
        body = body.removesuffix("```").partition("\n")[2]
    return cast("JsonValue", json.loads(body, parse_constant=_no_number))


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _jsonschema() -> Any:
    # jsonschema has no type stubs.
    try:
        import_module("jsonschema.validators")
        return import_module("jsonschema")
    except ImportError as error:
        raise MissingExtra(
            "The scorer json_schema needs the package jsonschema, which is not installed.",
            hint="Run: pip install jsonschema",
        ) from error
