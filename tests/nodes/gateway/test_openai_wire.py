"""The lean transport's own: streams, providers, and what it sends to each."""

import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import ModelAuth, ModelOverloaded, ModelRejected, UnknownModel
from pointsman.nodes.gateway.chunks import Assembled, events
from pointsman.nodes.gateway.openai_wire import OpenAIWireTransport
from pointsman.nodes.gateway.providers import PROVIDERS, base_of
from pointsman.nodes.gateway.transport import Usage
from pointsman.nodes.message import ToolCall
from tests.nodes.gateway.provider import MODEL, Provider, request


def delta(**said: object) -> dict[str, object]:
    """One event of a stream."""
    return {"choices": [{"index": 0, "delta": said, "finish_reason": None}]}


TEXT = [delta(role="assistant", content=""), delta(content="Hel"), delta(content="lo, Zoë")]
USAGE = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}}


class Stream:
    """A server whose answer is streamed in the pieces that the test sets."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.asked: list[dict[str, object]] = []
        self.cut = False
        self.port = 0

    def say(self, *said: object, done: bool = True) -> None:
        """Answer with these events."""
        lines = [f"data: {json.dumps(one, ensure_ascii=False)}\n\n".encode() for one in said]
        self.pieces = [*lines, *([b"data: [DONE]\n\n"] if done else [])]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer as set."""
        self.asked.append(await request.json())
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in self.pieces:
            await response.write(piece)
        if self.cut and request.transport:
            request.transport.abort()
        return response


@pytest.fixture
async def stream() -> AsyncIterator[Stream]:
    """The server."""
    server = Stream()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.answer)
    app.router.add_post("/moved/chat/completions", _moved)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    yield server
    await runner.cleanup()


async def _moved(request: web.Request) -> web.Response:
    return web.Response(status=307, headers={"Location": "/v1/chat/completions"})


@pytest.fixture
async def lean(stream: Stream) -> AsyncIterator[OpenAIWireTransport]:
    """The transport, its environment pointing at the server."""
    url = f"http://127.0.0.1:{stream.port}/v1"
    transport = OpenAIWireTransport({"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-t"}.get)
    yield transport
    await transport.aclose()


async def test_a_stream_is_read_as_it_comes(stream: Stream, lean: OpenAIWireTransport) -> None:
    """The reader gets each piece; the reply is the whole, with the usage of the last event."""
    stream.say(*TEXT, USAGE)
    heard: list[str] = []
    reply = await lean.send(MODEL, request(), 30, heard.append)
    assert heard == ["Hel", "lo, Zoë"]
    assert (reply.text, reply.usage) == ("Hello, Zoë", Usage(9, 4))
    assert stream.asked[0]["stream"] is True


