"""Recording what a calibration reads: a suite run once with each tier's models."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pointsman.errors import BadInput, Misconfigured
from pointsman.evals.calibration.rows import Recorded, Row
from pointsman.evals.record import Sample
from pointsman.evals.runner import run
from pointsman.evals.suite import Case, Suite
from pointsman.nodes.digest import digest
from pointsman.nodes.gateway.cascade import Tier
from pointsman.teams.result import Result
from pointsman.teams.team import Team

WEAK, STRONG = "fast", "strong"
Chains = Mapping[str, Tier]


async def record(
    team: Team,
    suite: Suite,
    chains: Chains,
    folder: Path,
    *,
    seen: Callable[[Sample], None] = lambda _: None,
) -> tuple[Row, ...]:
    """Ask every case twice: with all tiers on the models of `fast`, then on those of `strong`.

    Each has a folder of state of its own in `folder`, and a record from which a run that was broken
    off goes on. What the policy lets pass is done by the real tools, twice. A case is right when
    every scorer passes it; an error is wrong and cost what is known. Raises Misconfigured for a
    missing tier or two equal ones, BadInput where a price is not known.
    """
    weak, strong = (_plain(chains, tier) for tier in (WEAK, STRONG))
    if weak == strong:
        raise Misconfigured(
            f"The tiers {WEAK} and {STRONG} of team {team.name!r} are the same models.",
            hint="Name two chains in models=, or in POINTSMAN_FAST and POINTSMAN_STRONG.",
        )
    samples = [
        await _asked(team, suite, dict.fromkeys(chains, chain), folder / tier, seen)
        for tier, chain in ((WEAK, weak), (STRONG, strong))
    ]
    return tuple(_row(*pair) for pair in zip(suite.cases, *samples, strict=True))


async def _asked(
    team: Team,
    suite: Suite,
    models: Mapping[str, tuple[str, ...]],
    folder: Path,
    seen: Callable[[Sample], None],
) -> Sequence[Sample]:
    version = digest(team.name, {name: list(chain) for name, chain in models.items()})[:12]
    async with team.apart(home=folder, models=models, alone=True) as asked:

        async def ask(case: Case) -> Result:
            thread = f"{version}-{case.thread or case.id}"
            return await asked.run(case.text, thread=thread, message_id=case.id)

        return await run(
            suite, ask, version=version, record=folder / f"record-{suite.digest}.jsonl",
            concurrency=1, seen=lambda sample, _: seen(sample),
        )  # fmt: skip


def _plain(chains: Chains, tier: str) -> tuple[str, ...]:
    chain = chains.get(tier)
    if not isinstance(chain, tuple):
        raise Misconfigured(
            f"There is no plain chain of models for the tier {tier!r}.",
            hint=f"Calibrating compares {WEAK} with {STRONG}; name both.",
        )
    return chain


def _row(case: Case, weak: Sample, strong: Sample) -> Row:
    return Row(
        id=case.id,
        group=weak.result.route if weak.result else "",
        prompt=case.text,
        weak=_recorded(case, weak),
        strong=_recorded(case, strong),
    )


def _recorded(case: Case, sample: Sample) -> Recorded:
    result = sample.result
    if result is None:
        return Recorded(correct=0, usd=0, answer="")
    if result.usd is None:
        raise BadInput(
            f"Case {case.id!r}: the price of a model it asked is not known.",
            hint="Give the team prices={model: Price(input=..., output=...)}.",
        )
    if not sample.scores and not sample.unscored:
        raise BadInput(f"Case {case.id!r} expects nothing, so no answer to it is right or wrong.")
    values = [float(v) for v in sample.scores.values() if not isinstance(v, str)]
    right = min((*values, *(0.0 for _ in sample.unscored)), default=0.0)
    return Recorded(correct=min(1.0, max(0.0, right)), usd=result.usd, answer=result.answer)
