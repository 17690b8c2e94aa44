"""What every transport over the OpenAI wire format promises, against a real HTTP server."""

import json
import logging
import os
from collections.abc import AsyncIterator

import pytest

from pointsman.errors import (
    BadOutput,
    ContentRefused,
    ContextOverflow,
    ModelAuth,
    ModelOverloaded,
    ModelRejected,
    ModelTimeout,
    ModelUnreachable,
    PointsmanError,
    UnknownModel,
)
from pointsman.nodes.gateway.litellm import LiteLLMTransport
from pointsman.nodes.gateway.openai_wire import OpenAIWireTransport
from pointsman.nodes.gateway.transport import ModelRequest, ToolSpec, Transport
from pointsman.nodes.message import ToolCall, Turn
from tests.nodes.gateway.provider import (
    MODEL,
    SECRET,
    Provider,
    completion,
    request,
    tool_call,
)


@pytest.fixture(params=["litellm", "lean"])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    """The transports under test."""
    lean = request.param == "lean"
    transport = OpenAIWireTransport(os.environ.get) if lean else LiteLLMTransport()
    yield transport
    await transport.aclose()


async def test_a_whole_transcript_goes_over_the_wire(
    provider: Provider, transport: Transport
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
    provider: Provider, transport: Transport
) -> None:
    """A tool's schema reaches the provider and its call comes back with JSON arguments."""
    provider.body = completion(None, tool_calls=[tool_call('{"usd": 3}')])
    spec = ToolSpec("refund", "Pay back.", {"type": "object", "properties": {}})
    reply = await transport.send(MODEL, request(tools=(spec,)), 60)
    assert reply.tool_calls == (ToolCall(id="k1", name="refund", args={"usd": 3}),)
    bounds = {"max_tokens", "max_completion_tokens"}
    assert set(provider.asked[0]) - bounds == {"model", "messages", "tools", "temperature"}
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


ODD = ("{", "[1]", '"x"', "NaN", '{"usd": NaN}', '{"usd": -Infinity}', '{"usd": 1e999}')


@pytest.mark.parametrize("arguments", ODD)
async def test_tool_arguments_must_be_an_object(
    provider: Provider, transport: Transport, arguments: str
) -> None:
    """Arguments that are no JSON object are BadOutput."""
    provider.body = completion(None, tool_calls=[tool_call(arguments)])
    with pytest.raises(BadOutput, match="arguments"):
        await transport.send(MODEL, request(), 60)


async def test_tool_arguments_are_read_without_loss(
    provider: Provider, transport: Transport
) -> None:
    """An account number of thirty digits is not rounded; of a name that comes twice the last one
    counts."""
    number = 123_456_789_012_345_678_901_234_567_890
    provider.body = completion(None, tool_calls=[tool_call(f'{{"to": 1, "to": {number}}}')])
    reply = await transport.send(MODEL, request(), 60)
    assert reply.tool_calls[0].args == {"to": number}


@pytest.mark.parametrize("tokens", [10**30, -5])
async def test_counts_that_cannot_be_are_bad_output(
    provider: Provider, transport: Transport, tokens: int
) -> None:
    """Tokens beyond any count, or fewer than none, are no chat completion, and no bill either."""
    provider.body = completion() | {"usage": {"prompt_tokens": tokens, "completion_tokens": 1}}
    with pytest.raises(BadOutput):
        await transport.send(MODEL, request(), 60)


@pytest.mark.parametrize("said", ["billing", " billing\n", '{"choice": "billing"}', '"billing"'])
async def test_a_choice_is_read_from_word_or_json(
    provider: Provider, transport: Transport, said: str
) -> None:
    """The exact word and the JSON asked for are both the choice."""
    provider.body = completion(said)
    reply = await transport.send(MODEL, request(choices=("billing", "tech")), 60)
    assert reply.text == "billing"


