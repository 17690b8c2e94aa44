"""The pairwise judge: models say whether an answer is better than another one."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import Field, field_validator

from pointsman.errors import BadInput
from pointsman.evals.record import Sample
from pointsman.evals.recordfile import lines
from pointsman.evals.scorers.bench import Bench
from pointsman.evals.scorers.configured import NAMED, Configured, as_text, output_text
from pointsman.evals.scorers.judging import Bill, Judge, Judged, judge_prompts, prompt_version
from pointsman.evals.scorers.jury import majority, verdict
from pointsman.evals.scorers.rubric import asked
from pointsman.evals.scorers.scorer import Outcome, Scores, Unscored
from pointsman.evals.suite import Case
from pointsman.nodes.digest import digest

FIRST, SECOND, TIE = "A", "B", "tie"
WIN, LOSS = "win", "loss"


class PairwiseOptions(Configured):
    """How the pairwise judge compares."""

    name: str = Field(default="pairwise", validation_alias=NAMED, min_length=1)
    criteria: str = Field(min_length=1, max_length=20_000)
    """What makes an answer better, in words."""
    against: str = ""
    """A record to compare with, from the suite's folder: its answer to the same case and epoch.
    Empty: the case's expected output."""
    tiers: tuple[str, ...] = Field(default=("strong",), min_length=1, max_length=9)
    reasons: bool = True
    prompt: str = "judge/pairwise"

    @field_validator("tiers")
    @classmethod
    def _each_once(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(given)) < len(given):
            raise ValueError("a tier is named twice")
        return given


@dataclass(frozen=True)
class Pairwise:
    """Compares the answer with another one: `win`, `tie` or `loss`; `.not_worse` says pass or fail.

    Each judge is asked twice, the second time with the answers in the opposite places, since models
    favour a place (Zheng et al. 2023, arXiv:2306.05685): who wins in one order only has tied, and
    `.swayed` counts such judges. Two equal answers tie unasked. Raises PromptError and BadInput
    when it is made, for a prompt or a record that cannot be used.
    """

    options: PairwiseOptions
    bench: Bench

    def __post_init__(self) -> None:
        _ = self._judges, self._others

    @property
    def name(self) -> str:
        """See `Scorer.name`."""
        return self.options.name

    @property
    def version(self) -> str:
        """12 hex digits over the prompts, the criteria, the models and the answers it compares
        with."""
        models = self.bench.models_digest(self.options.tiers)
        prompts = self._judges[0].prompt_version
        return digest(self.options.version, prompts, models, self._others_digest)[:12]

    async def score(self, case: Case, sample: Sample) -> Outcome | Scores:
        """See `Scorer.score`."""
        other = self._other(case, sample)
        if other is None:
            return self.options.without(
                f"answer in {self.options.against}" if self.options.against else "output"
            )
        mine = output_text(sample)
        bill = Bill(self.bench.run(sample.key, self.name))
        grades: dict[str, Judged | Unscored] = {}
        swayed = 0
        for judge in self._judges:
            if mine == other:
                grades[judge.tier] = Judged(TIE, "the answers are the same")
                continue
            grades[judge.tier], moved = await _compared(judge, asked(case), mine, other, bill)
            swayed += moved
        each = {tier: g.grade if isinstance(g, Judged) else g for tier, g in grades.items()}
        found = majority(grades)
        scores = verdict(found, grades, each, bill)
        more: dict[str, Outcome] = {
            "not_worse": found if isinstance(found, Unscored) else found != LOSS,
            "swayed": float(swayed),
        }
        return Scores({**scores.outcomes, **more}, scores.notes, scores.usd, scores.tokens)

    def _other(self, case: Case, sample: Sample) -> str | None:
        if self._others is not None:
            return self._others.get((case.id, sample.epoch))
        return None if case.expected.output is None else as_text(case.expected.output)

    @cached_property
    def _others(self) -> Mapping[tuple[str, int], str] | None:
        if not self.options.against:
            return None
        path = (self.bench.folder or Path()) / self.options.against
        if not path.is_file():
            raise BadInput(
                f"The judge {self.name!r} is to compare with {path}, which is not there.",
                hint="Run the suite once with --record to that path, or change `against`.",
            )
        found = (line for _, line in lines(path) if isinstance(line, Sample) and not line.error)
        return {(sample.case, sample.epoch): output_text(sample) for sample in found}

    @cached_property
    def _others_digest(self) -> str:
        held = sorted((self._others or {}).items())
        return digest([[case, epoch, text] for (case, epoch), text in held])

    @cached_property
    def _judges(self) -> tuple[Judge, ...]:
        options = self.options
        prompt, again = judge_prompts(self.bench.prompts, options.prompt)
        system = prompt.render({"criteria": options.criteria.strip()})
        version = prompt_version(prompt, again)
        grades = (FIRST, SECOND, TIE)
        return tuple(
            Judge(tier, system, grades, version, again, options.reasons) for tier in options.tiers
        )


async def _compared(
    judge: Judge, question: str, mine: str, other: str, bill: Bill
) -> tuple[Judged | Unscored, bool]:
    """win, tie or loss, and whether the judge followed the place."""
    there = await judge.ask(_shown(question, mine, other), bill)
    if isinstance(there, Unscored):
        return there, False
    back = await judge.ask(_shown(question, other, mine), bill)
    if isinstance(back, Unscored):
        return back, False
    first = {FIRST: WIN, SECOND: LOSS, TIE: TIE}[there.grade]
    second = {FIRST: LOSS, SECOND: WIN, TIE: TIE}[back.grade]
    reason = "\n".join(filter(None, (there.reason, back.reason)))
    if first == second:
        return Judged(first, reason), False
    said = f"{first} when it came first, {second} when it came second. {reason}".strip()
    return Judged(TIE, said), TIE not in (first, second)


def _shown(question: str, first: str, second: str) -> tuple[tuple[str, str], ...]:
    return (("The question", question), ("Answer A", first), ("Answer B", second))
