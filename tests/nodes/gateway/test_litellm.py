"""LiteLLMTransport against a real HTTP server that speaks the OpenAI wire format."""

import inspect
import json
import subprocess
import sys

import pytest

from pointsman.errors import (
    BadOutput,
    ModelAuth,
    PointsmanError,
    UnknownModel,
)
from pointsman.nodes.gateway import faults
from pointsman.nodes.gateway.embedding import Vector, unpacked
from pointsman.nodes.gateway.litellm import LATE, LiteLLMTransport, load
from pointsman.nodes.gateway.transport import Usage
from tests.nodes.gateway.provider import KNOWN, MODEL, SECRET, Provider, completion, request


@pytest.fixture
def transport() -> LiteLLMTransport:
    """The transport under test."""
    return LiteLLMTransport()


async def test_an_answer_comes_with_usage_and_cost(
    provider: Provider, transport: LiteLLMTransport
) -> None:
    """A listed model's answer carries text, tokens, the listed price and the time it took."""
    reply = await transport.send(KNOWN, request(), 60)
    assert (reply.model, reply.text, reply.source) == (KNOWN, "hi", "model")
    assert reply.usage == Usage(1000, 500)
    assert reply.usd == pytest.approx(1000 * 0.15e-6 + 500 * 0.6e-6)
    assert reply.seconds > 0
    assert provider.asked[0]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": SECRET},
    ]


async def test_an_unlisted_model_has_an_unknown_cost(
    provider: Provider, transport: LiteLLMTransport
) -> None:
    """The cost of a model without a listed price is None, not 0."""
    assert (await transport.send(MODEL, request(), 60)).usd is None


async def test_choices_are_a_schema_where_the_model_supports_one(
    provider: Provider, transport: LiteLLMTransport
) -> None:
    """A listed model gets a JSON schema with the choices as enum, another one the words."""
    provider.body = completion('{"choice": "tech"}')
    asked = request(choices=("billing", "tech"), max_tokens=2)
    await transport.send(KNOWN, asked, 60)
    await transport.send(MODEL, asked, 60)
    with_schema, in_words = provider.asked
    schema = with_schema["response_format"]["json_schema"]["schema"]  # type: ignore[index]
    assert schema["properties"]["choice"]["enum"] == ["billing", "tech"]
    assert "response_format" not in in_words
    assert "billing, tech" in json.dumps(in_words["messages"])
    assert with_schema["max_tokens"] == 64, "room for the JSON around the word"


@pytest.mark.parametrize("said", ['{"a": 1}', '```json\n{"a": 1}\n```'])
async def test_an_object_is_asked_for_by_schema(
    provider: Provider, transport: LiteLLMTransport, said: str
) -> None:
    """The output schema reaches the provider; a fenced object loses its fence."""
    provider.body = completion(said)
    asked = request(output_schema={"type": "object", "title": "Refund"})
    assert json.loads((await transport.send(KNOWN, asked, 60)).text) == {"a": 1}
    await transport.send(MODEL, asked, 60)
    assert provider.asked[0]["response_format"]["json_schema"]["schema"]["title"] == "Refund"  # type: ignore[index]
    assert '\\"title\\":\\"Refund\\"' in json.dumps(provider.asked[1]["messages"])


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        ("openai/gpt-x", "OPENAI_API_KEY"),
        ("anthropic/claude-x", "ANTHROPIC_API_KEY"),
        ("gemini/gemini-x", "GEMINI_API_KEY"),
    ],
)
async def test_a_missing_key_is_named(
    transport: LiteLLMTransport, monkeypatch: pytest.MonkeyPatch, model: str, variable: str
) -> None:
    """Without a key the error names the environment variable to set."""
    for name in (variable, "GOOGLE_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ModelAuth, match=variable):
        await transport.send(model, request(), 60)


@pytest.mark.parametrize("model", ["gpt-nonsense", "nobody/model", "openai/", ""])
async def test_a_name_nobody_serves(transport: LiteLLMTransport, model: str) -> None:
    """A name without a known provider is UnknownModel."""
    with pytest.raises(UnknownModel):
        await transport.send(model, request(), 60)


def test_every_litellm_exception_has_its_line() -> None:
    """The table names each exception class of this LiteLLM, a subclass before its base."""
    vendor = load().exceptions
    classes = {
        name: kind
        for name, kind in vars(vendor).items()
        if inspect.isclass(kind)
        and issubclass(kind, BaseException)
        and kind.__module__ == "litellm.exceptions"
    }
    table = [name for name, _ in faults.TABLE]
    assert set(classes) - set(table) == set(), "a new class: say what it means"
    assert len(table) == len(set(table))
    present = [name for name in table if name in classes]
    for place, name in enumerate(present):
        hidden = [
            later for later in present[place + 1 :] if issubclass(classes[later], classes[name])
        ]
        assert not hidden, f"{name} stands before its own subclasses {hidden}"


def test_nothing_heavy_is_left_for_the_event_loop() -> None:
    """What LiteLLM imports at its first call is there after `load`, which runs in a thread."""
    load()
    assert set(LATE) <= set(sys.modules)


def test_a_warning_of_litellms_is_no_broken_answer() -> None:
    """Imported in one test and used in the next, in a process where warnings are errors, LiteLLM
    still makes its answers."""
    script = """
import warnings
from pointsman.nodes.gateway.litellm import load
with warnings.catch_warnings():
    litellm = load()
warnings.simplefilter("error")
print(litellm.ModelResponse().choices[0].message.role, litellm.ModelResponseStream().object)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert done.stdout.split() == ["assistant", "chat.completion.chunk"], done.stderr[-500:]


async def test_a_text_is_embedded(provider: Provider, transport: LiteLLMTransport) -> None:
    """The vector, its tokens and the listed price."""
    provider.embedding = {
        "object": "list", "model": "text-embedding-3-small",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -1.0, 0.0]}],
        "usage": {"prompt_tokens": 1000, "total_tokens": 1000},
    }  # fmt: skip
    reply = await transport.embed("openai/text-embedding-3-small", request("hello"), 60)
    assert bytes(unpacked(reply.text)) == bytes(Vector.of([0.5, -1.0, 0.0]))
    assert (reply.usage, reply.usd) == (Usage(1000, 0), pytest.approx(2e-5))
    assert provider.embedded[0]["input"] == ["hello"]


async def test_what_is_no_embedding_is_bad_output(
    provider: Provider, transport: LiteLLMTransport
) -> None:
    """No numbers, and no provider's words."""
    provider.embedding = {"object": "list", "model": "m", "data": [], "usage": {}}
    with pytest.raises(BadOutput):
        await transport.embed("openai/text-embedding-3-small", request(SECRET), 60)
    provider.embedding = None
    with pytest.raises(PointsmanError) as caught:
        await transport.embed("openai/text-embedding-3-small", request(SECRET), 60)
    assert SECRET not in str(caught.value)
