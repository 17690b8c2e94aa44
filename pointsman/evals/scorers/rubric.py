"""The rubric judge: models rate an answer by a rubric that is written in words."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from pointsman.evals.record import Sample
from pointsman.evals.scorers.bench import Bench
from pointsman.evals.scorers.configured import NAMED, Configured, as_text, output_text
from pointsman.evals.scorers.judging import Bill, Judge, Judged, judge_prompts, prompt_version
from pointsman.evals.scorers.jury import majority, mean, verdict
from pointsman.evals.scorers.scorer import Outcome, Scores, Unscored
from pointsman.evals.suite import Case
from pointsman.nodes.digest import digest

PASS, FAIL = "pass", "fail"
GRADES_MOST = 21


class RubricOptions(Configured):
    """How the rubric judge rates. Raises ValidationError for a scale or tiers that cannot be."""

    name: str = Field(default="rubric", validation_alias=NAMED, min_length=1)
    rubric: str = Field(min_length=1, max_length=20_000)
    """What is rated, in words."""
    scale: Literal["pass_fail"] | tuple[int, int] | tuple[str, ...] = "pass_fail"
    """`pass_fail` gives a bool; `[1, 5]`, lowest and highest, a number; labels a label."""
    meanings: dict[str, str] = Field(default_factory=dict)
    """What grades mean, in words."""
    tiers: tuple[str, ...] = Field(default=("strong",), min_length=1, max_length=9)
    """Who judges: tiers of the team's models. Several are a jury: numbers are averaged, of grades
    the one counts that more than half gave."""
    at_least: float | None = Field(default=None, allow_inf_nan=False)
    """For numbers: `<name>.ok` says whether it is reached."""
    reasons: bool = True
    """Whether judges must give reasons. Small models judge more reliably without."""
    reference: Literal["use", "require", "hide"] = "use"
    """Whether the case's expected output is shown: where there is one; always, and a case without
    is unscored; never."""
    transcript: bool = False
    """Whether the whole conversation is shown with the answer."""
    prompt: str = "judge/rubric"

    @field_validator("tiers")
    @classmethod
    def _each_once(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(given)) < len(given):
            raise ValueError("a tier is named twice")
        return given

    @model_validator(mode="after")
    def _sound(self) -> Self:
        grades = self.grades
        if not 2 <= len(grades) <= GRADES_MOST or len(set(grades)) < len(grades):
            raise ValueError(f"a scale has 2 to {GRADES_MOST} different grades, the lowest first")
        unknown = sorted(self.meanings.keys() - set(grades))
        if unknown:
            raise ValueError(f"meanings: {unknown[0]!r} is no grade of the scale")
        if self.at_least is not None and not self.numeric:
            raise ValueError("at_least needs a scale of numbers")
        return self

    @property
    def numeric(self) -> bool:
        """Whether grades are numbers."""
        return isinstance(self.scale, tuple) and isinstance(self.scale[0], int)

    @property
    def grades(self) -> tuple[str, ...]:
        """The grades that a judge may give, the lowest first."""
        if self.scale == "pass_fail":
            return (FAIL, PASS)
        if self.numeric:
            low, high = int(self.scale[0]), int(self.scale[1])
            return tuple(str(n) for n in range(low, min(high, low + GRADES_MOST) + 1))
        return tuple(str(one) for one in self.scale)


@dataclass(frozen=True)
class Rubric:
    """Rates an answer by a rubric: see `RubricOptions`. One call for each judge and sample, through
    the gateway; a bad answer is asked for once more.

    A judge is a model: it can be wrong, and talked round by what it reads. Check it against people
    (`agreement.cohen_kappa`) before a gate rests on it. Raises PromptError when it is made, for a
    prompt that is not there or cannot be used.
    """

    options: RubricOptions
    bench: Bench

    def __post_init__(self) -> None:
        _ = self._judges

    @property
    def name(self) -> str:
        """See `Scorer.name`."""
        return self.options.name

    @property
    def version(self) -> str:
        """12 hex digits over the prompts, the rubric and scale, and the models of each tier."""
        models = self.bench.models_digest(self.options.tiers)
        return digest(self.options.version, self._judges[0].prompt_version, models)[:12]

    async def score(self, case: Case, sample: Sample) -> Outcome | Scores:
        """See `Scorer.score`."""
        if self.options.reference == "require" and case.expected.output is None:
            return self.options.without("output")
        shown = self._shown(case, sample)
        bill = Bill(self.bench.run(sample.key, self.name))
        grades = {judge.tier: await judge.ask(shown, bill) for judge in self._judges}
        each = {tier: self._outcome(given) for tier, given in grades.items()}
        if not self.options.numeric:
            found = majority(grades)
            outcome = found if isinstance(found, Unscored) else self._outcome(Judged(found))
            return verdict(outcome, grades, each, bill)
        value = mean(grades)
        scores = verdict(value, grades, each, bill)
        if self.options.at_least is None:
            return scores
        ok = value if isinstance(value, Unscored) else value >= self.options.at_least
        return Scores({**scores.outcomes, "ok": ok}, scores.notes, scores.usd, scores.tokens)

    def _outcome(self, given: Judged | Unscored) -> Outcome:
        if isinstance(given, Unscored):
            return given
        if self.options.numeric:
            return float(given.grade)
        return given.grade == PASS if self.options.scale == "pass_fail" else given.grade

    def _shown(self, case: Case, sample: Sample) -> tuple[tuple[str, str], ...]:
        shown = [("What was asked", asked(case))]
        if self.options.transcript:
            said = "\n".join(f"{turn.role}: {turn.content}" for turn in sample.transcript)
            shown.append(("The conversation", said))
        shown.append(("The answer", output_text(sample)))
        if case.expected.output is not None and self.options.reference != "hide":
            shown.append(("A reference", as_text(case.expected.output)))
        return tuple(shown)

    @cached_property
    def _judges(self) -> tuple[Judge, ...]:
        options = self.options
        prompt, again = judge_prompts(self.bench.prompts, options.prompt)
        system = prompt.render({"rubric": options.rubric.strip(), "scale": self._scale})
        version = prompt_version(prompt, again)
        return tuple(
            Judge(tier, system, options.grades, version, again, options.reasons)
            for tier in options.tiers
        )

    @property
    def _scale(self) -> str:
        grades, meanings = self.options.grades, self.options.meanings
        lines = [f"- `{g}`{f': {meanings[g]}' if g in meanings else ''}" for g in grades]
        if len(lines) > 2:
            lines[0] += " (the lowest)"
            lines[-1] += " (the highest)"
        return "\n".join(lines)


def asked(case: Case) -> str:
    """What the case asks, as a text."""
    return case.text or ("" if case.input is None else as_text(case.input))
