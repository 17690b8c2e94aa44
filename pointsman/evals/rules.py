"""The `gate:` section of a suite: what must hold before something ships."""

import re
from typing import Literal, Self, cast

from pydantic import Field, JsonValue, ValidationError, field_validator, model_validator

from pointsman.errors import BadInput
from pointsman.nodes.message import Frozen

_SHARE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")


class Rule(Frozen):
    """A bound for one metric: `at_least`, `at_most`, `no_worse_by`, one of them or several.

    With `confidence` a bound is held against what is sure, not against the figure as it stands.
    """

    metric: str = Field(min_length=1)
    """A score's name, `SCORE=LABEL`, or one of `metrics.KNOWN`."""
    tag: str = ""
    """Only cases with this tag."""
    at_least: float | None = Field(default=None, allow_inf_nan=False)
    at_most: float | None = Field(default=None, allow_inf_nan=False)
    no_worse_by: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """How much worse than the baseline it may be."""
    relative: bool = False
    """`no_worse_by` is a share of the baseline's figure: written as `5%`."""
    confidence: float | None = Field(default=None, gt=0.5, lt=1)
    """One-sided: 0.95 is wrong once in twenty. None: the figure itself decides."""
    unsure: Literal["pass", "fail"] = "pass"
    """When the cases are too few to tell: `pass` stops only what is shown to break the bound,
    `fail` lets only pass what is shown to keep it."""

    @model_validator(mode="before")
    @classmethod
    def _percent(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        row = cast("dict[str, object]", given)
        said = row.get("no_worse_by")
        found = _SHARE.fullmatch(said) if isinstance(said, str) else None
        return {**row, "no_worse_by": float(found[1]) / 100, "relative": True} if found else row

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.at_least is None and self.at_most is None and self.no_worse_by is None:
            raise ValueError("none of at_least, at_most and no_worse_by is given")
        if self.unsure == "fail" and self.confidence is None:
            raise ValueError("unsure needs a confidence")
        return self


class Gate(Frozen):
    """All rules, and what a run must be to be judged at all."""

    rules: tuple[Rule, ...] = ()
    """None given: every score of pass and fail, and `completed`, is not shown to be worse."""
    confidence: float | None = Field(default=None, gt=0.5, lt=1)
    """Of rules that give none."""
    lower_is_better: tuple[str, ...] = ()
    """Scores of which less is better. Those that pointsman ships are known."""
    cases: Literal["same", "common"] = "same"
    """`common`: where the suite has changed, compare the cases that it still shares with the
    baseline."""
    partial: bool = False
    """Whether a run that stopped early may pass."""

    @field_validator("rules")
    @classmethod
    def _apart(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        seen: set[tuple[str, str]] = set()
        for rule in rules:
            if (rule.metric, rule.tag) in seen:
                raise ValueError(f"metric {rule.metric!r} has two rules; write them as one")
            seen.add((rule.metric, rule.tag))
        return rules

    @model_validator(mode="after")
    def _inherited(self) -> Self:
        if self.confidence is None:
            return self
        rules = tuple(
            rule
            if rule.confidence is not None
            else rule.model_copy(update={"confidence": self.confidence})
            for rule in self.rules
        )
        object.__setattr__(self, "rules", rules)
        return self

    @property
    def compares(self) -> bool:
        """Whether a baseline is needed."""
        return not self.rules or any(rule.no_worse_by is not None for rule in self.rules)


DEFAULT_CONFIDENCE = 0.95


def gate_of(section: JsonValue, suite: str) -> Gate:
    """The gate as the suite's file has it: an object, or the list of rules alone; None: the
    default. Raises BadInput naming the field."""
    given = {"rules": section} if isinstance(section, list) else (section or {})
    try:
        return Gate.model_validate(given)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in ("gate", *fault["loc"]))
        raise BadInput(
            f"The gate of suite {suite!r} is none: {where}: {fault['msg']}.",
            hint="A rule is {metric: NAME, at_least: 0.9}, or at_most, or no_worse_by: 0.02.",
        ) from error
