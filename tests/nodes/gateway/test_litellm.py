"""LiteLLMTransport against a real HTTP server that speaks the OpenAI wire format."""

import asyncio
import inspect
import json
import logging
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from pointsman.errors import (
    BadOutput,
    ModelAuth,
    ModelOverloaded,
    ModelRejected,
    ModelTimeout,
    ModelUnreachable,
    PointsmanError,
    UnknownModel,
)
from pointsman.nodes.gateway import faults
from pointsman.nodes.gateway.litellm import LATE, LiteLLMTransport, load
from pointsman.nodes.gateway.transport import ModelRequest, ToolSpec, Usage
from pointsman.nodes.message import ToolCall, Turn

MODEL = "openai/gpt-x"
KNOWN = "openai/gpt-4o-mini"
"""A model that LiteLLM lists: with a price, and with support for JSON schemas."""
SECRET = "customer-secret-4711"

Handler = Callable[[web.Request], "web.StreamResponse | None"]


def completion(text: str | None = "hi", **message: object) -> dict[str, object]:
    """A chat completion as OpenAI sends it."""
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-x",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": "tool_calls" if message else "stop",
            }
        ],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
    }


def tool_call(arguments: str) -> dict[str, object]:
    """One tool call as OpenAI sends it."""
    return {"id": "k1", "type": "function", "function": {"name": "refund", "arguments": arguments}}


@dataclass
class Provider:
    """A server whose next answer the test sets."""

    status: int = 200
    body: object = field(default_factory=completion)
    headers: dict[str, str] = field(default_factory=dict[str, str])
    hang: bool = False
    cut: bool = False
    asked: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer as set."""
        self.asked.append(await request.json())
        if self.hang:
            await self.released.wait()
        if self.cut and request.transport:
            request.transport.abort()
        if isinstance(self.body, str):
            return web.Response(text=self.body, status=self.status, headers=self.headers)
        return web.json_response(self.body, status=self.status, headers=self.headers)

    def fails(self, status: int, code: str = "", **headers: str) -> None:
        """Answer with an error from now on, whose sentence holds what must not get out."""
        message = f"Incorrect API key provided: sk-test, {SECRET}"
        self.status, self.headers = status, headers
        self.body = {"error": {"message": message, "type": "error", "code": code or None}}


@pytest.fixture
async def provider(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Provider]:
    """The server, with LiteLLM's environment pointing at it."""
    provider = Provider()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", provider.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://{host}:{port}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    yield provider
    provider.released.set()
    await runner.cleanup()


@pytest.fixture
def transport() -> LiteLLMTransport:
    """The transport under test."""
    return LiteLLMTransport()


def request(text: str = SECRET, **options: object) -> ModelRequest:
    """A request with a system turn."""
    turns = (Turn(role="system", content="Be brief."), Turn(role="user", content=text))
    return ModelRequest(turns=turns, **options)  # type: ignore[arg-type]


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


async def test_a_whole_transcript_goes_over_the_wire(
    provider: Provider, transport: LiteLLMTransport
) -> None:
    """Examples follow the system turn; tool calls and results keep their ids."""
    call = ToolCall(id="k0", name="refund", args={"usd": 3})
    turns = (
        Turn(role="system", content="S"),
        Turn(role="user", content="U"),
        Turn(role="assistant", tool_calls=(call,)),
        Turn(role="tool", content="done", tool_call_id="k0", name="refund"),
    )
    example = (Turn(role="user", content="E1"), Turn(role="assistant", content="E2"))
    await transport.send(MODEL, ModelRequest(turns=turns, examples=(example,)), 60)
    sent = provider.asked[0]["messages"]
    assert isinstance(sent, list)
    assert [message.get("content") for message in sent] == ["S", "E1", "E2", "U", None, "done"]
    assert json.loads(sent[4]["tool_calls"][0]["function"]["arguments"]) == {"usd": 3}
    assert sent[5]["tool_call_id"] == "k0"


async def test_tools_are_offered_and_their_calls_read(
    provider: Provider, transport: LiteLLMTransport
) -> None:
    """A tool's schema reaches the provider and its call comes back with JSON arguments."""
    provider.body = completion(None, tool_calls=[tool_call('{"usd": 3}')])
    spec = ToolSpec("refund", "Pay back.", {"type": "object", "properties": {}})
    reply = await transport.send(MODEL, request(tools=(spec,)), 60)
    assert reply.tool_calls == (ToolCall(id="k1", name="refund", args={"usd": 3}),)
    assert set(provider.asked[0]) <= {"model", "messages", "tools", "max_tokens", "temperature"}
    assert provider.asked[0]["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "refund",
                "description": "Pay back.",
                "parameters": {"type": "object", "properties": {}},
            },
        }
    ]


@pytest.mark.parametrize("arguments", ["{", "[1]", '"x"', "NaN"])
async def test_tool_arguments_must_be_an_object(
    provider: Provider, transport: LiteLLMTransport, arguments: str
) -> None:
    """Arguments that are no JSON object are BadOutput."""
    provider.body = completion(None, tool_calls=[tool_call(arguments)])
    with pytest.raises(BadOutput, match="arguments"):
        await transport.send(MODEL, request(), 60)


