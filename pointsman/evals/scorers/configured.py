"""Scorers whose options are their fields, checked when they are made."""

from typing import ClassVar

from pydantic import AliasChoices, ConfigDict, Field, JsonValue

from pointsman.evals.record import Sample
from pointsman.evals.scorers.scorer import Unscored
from pointsman.nodes.digest import canonical, digest
from pointsman.nodes.message import Frozen

NAMED = AliasChoices("as", "name")
"""What a scorer's name is called in a suite's file; and in code, where `as` is a keyword."""


class Configured(Frozen):
    """A scorer made of options, as a suite's file gives them. `as` renames it.

    Where the case does not hold what a scorer compares with, the sample is unscored, and counts as
    not passed; with `optional` it is left out instead.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    REVISION: ClassVar[int] = 1
    """Counted up where the same options come to give other scores."""

    name: str = Field(default="", validation_alias=NAMED, min_length=1)
    optional: bool = False

    @property
    def version(self) -> str:
        """See `Scorer.version`."""
        options = self.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)
        return digest(type(self).__name__, self.REVISION, options)[:12]

    def without(self, what: str) -> Unscored | None:
        """What comes of a case that does not say `what`."""
        return None if self.optional else Unscored(f"the case gives no {what}")


def output_text(sample: Sample) -> str:
    """What the target gave, as a text: as it is, a team's answer where it gave data, else JSON."""
    if isinstance(sample.output, str):
        return sample.output
    if sample.result is not None and sample.result.answer:
        return sample.result.answer
    return "" if sample.output is None else as_text(sample.output)


def as_text(value: JsonValue) -> str:
    """A text as it is, anything else as canonical JSON."""
    return value if isinstance(value, str) else canonical(value).decode("utf-8", "replace")
