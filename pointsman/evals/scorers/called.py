"""Any function as a scorer."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from pydantic import JsonValue

from pointsman.evals.record import Sample
from pointsman.evals.scorers.scorer import Outcome, Scores
from pointsman.evals.suite import Case
from pointsman.nodes.digest import digest

Given: TypeAlias = Outcome | Scores | Mapping[str, Outcome]
ScoringFunction: TypeAlias = Callable[[Case, Sample], Given | Awaitable[Given]]
"""Gives a score, `Unscored`, None, or several by name; or an awaitable of that."""


@dataclass(frozen=True)
class Called:
    """A function of case and sample, plain or async, as a scorer. A plain one runs on the event
    loop: one that takes long belongs in a thread of its own.

        Called("polite", lambda case, sample: "please" in str(sample.output))
    """

    name: str
    function: ScoringFunction
    revision: str = ""
    """Part of the version, for what the function's own source does not show."""

    @property
    def version(self) -> str:
        """See `Scorer.version`."""
        return source_digest(self.function, self.revision)

    async def score(self, case: Case, sample: Sample) -> Outcome | Scores:
        """See `Scorer.score`."""
        given = self.function(case, sample)
        found = await given if inspect.isawaitable(given) else given
        if isinstance(found, Mapping):
            return Scores(found)
        return found


def source_digest(function: object, *options: JsonValue) -> str:
    """12 hex digits over a function's source, or its name where there is none to read."""
    try:
        source = inspect.getsource(cast("Callable[..., object]", function))
    except (OSError, TypeError):
        source = f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', '')}"
    return digest(source, *options)[:12]