@pytest.mark.parametrize("said", ["billing", " billing\n", '{"choice": "billing"}', '"billing"'])
async def test_a_choice_is_read_from_word_or_json(
    provider: Provider, transport: LiteLLMTransport, said: str
) -> None:
    """The exact word and the JSON asked for are both the choice."""
    provider.body = completion(said)
    reply = await transport.send(MODEL, request(choices=("billing", "tech")), 60)
    assert reply.text == "billing"


@pytest.mark.parametrize("said", ["Billing!", '{"choice": "sales"}', "", '{"choice": ["tech"]}'])
async def test_anything_else_is_no_choice(
    provider: Provider, transport: LiteLLMTransport, said: str
) -> None:
    """An answer that is none of the choices is BadOutput, and its words are not repeated."""
    provider.body = completion(said)
    with pytest.raises(BadOutput, match="none of the 2 choices"):
        await transport.send(MODEL, request(choices=("billing", "tech")), 60)


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


async def test_prose_is_no_object(provider: Provider, transport: LiteLLMTransport) -> None:
    """Prose where an object was asked for is BadOutput."""
    provider.body = completion("Sure! {}")
    with pytest.raises(BadOutput, match="JSON object"):
        await transport.send(MODEL, request(output_schema={"type": "object"}), 60)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "", ModelRejected),
        (400, "context_length_exceeded", ModelRejected),
        (401, "invalid_api_key", ModelAuth),
        (402, "", ModelAuth),
        (403, "", ModelAuth),
        (404, "model_not_found", UnknownModel),
        (408, "", ModelTimeout),
        (413, "", ModelRejected),
        (422, "", ModelRejected),
        (429, "", ModelOverloaded),
        (429, "insufficient_quota", ModelAuth),
        (500, "", ModelOverloaded),
        (502, "", ModelOverloaded),
        (503, "", ModelOverloaded),
        (504, "", ModelTimeout),
        (529, "", ModelOverloaded),
    ],
)
async def test_each_status_has_its_error(
    provider: Provider,
    transport: LiteLLMTransport,
    status: int,
    code: str,
    expected: type[PointsmanError],
) -> None:
    """A status becomes our error after one call, and the provider's sentence stays inside."""
    provider.fails(status, code)
    with pytest.raises(PointsmanError) as caught:
        await transport.send(MODEL, request(), 60)
    assert type(caught.value) is expected
    assert len(provider.asked) == 1, "LiteLLM must not retry"
    assert MODEL in str(caught.value)
    assert "sk-test" not in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_retry_after_is_kept(provider: Provider, transport: LiteLLMTransport) -> None:
    """The provider's Retry-After reaches the one who retries."""
    provider.fails(429, **{"Retry-After": "7"})
    with pytest.raises(ModelOverloaded) as caught:
        await transport.send(MODEL, request(), 60)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize(
    "body",
    ["<html>", '{"id": ', "[]", '{"choices": []}', {"choices": []}, {"x": 1}],
    ids=["html", "cut json", "list", "text of no choices", "no choices", "other json"],
)
async def test_what_is_no_completion_is_bad_output(
    provider: Provider, transport: LiteLLMTransport, body: object
) -> None:
    """A 200 without a chat completion in it is BadOutput."""
    provider.body = body
    with pytest.raises(BadOutput):
        await transport.send(MODEL, request(), 60)


async def test_a_slow_model_times_out(provider: Provider, transport: LiteLLMTransport) -> None:
    """No answer within the time-out is ModelTimeout."""
    await transport.send(MODEL, request(), 60)
    provider.hang = True
    with pytest.raises(ModelTimeout, match=r"0\.05 s"):
        await transport.send(MODEL, request(), 0.05)


async def test_a_dropped_connection_may_be_retried(
    provider: Provider, transport: LiteLLMTransport
) -> None:
    """A connection that breaks before the answer counts as overload."""
    provider.cut = True
    with pytest.raises(ModelOverloaded):
        await transport.send(MODEL, request(), 60)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "no-such-host.invalid"])
async def test_a_host_that_is_away_is_unreachable(
    transport: LiteLLMTransport, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """A refused connection and an unknown host are ModelUnreachable, and the host is named."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://{host}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with pytest.raises(ModelUnreachable) as caught:
        await transport.send(MODEL, request(), 60)
    assert host in str(caught.value)


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


async def test_nothing_of_the_content_is_logged(
    provider: Provider, transport: LiteLLMTransport, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither prompts nor keys reach our log or LiteLLM's, not even at the level DEBUG."""
    with caplog.at_level(logging.DEBUG):
        await transport.send(MODEL, request(), 60)
        provider.fails(401)
        with pytest.raises(ModelAuth):
            await transport.send(MODEL, request(), 60)
    lines = [r.getMessage() for r in caplog.records if r.name.startswith(("LiteLLM", "pointsman"))]
    assert not [line for line in lines if SECRET in line or "sk-test" in line]


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


async def test_close_is_safe(provider: Provider, transport: LiteLLMTransport) -> None:
    """Closing twice is fine, and the transport answers afterwards."""
    await transport.aclose()
    await transport.aclose()
    assert (await transport.send(MODEL, request(), 60)).text == "hi"


async def test_an_empty_key_is_said_to_be_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is set to nothing is no key: the error names it, and nothing is sent."""
    monkeypatch.setenv("OPENAI_API_KEY", " ")
    request = ModelRequest(turns=(Turn(role="user", content="hi"),))
    with pytest.raises(ModelAuth, match="OPENAI_API_KEY is empty"):
        await LiteLLMTransport().send("openai/gpt-4o-mini", request, 30.0)