async def test_tool_calls_are_put_together(stream: Stream, lean: OpenAIWireTransport) -> None:
    """Names and arguments come in pieces, of several calls at once."""
    stream.say(
        delta(tool_calls=[{"index": 0, "id": "a", "function": {"name": "pay", "arguments": ""}}]),
        delta(tool_calls=[{"index": 1, "id": "b", "function": {"name": "say", "arguments": "{}"}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": '{"usd"'}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ": 3}"}}]),
    )
    reply = await lean.send(MODEL, request(), 30, [].append)
    assert reply.tool_calls == (
        ToolCall(id="a", name="pay", args={"usd": 3}),
        ToolCall(id="b", name="say", args={}),
    )


@pytest.mark.parametrize("cut", [True, False], ids=["connection", "end"])
async def test_a_stream_that_is_cut_is_no_answer(
    stream: Stream, lean: OpenAIWireTransport, cut: bool
) -> None:
    """Half an answer is never taken for a whole one."""
    stream.say(*TEXT, done=False)
    stream.cut = cut
    with pytest.raises(ModelOverloaded):
        await lean.send(MODEL, request(), 30, [].append)


async def test_an_error_inside_a_stream_is_one(stream: Stream, lean: OpenAIWireTransport) -> None:
    """A provider that fails half-way says so in an event; its words stay inside."""
    stream.say(*TEXT, {"error": {"message": "secret sk-t", "code": 500}})
    with pytest.raises(ModelOverloaded) as caught:
        await lean.send(MODEL, request(), 30, [].append)
    assert "sk-t" not in str(caught.value)


async def test_a_server_that_does_not_stream_is_read_whole(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a stream was asked for and one piece comes, that is the answer."""
    import os

    lean = OpenAIWireTransport(os.environ.get)
    heard: list[str] = []
    assert (await lean.send(MODEL, request(), 30, heard.append)).text == "hi"
    assert heard == ["hi"]
    await lean.aclose()


async def test_a_redirect_is_not_followed(stream: Stream) -> None:
    """A key goes to the host that was named, and to no other."""
    url = f"http://127.0.0.1:{stream.port}/moved"
    lean = OpenAIWireTransport({"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-t"}.get)
    with pytest.raises(UnknownModel, match="307"):
        await lean.send(MODEL, request(), 30)
    await lean.aclose()
    assert stream.asked == []


@pytest.mark.parametrize("name", sorted(PROVIDERS))
async def test_each_provider_gets_what_it_takes(stream: Stream, name: str) -> None:
    """The bound on tokens under its own name; a schema only where one is taken."""
    stream.say(delta(content='{"choice": "a"}'), USAGE)
    known = PROVIDERS[name]
    url = f"http://127.0.0.1:{stream.port}/v1"
    told = dict.fromkeys((*known.url_variables, "OLLAMA_API_BASE"), url)
    told |= dict.fromkeys(known.key_variables, "k")
    lean = OpenAIWireTransport(told.get)
    reply = await lean.send(f"{name}/m", request(choices=("a", "b")), 30, [].append)
    await lean.aclose()
    (asked,) = stream.asked
    assert reply.text == "a"
    assert known.tokens_field in asked
    assert ("response_format" in asked) is known.schemas
    assert asked["model"] == "m"


async def test_a_model_that_reasons_gets_no_temperature(
    stream: Stream, lean: OpenAIWireTransport
) -> None:
    """OpenAI refuses a temperature for these."""
    stream.say(*TEXT)
    await lean.send("openai/gpt-5-mini", request(), 30, [].append)
    assert "temperature" not in stream.asked[0]


async def test_a_key_that_is_missing_is_named() -> None:
    """And one that is not needed is not asked for."""
    lean = OpenAIWireTransport({}.get)
    with pytest.raises(ModelAuth, match="GROQ_API_KEY is not set"):
        await lean.send("groq/llama", request(), 5)
    with pytest.raises(ModelRejected, match="no name"):
        await lean.send("ollama/", request(), 5)
    await lean.aclose()


def test_ollama_is_found_where_litellm_looks() -> None:
    """LiteLLM's variable names the server without `/v1`."""
    assert base_of("ollama", {"OLLAMA_API_BASE": "http://h:1/"}.get) == "http://h:1/v1"
    assert base_of("ollama", {"OLLAMA_API_BASE": "http://h:1/v1"}.get) == "http://h:1/v1"


@given(st.lists(st.integers(1, 40), max_size=30), st.text(max_size=60))
async def test_where_a_stream_is_cut_into_pieces_does_not_matter(
    cuts: list[int], text: str
) -> None:
    """Lines and characters that come in halves are read whole."""
    raw = b"".join(
        f"data: {json.dumps(one, ensure_ascii=True)}\r\n\r\n".encode()
        for one in (delta(content=text), delta(content="!"))
    )
    raw += b": a comment\n\ndata: [DONE]\n\n"

    async def pieces() -> AsyncIterator[bytes]:
        at = 0
        for size in cuts:
            yield raw[at : at + size]
            at += size
        yield raw[at:]

    made = Assembled()
    async for event in events(pieces(), model="m"):
        made.add(event)
    choices = made.completion()["choices"]
    assert isinstance(choices, list)
    assert choices[0]["message"]["content"] == f"{text}!"  # type: ignore[index]
