"""A real HTTP server that speaks the OpenAI wire format, for every transport that does."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.message import Turn

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
    embedding: object = None
    """What comes of a text to embed; None: an error."""
    embedded: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
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

    async def embed(self, request: web.Request) -> web.Response:
        """Embed as set."""
        self.embedded.append(await request.json())
        if self.embedding is None:
            return web.json_response({"error": {"message": SECRET}}, status=500)
        return web.json_response(self.embedding)

    def fails(self, status: int, code: str = "", **headers: str) -> None:
        """Answer with an error from now on, whose sentence holds what must not get out."""
        message = f"Incorrect API key provided: sk-test, {SECRET}"
        self.status, self.headers = status, headers
        self.body = {"error": {"message": message, "type": "error", "code": code or None}}


def request(text: str = SECRET, **options: object) -> ModelRequest:
    """A request with a system turn."""
    turns = (Turn(role="system", content="Be brief."), Turn(role="user", content=text))
    return ModelRequest(turns=turns, **options)  # type: ignore[arg-type]
