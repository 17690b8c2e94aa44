"""Cases, samples and a scripted gateway for the scorers' tests."""

from collections.abc import Iterable

from pydantic import JsonValue

from pointsman.evals.record import EffectSeen, Sample, Step, TicketSeen, Verdict
from pointsman.evals.scorers.scorer import Scored, Scorer, named
from pointsman.evals.suite import Case, Expected
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import MemoryJournal
from pointsman.nodes.gateway.scripted import Script, Scripted, ScriptedTransport
from pointsman.nodes.gateway.transports import Transports


def case(**expected: object) -> Case:
    """A case that expects these."""
    return Case(id="c", text="How much?", expected=Expected.model_validate(expected))


def sample(output: JsonValue = None, **held: object) -> Sample:
    """A sample with this output, and whatever else it holds."""
    return Sample.model_validate({"key": "k", "case": "c", "output": output, **held})


def tool(name: str, args: dict[str, JsonValue] | None = None, *, ok: bool = True) -> Step:
    """A tool call."""
    return Step(kind="tool", name=name, args=args, ok=ok)


def effect(name: str, state: str = "done", **args: JsonValue) -> EffectSeen:
    """A write."""
    return EffectSeen(tool=name, args=args, state=state)


def ticket(name: str, **held: str) -> TicketSeen:
    """A ticket for a tool."""
    return TicketSeen.model_validate({"tool": name, **held})


def verdict(guard: str, said: str, rule: str) -> Verdict:
    """What a guard said."""
    return Verdict(guard=guard, verdict=said, rule=rule)


async def scored(scorer: Scorer, case: Case, sample: Sample) -> Scored:
    """What the scorer says of the sample, as it is stored."""
    return named(scorer.name, await scorer.score(case, sample))


def scripted(
    **tiers: Iterable[Scripted] | Script,
) -> tuple[ModelGateway, dict[str, ScriptedTransport]]:
    """A gateway with a scripted model for each tier, and the models."""
    models = {tier: ScriptedTransport(script) for tier, script in tiers.items()}
    gateway = ModelGateway(
        chains={tier: (f"{tier}x/model",) for tier in models},
        transports=Transports({f"{tier}x": lambda m=model: m for tier, model in models.items()}),
        journal=MemoryJournal(),
    )
    return gateway, models
