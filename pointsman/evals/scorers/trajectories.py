"""Trajectories: the steps that a run took through the team, and the tools that it called."""

from typing import Literal

from pydantic import Field

from pointsman.evals.matching import matches, matches_exactly
from pointsman.evals.record import Sample, Step
from pointsman.evals.scorers.alignment import Mode, agree, paired
from pointsman.evals.scorers.configured import NAMED, Configured
from pointsman.evals.scorers.scorer import Outcome, Scores, Unscored
from pointsman.evals.suite import Case, ExpectedCall

Kind = Literal["route", "handoff", "tool", "fallback", "bound", "blocked"]
ANY = "*"


class Trajectory(Configured):
    """Whether the run took the expected steps. A step is named by specialist or tool, or more
    strictly as `handoff:billing`; `*` is any step. `kinds` are the steps that count."""

    name: str = Field(default="trajectory", validation_alias=NAMED, min_length=1)
    mode: Mode = "strict"
    kinds: tuple[Kind, ...] = ("route", "handoff", "tool", "fallback")
    shares: bool = False
    """Also `.recall` (of the expected steps, the share taken) and `.precision` (of the steps taken,
    the share expected), order ignored."""

    async def score(self, case: Case, sample: Sample) -> Outcome | Scores:
        """See `Scorer.score`."""
        expected = case.expected.trajectory
        if expected is None:
            return self.without("trajectory")
        got = [step for step in sample.trajectory if step.kind in self.kinds]
        outcomes: dict[str, Outcome] = {"": agree(self.mode, expected, got, _is_step)}
        if self.shares:
            both = sum(place is not None for place in paired(expected, got, _is_step))
            outcomes["recall"] = both / len(expected) if expected else 1.0
            outcomes["precision"] = both / len(got) if got else 1.0
        taken = ", ".join(f"{step.kind}:{step.name}" for step in got) or "no step"
        said = f"expected {', '.join(expected) or 'no step'}; took {taken}"
        return Scores(outcomes, {} if outcomes[""] else {"": said})


class ToolCalls(Configured):
    """Whether the run called the expected tools. `args`: `match` compares the arguments that the
    case names (see `matching`: any, exact, regex, number tolerance), `exact` allows no others,
    `ignore` compares none. With `ok_only` calls that failed do not count.

    Where arguments are to be compared and were not recorded, the sample is unscored.
    """

    name: str = Field(default="tool_calls", validation_alias=NAMED, min_length=1)
    mode: Mode = "strict"
    args: Literal["match", "exact", "ignore"] = "match"
    ok_only: bool = False

    async def score(self, case: Case, sample: Sample) -> Outcome | Scores:
        """See `Scorer.score`."""
        expected = case.expected.tool_calls
        if expected is None:
            return self.without("tool calls")
        got = [
            step
            for step in sample.trajectory
            if step.kind == "tool" and (step.ok or not self.ok_only)
        ]
        compared = {call.tool for call in expected if call.args or self.args == "exact"}
        unknown = sorted({s.name for s in got if s.args is None} & compared)
        if unknown and self.args != "ignore":
            return Unscored(f"the arguments of {', '.join(unknown)} were not recorded")
        if agree(self.mode, expected, got, self._fits):
            return True
        called = ", ".join(_shown(step.name, step.args) for step in got) or "no tool"
        wanted = ", ".join(_shown(call.tool, call.args) for call in expected) or "no tool"
        return Scores({"": False}, {"": f"expected {wanted}; called {called}"})

    def _fits(self, call: ExpectedCall, step: Step) -> bool:
        if call.tool != step.name:
            return False
        if self.args == "ignore":
            return True
        compare = matches_exactly if self.args == "exact" else matches
        return compare(call.args, step.args or {})


def _is_step(expected: str, step: Step) -> bool:
    return expected in (ANY, step.name, f"{step.kind}:{step.name}")


def _shown(tool: str, args: object) -> str:
    return f"{tool}({str(args)[:200] if args else ''})"
