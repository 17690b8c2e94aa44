"""What scorers are made with: the door to models, prompts, and where a suite's modules lie."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pointsman.errors import Misconfigured
from pointsman.nodes.digest import digest
from pointsman.nodes.event import Event
from pointsman.nodes.run import Budget, Gateway, Run
from pointsman.prompts.library import PromptLibrary


def _no_gateway() -> Gateway:
    raise Misconfigured(
        "A judge has no gateway to ask a model through.",
        hint="Run the suite on a team, or give Bench(gateway=...).",
    )


def _unheard(_event: Event) -> None: ...


@dataclass(frozen=True)
class Bench:
    """What scorers are made with. `gateway` is called when a judge first asks, not before."""

    gateway: Callable[[], Gateway] = _no_gateway
    models: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The models of each tier: part of a judge's version."""
    prompts: PromptLibrary = field(default_factory=PromptLibrary)
    folder: Path | None = None
    """Where the suite's file lies: its modules, schemas and records are found from there."""
    tenant: str = "default"
    budget: Budget = field(default_factory=Budget)
    """Of the judges' calls for one sample."""
    emit: Callable[[Event], None] = _unheard
    """Hears of every call to a model."""

    def models_digest(self, tiers: tuple[str, ...]) -> str:
        """Digest of the models of these tiers, in order: part of a judge's version."""
        return digest([[tier, list(self.models.get(tier, ()))] for tier in tiers])

    def run(self, sample_key: str, scorer: str) -> Run:
        """The run in which a judge asks about a sample: the same for the same sample, so that a
        journal that is kept answers when it is scored again."""
        return Run(
            id=f"judge-{sample_key}", team="evals", thread="", tenant=self.tenant,
            gateway=self.gateway(), emit=self.emit, step=f"score:{scorer}", specialist=scorer,
            budget=self.budget,
        )  # fmt: skip
