"""Providers that speak OpenAI's chat-completions format: where they listen, and what they know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pointsman.errors import ModelAuth

Lookup = Callable[[str], str | None]
"""Reads one variable of the environment."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider. `url` is its base, to which `/chat/completions` is added."""

    url: str
    url_variables: tuple[str, ...] = ()
    """Variables that name another base, the first that is set."""
    key_variables: tuple[str, ...] = ()
    needs_key: bool = True
    schemas: bool = True
    """Whether it takes a JSON Schema as `response_format`. Others get it in words."""
    tokens_field: str = "max_tokens"
    """What it calls the bound on an answer's tokens."""

    def base(self, lookup: Lookup) -> str:
        """The base URL, without a slash at its end."""
        told = (lookup(name) for name in self.url_variables)
        return (next((url for url in told if url), "") or self.url).rstrip("/")

    def key(self, lookup: Lookup, *, model: str) -> str:
        """The key; empty where the provider needs none. Raises ModelAuth where it is missing."""
        for name in self.key_variables:
            value = lookup(name)
            if value is not None and not value.strip():
                raise ModelAuth(
                    f"Model {model} needs a key and {name} is empty.",
                    hint=f"Set {name}, or unset it.",
                )
            if value:
                return value.strip()
        if self.needs_key:
            names = " or ".join(self.key_variables)
            raise ModelAuth(
                f"Model {model} needs a key and {names} is not set.",
                hint=f"Set {names} in the environment.",
            )
        return ""


PROVIDERS: Mapping[str, Provider] = {
    "openai": Provider(
        "https://api.openai.com/v1", ("OPENAI_BASE_URL", "OPENAI_API_BASE"), ("OPENAI_API_KEY",),
        tokens_field="max_completion_tokens",
    ),
    "openrouter": Provider(
        "https://openrouter.ai/api/v1", ("OPENROUTER_API_BASE",),
        ("OPENROUTER_API_KEY", "OR_API_KEY"), schemas=False,
    ),
    "groq": Provider(
        "https://api.groq.com/openai/v1", ("GROQ_API_BASE",), ("GROQ_API_KEY",), schemas=False
    ),
    "deepseek": Provider(
        "https://api.deepseek.com/v1", ("DEEPSEEK_API_BASE",), ("DEEPSEEK_API_KEY",), schemas=False
    ),
    "mistral": Provider(
        "https://api.mistral.ai/v1", ("MISTRAL_API_BASE",), ("MISTRAL_API_KEY",)
    ),
    "hosted_vllm": Provider(
        "http://localhost:8000/v1", ("HOSTED_VLLM_API_BASE",), ("HOSTED_VLLM_API_KEY",),
        needs_key=False,
    ),
    "lm_studio": Provider(
        "http://localhost:1234/v1", ("LM_STUDIO_API_BASE",), ("LM_STUDIO_API_KEY",),
        needs_key=False,
    ),
    "ollama": Provider("http://localhost:11434/v1", needs_key=False),
}  # fmt: skip
"""By LiteLLM's names, with the variables that LiteLLM reads. Bases are from the providers' own
documents. `ollama` reads OLLAMA_API_BASE, which is named without `/v1`: see `base_of`."""


def provider_of(model: str) -> str:
    """The provider's part of a model's name: all before the first `/`."""
    return model.partition("/")[0]


def base_of(provider: str, lookup: Lookup) -> str:
    """The base URL of a provider of the table."""
    if provider == "ollama" and (told := lookup("OLLAMA_API_BASE")):
        root = told.rstrip("/")
        return root if root.endswith("/v1") else f"{root}/v1"
    return PROVIDERS[provider].base(lookup)


def reasons(name: str) -> bool:
    """Whether an OpenAI model of that name thinks first, and so takes no temperature."""
    return name.startswith(("o1", "o3", "o4", "gpt-5"))
