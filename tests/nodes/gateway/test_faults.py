"""The fault table: what each way of failing leads to, over HTTP and through the whole gateway."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from aiohttp import web

from pointsman.nodes.event import Event
from pointsman.nodes.gateway.chain import Retry
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import MemoryJournal
from pointsman.nodes.gateway.litellm import LiteLLMTransport, load
from pointsman.nodes.gateway.openai_wire import OpenAIWireTransport
from pointsman.nodes.gateway.transport import Transport
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.run import Run
from tests.nodes.gateway.provider import completion, request

BAD, GOOD = "openai/bad", "openai/good"
DOCUMENT = Path(__file__).parents[3] / "docs" / "cost.md"
SLOW = 0.6
"""Seconds that the slow servers are given."""

Answer = Callable[["Server", web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """An OpenAI-compatible server: the model `good` answers, `bad` has the fault."""

    fault: Answer
    asked: Counter[str] = field(default_factory=Counter[str])
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer as the model that is asked."""
        body = await request.json()
        self.asked[body["model"]] += 1
        if body["model"] == "bad":
            return await self.fault(self, request)
        if not body.get("stream"):
            return web.json_response(completion("fine"))
        return await stream(request, "fi", "ne", done=True)


async def stream(request: web.Request, *pieces: str, done: bool) -> web.StreamResponse:
    """A streamed answer; without `done` the server falls silent after the pieces."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for piece in pieces:
        choice = {"index": 0, "delta": {"content": piece}, "finish_reason": None}
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        await response.write(f"data: {json.dumps(chunk | {'choices': [choice]})}\n\n".encode())
    if done:
        end = {"index": 0, "delta": {}, "finish_reason": "stop"}
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        await response.write(f"data: {json.dumps(chunk | {'choices': [end]})}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
    return response


def status(code: int, error: str = "", **headers: str) -> Answer:
    """An error of that status."""

    async def answer(server: Server, request: web.Request) -> web.StreamResponse:
        body = {"error": {"message": "no", "type": "error", "code": error or None}}
        return web.json_response(body, status=code, headers=headers)

    return answer


def text(body: str, kind: str = "application/json") -> Answer:
    """A 200 with that body."""

    async def answer(server: Server, request: web.Request) -> web.StreamResponse:
        return web.Response(text=body, content_type=kind)

    return answer


async def slow_headers(server: Server, request: web.Request) -> web.StreamResponse:
    """Nothing comes."""
    await server.released.wait()
    return web.Response()


async def slow_body(server: Server, request: web.Request) -> web.StreamResponse:
    """The headers and the first bytes come, and then nothing."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"id": "c1", ')
    await server.released.wait()
    return response


async def slow_stream(server: Server, request: web.Request) -> web.StreamResponse:
    """A piece comes, and then nothing."""
    response = await stream(request, "fi", done=False)
    await server.released.wait()
    return response


async def dropped(server: Server, request: web.Request) -> web.StreamResponse:
    """The connection breaks."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cut_stream(server: Server, request: web.Request) -> web.StreamResponse:
    """The stream ends without its end."""
    return await stream(request, "fi", done=False)


async def broken_stream(server: Server, request: web.Request) -> web.StreamResponse:
    """The connection breaks in the middle of the stream."""
    response = await stream(request, "fi", done=False)
    assert request.transport is not None
    request.transport.abort()
    return response


async def moved(server: Server, request: web.Request) -> web.StreamResponse:
    """A redirect to another place."""
    return web.Response(status=307, headers={"Location": "/elsewhere"})


@dataclass(frozen=True)
class Fault:
    """One row of the table."""

    name: str
    answer: Answer
    calls: int
    """To the model that has the fault."""
    error: str
    waits: str
    answers: Literal["next", "none"] = "next"
    streamed: bool | None = None
    """Only where the answer is streamed, or only where it is not."""
    slow: bool = False


JITTER = "twice, random"
FAULTS = (
    Fault("429 with Retry-After", status(429, **{"Retry-After": "0.01"}), 3, "ModelOverloaded",
          "twice, Retry-After at least"),
    Fault("429 with a Retry-After above 20 s", status(429, **{"Retry-After": "60"}), 1,
          "ModelOverloaded", "none"),
    Fault("429, nothing left on the account", status(429, "insufficient_quota"), 1, "ModelAuth",
          "none"),
    Fault("500", status(500), 3, "ModelOverloaded", JITTER),
    Fault("503", status(503), 3, "ModelOverloaded", JITTER),
    Fault("401", status(401), 1, "ModelAuth", "none"),
    Fault("404", status(404), 1, "UnknownModel", "none"),
    Fault("400", status(400), 1, "ModelRejected", "none", "none"),
    Fault("400, context too long", status(400, "context_length_exceeded"), 1, "ContextOverflow",
          "none"),
    Fault("400, content policy", status(400, "content_policy_violation"), 1, "ContentRefused",
          "none", "none"),
    Fault("connection dropped", dropped, 3, "ModelOverloaded", JITTER),
    Fault("slow headers", slow_headers, 1, "ModelTimeout", "the time-out", slow=True),
    Fault("slow body", slow_body, 1, "ModelTimeout", "the time-out", slow=True, streamed=False),
    Fault("slow stream", slow_stream, 1, "ModelTimeout", "the time-out", slow=True, streamed=True),
    Fault("stream ends without its end", cut_stream, 3, "ModelOverloaded", JITTER, streamed=True),
    Fault("connection breaks in a stream", broken_stream, 3, "ModelOverloaded", JITTER,
          streamed=True),
    Fault("malformed JSON", text('{"id": "c1", "choices": ['), 1, "BadOutput", "none"),
    Fault("empty choices", text('{"id": "c1", "choices": []}'), 1, "BadOutput", "none"),
    Fault("HTML instead of JSON", text("<html>hello</html>", "text/html"), 1, "BadOutput", "none"),
    Fault("redirect", moved, 1, "UnknownModel", "none"),
)  # fmt: skip

CASES = [
    pytest.param(fault, streamed, id=f"{fault.name}{', streamed' if streamed else ''}")
    for fault in FAULTS
    for streamed in (False, True)
    if fault.streamed in (None, streamed)
]


class Heard:
    """A reader that remembers."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.restarts = 0

    def text(self, piece: str) -> None:
        """Keep it."""
        self.pieces.append(piece)

    def restart(self) -> None:
        """Forget what came."""
        self.pieces.clear()
        self.restarts += 1


