"""Effects: whether what the run wrote is what it should have written."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

from pydantic import BaseModel, Field, JsonValue, TypeAdapter

from pointsman.evals.matching import fits, matches
from pointsman.evals.record import EffectSeen, Sample
from pointsman.evals.scorers.alignment import Mode, agree
from pointsman.evals.scorers.called import source_digest
from pointsman.evals.scorers.configured import NAMED, Configured
from pointsman.evals.scorers.scorer import Outcome, Scores, Unscored
from pointsman.evals.suite import Case, ExpectedCall

_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


class Effects(Configured):
    """Whether the effect ledger holds the expected writes as done, and no others (`superset`: and
    perhaps others). Arguments are compared as the case names them; see `matching`.

    Writes that failed or were undone do not count. One whose end is not known is a fail.
    """

    name: str = Field(default="effects", validation_alias=NAMED, min_length=1)
    mode: Mode = "unordered"

    async def score(self, case: Case, sample: Sample) -> Outcome | Scores:
        """See `Scorer.score`."""
        expected = case.expected.effects
        if expected is None:
            return self.without("effects")
        open_ends = [effect.tool for effect in sample.effects if effect.state == "intended"]
        if open_ends:
            said = f"what became of {', '.join(open_ends)} is not known"
            return Scores({"": False}, {"": said})
        got = [effect for effect in sample.effects if effect.state == "done"]
        if agree(self.mode, expected, got, _fits):
            return True
        wanted = ", ".join(call.tool for call in expected) or "no write"
        done = ", ".join(f"{e.tool}({str(e.args)[:200]})" for e in got) or "no write"
        return Scores({"": False}, {"": f"expected {wanted}; done: {done}"})


def _fits(call: ExpectedCall, effect: EffectSeen) -> bool:
    return fits(call.tool, call.args, effect.tool, effect.args)


StateFunction = Callable[[Case, Sample], object]
"""Gives what there is in the database, as JSON or a pydantic model; or an awaitable of it."""


@dataclass(frozen=True)
class State:
    """Whether the state that `read` gives is as the case's `metadata.state` says, field by field
    (see `matching`). It is read when the sample is scored: scoring a record later reads what is
    there by then."""

    read: StateFunction
    name: str = "state"
    optional: bool = False
    how: Literal["match", "exact"] = "match"

    @property
    def version(self) -> str:
        """See `Scorer.version`."""
        return source_digest(self.read, self.how, self.optional)

    async def score(self, case: Case, sample: Sample) -> Outcome | Scores:
        """See `Scorer.score`."""
        if "state" not in case.metadata:
            return None if self.optional else Unscored("the case gives no metadata.state")
        given = self.read(case, sample)
        found: object = await given if inspect.isawaitable(given) else given
        plain = found.model_dump(mode="json") if isinstance(found, BaseModel) else found
        state = _JSON.validate_python(cast("object", plain))
        wanted = case.metadata["state"]
        if matches({"$exact": wanted} if self.how == "exact" else wanted, state):
            return True
        return Scores({"": False}, {"": f"expected {str(wanted)[:200]}; found {str(state)[:400]}"})
