"""Spans of calls to models: what the request, the answer and the server say."""

import pytest

from pointsman.nodes import conventions as names
from pointsman.nodes.gateway.transports import Transports


@pytest.mark.parametrize(
    ("model", "variables", "address"),
    [
        ("openai/gpt-4o-mini", {}, ("api.openai.com", 443)),
        ("ollama/x", {}, ("localhost", 11434)),
        ("hosted_vllm/x", {"HOSTED_VLLM_API_BASE": "http://10.0.0.5:9/v1"}, ("10.0.0.5", 9)),
        ("openai/x", {"OPENAI_BASE_URL": "http://h:port/v1"}, None),
        ("openai/x", {"OPENAI_BASE_URL": "nonsense"}, None),
        ("embedded", {}, None),
        ("anthropic/x", {}, None),
    ],
)
def test_a_models_server_is_named_where_it_is_known(
    model: str, variables: dict[str, str], address: tuple[str, int] | None
) -> None:
    """From the provider's table and its variables; a URL that is none names nothing."""
    assert Transports(lookup=variables.get).address(model) == address


def test_a_providers_name_is_the_conventions() -> None:
    """`mistral` in a model's name is `mistral_ai` in a trace."""
    assert names.provider_name("mistral") == "mistral_ai"