@pytest.mark.parametrize("said", ["Billing!", '{"choice": "sales"}', "", '{"choice": ["tech"]}'])
async def test_anything_else_is_no_choice(
    provider: Provider, transport: Transport, said: str
) -> None:
    """An answer that is none of the choices is BadOutput, and its words are not repeated."""
    provider.body = completion(said)
    with pytest.raises(BadOutput, match="none of the 2 choices"):
        await transport.send(MODEL, request(choices=("billing", "tech")), 60)


async def test_prose_is_no_object(provider: Provider, transport: Transport) -> None:
    """Prose where an object was asked for is BadOutput."""
    provider.body = completion("Sure! {}")
    with pytest.raises(BadOutput, match="JSON object"):
        await transport.send(MODEL, request(output_schema={"type": "object"}), 60)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "", ModelRejected),
        (400, "context_length_exceeded", ContextOverflow),
        (400, "content_policy_violation", ContentRefused),
        (401, "invalid_api_key", ModelAuth),
        (402, "", ModelAuth),
        (403, "", ModelAuth),
        (404, "model_not_found", UnknownModel),
        (408, "", ModelTimeout),
        (413, "", ContextOverflow),
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
    transport: Transport,
    status: int,
    code: str,
    expected: type[PointsmanError],
) -> None:
    """A status becomes our error after one call, and the provider's sentence stays inside."""
    provider.fails(status, code)
    with pytest.raises(PointsmanError) as caught:
        await transport.send(MODEL, request(), 60)
    assert type(caught.value) is expected
    assert len(provider.asked) == 1, "a transport never retries"
    assert MODEL in str(caught.value)
    assert "sk-test" not in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_retry_after_is_kept(provider: Provider, transport: Transport) -> None:
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
    provider: Provider, transport: Transport, body: object
) -> None:
    """A 200 without a chat completion in it is BadOutput."""
    provider.body = body
    with pytest.raises(BadOutput):
        await transport.send(MODEL, request(), 60)


async def test_a_slow_model_times_out(provider: Provider, transport: Transport) -> None:
    """No answer within the time-out is ModelTimeout."""
    await transport.send(MODEL, request(), 60)
    provider.hang = True
    with pytest.raises(ModelTimeout, match=r"0\.05 s"):
        await transport.send(MODEL, request(), 0.05)


async def test_a_dropped_connection_may_be_retried(
    provider: Provider, transport: Transport
) -> None:
    """A connection that breaks before the answer counts as overload."""
    provider.cut = True
    with pytest.raises(ModelOverloaded):
        await transport.send(MODEL, request(), 60)


@pytest.mark.parametrize("host", ["127.0.0.1:1", "no-such-host.invalid"])
async def test_a_host_that_is_away_is_unreachable(
    transport: Transport, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """A refused connection and an unknown host are ModelUnreachable, and the host is named."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://{host}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with pytest.raises(ModelUnreachable) as caught:
        await transport.send(MODEL, request(), 60)
    assert host in str(caught.value)


async def test_nothing_of_the_content_is_logged(
    provider: Provider, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither prompts nor keys reach our log or LiteLLM's, not even at the level DEBUG."""
    with caplog.at_level(logging.DEBUG):
        await transport.send(MODEL, request(), 60)
        provider.fails(401)
        with pytest.raises(ModelAuth):
            await transport.send(MODEL, request(), 60)
    lines = [r.getMessage() for r in caplog.records if r.name.startswith(("LiteLLM", "pointsman"))]
    assert not [line for line in lines if SECRET in line or "sk-test" in line]


async def test_close_is_safe(provider: Provider, transport: Transport) -> None:
    """Closing twice is fine, and the transport answers afterwards."""
    await transport.aclose()
    await transport.aclose()
    assert (await transport.send(MODEL, request(), 60)).text == "hi"


async def test_an_empty_key_is_said_to_be_empty(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that is set to nothing is no key: the error names it, and nothing is sent."""
    monkeypatch.setenv("OPENAI_API_KEY", " ")
    request = ModelRequest(turns=(Turn(role="user", content="hi"),))
    with pytest.raises(ModelAuth, match="OPENAI_API_KEY is empty"):
        await transport.send("openai/gpt-4o-mini", request, 30.0)