@pytest.fixture
async def serve(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Awaitable[Server]]]:
    """Starts the server of a fault, with the environment pointing at it."""
    runners: list[tuple[web.AppRunner, Server]] = []

    async def start(fault: Answer) -> Server:
        server = Server(fault)
        app = web.Application()
        app.router.add_post("/v1/chat/completions", server.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        runners.append((runner, server))
        return server

    yield start
    for runner, server in runners:
        server.released.set()
        await runner.cleanup()


def _transport(name: str) -> Transport:
    return OpenAIWireTransport(os.environ.get) if name == "lean" else LiteLLMTransport()


LITELLM = pytest.param(
    "litellm",
    # LiteLLM leaves broken connections to the collector.
    marks=pytest.mark.filterwarnings(
        "ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"
    ),
)


@pytest.mark.parametrize("kind", ["lean", LITELLM])
@pytest.mark.parametrize(("fault", "streamed"), CASES)
async def test_each_fault_has_its_row(
    serve: Callable[..., Awaitable[Server]],
    run: Callable[..., Run],
    fault: Fault,
    streamed: bool,
    kind: str,
) -> None:
    """Calls made, error class and the model that answers are those of the table, whichever HTTP
    transport is used and whether the answer is streamed; and half an answer is never kept."""
    server = await serve(fault.answer)
    if kind == "litellm":
        load()
    transport = _transport(kind)
    await transport.send(GOOD, request(), 60)
    gateway = ModelGateway(
        chains={"fast": (BAD, GOOD)},
        transports=Transports({"openai": lambda: transport}),
        journal=MemoryJournal(),
        timeout=SLOW if fault.slow else 60,
        retry=Retry(first=0.001),
    )
    heard, seen = Heard(), list[Event]()
    step = run()
    object.__setattr__(step, "emit", seen.append)
    server.asked.clear()
    try:
        reply = await gateway.complete(request(), step, heard if streamed else None)
        answered = "next" if reply.model == GOOD else "bad"
        error = reply.fallbacks[0].error
    except Exception as raised:
        answered, error = "none", type(raised).__name__
    finally:
        await gateway.aclose()
    failed = [e.error for e in seen if e.kind == "model_failed"]
    assert (server.asked["bad"], error, answered) == (fault.calls, fault.error, fault.answers)
    assert failed == [fault.error]
    if streamed:
        assert "".join(heard.pieces) == ("fine" if fault.answers == "next" else "")


def test_the_document_has_the_same_table() -> None:
    """The rows of `docs/cost.md` are the rows above."""
    where = {None: "", True: " (streamed)", False: " (not streamed)"}
    who = {"next": "the next model", "none": "nobody"}
    rows = [
        f"| {f.name}{where[f.streamed]} | {f.calls} | {f.waits} | {f.error} | {who[f.answers]} |"
        for f in FAULTS
    ]
    section = DOCUMENT.read_text("utf-8").partition("## Faults")[2].partition("\n## ")[0]
    written = [line for line in section.splitlines() if line.startswith("| ")]
    assert written[1:] == rows
