"""Scorers that compare the output, as text or as JSON, with the case's expected output."""

from pydantic import Field, JsonValue, field_validator

from pointsman.evals.matching import matches
from pointsman.evals.record import Sample
from pointsman.evals.scorers.configured import NAMED, Configured, as_text, output_text
from pointsman.evals.scorers.patterns import checked, found
from pointsman.evals.scorers.scorer import Outcome, Scores
from pointsman.evals.scorers.similarity import METHODS, Method
from pointsman.evals.suite import Case
from pointsman.nodes.resolve import normalised


class Exact(Configured):
    """Whether the output is the expected one: a text character for character, JSON value for
    value."""

    name: str = Field(default="exact", validation_alias=NAMED, min_length=1)

    async def score(self, case: Case, sample: Sample) -> Outcome:
        """See `Scorer.score`."""
        expected = case.expected.output
        if expected is None:
            return self.without("output")
        if isinstance(expected, str):
            return output_text(sample) == expected
        return same(expected, sample.output)


class Normalised(Configured):
    """Whether the output is the expected one but for case, blanks, compatibility forms of
    characters and punctuation at the ends (`nodes.resolve.normalised`)."""

    name: str = Field(default="normalised", validation_alias=NAMED, min_length=1)

    async def score(self, case: Case, sample: Sample) -> Outcome:
        """See `Scorer.score`."""
        if case.expected.output is None:
            return self.without("output")
        return normalised(output_text(sample)) == normalised(as_text(case.expected.output))


class Fields(Configured):
    """Whether the output's fields are as expected: equal, or as a matcher says (see `matching`);
    fields that the case does not name may be anything."""

    name: str = Field(default="fields", validation_alias=NAMED, min_length=1)

    async def score(self, case: Case, sample: Sample) -> Outcome:
        """See `Scorer.score`."""
        if case.expected.output is None:
            return self.without("output")
        return matches(case.expected.output, sample.output)


class Regex(Configured):
    """Whether a pattern (RE2) is found in the output; `whole`: is all of it. Without `pattern` it
    is the case's expected output. `absent` turns it round: pass where it is not found.

    Raises BadInput for a pattern that RE2 does not take.
    """

    name: str = Field(default="regex", validation_alias=NAMED, min_length=1)
    pattern: str | None = Field(default=None, min_length=1)
    whole: bool = False
    absent: bool = False

    @field_validator("pattern")
    @classmethod
    def _taken(cls, given: str | None) -> str | None:
        return None if given is None else checked(given)

    async def score(self, case: Case, sample: Sample) -> Outcome:
        """See `Scorer.score`."""
        expected = case.expected.output
        pattern = self.pattern or (expected if isinstance(expected, str) else None)
        if pattern is None:
            return self.without("pattern")
        return found(pattern, output_text(sample), whole=self.whole) is not self.absent


class Similarity(Configured):
    """How alike the output and the expected one are, 0 to 1: `token_f1` (shared words) or
    `difflib` (shared runs of characters). With `at_least` also whether it reaches that."""

    name: str = Field(default="similarity", validation_alias=NAMED, min_length=1)
    method: Method = "token_f1"
    at_least: float | None = Field(default=None, ge=0, le=1)

    async def score(self, case: Case, sample: Sample) -> Outcome | Scores:
        """See `Scorer.score`."""
        if case.expected.output is None:
            return self.without("output")
        value = METHODS[self.method](output_text(sample), as_text(case.expected.output))
        if self.at_least is None:
            return value
        return Scores({"": value, "ok": value >= self.at_least})


def same(one: JsonValue, other: JsonValue) -> bool:
    """Whether two JSON values are equal. 1 and 1.0 are; 1 and true are not."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other
