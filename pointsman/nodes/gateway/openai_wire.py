"""The lean transport: one plain HTTP call in OpenAI's chat-completions format, and never a retry.

LiteLLM costs 6 to 8 ms of CPU a call; this is for the providers that need no translation. Keys and
base URLs come from the variables that LiteLLM reads, so that a model's name means the same on both.
"""

import asyncio
from collections.abc import AsyncIterable
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn, cast

from pointsman.errors import (
    ModelOverloaded,
    ModelRejected,
    ModelTimeout,
    ModelUnreachable,
    is_control_flow,
)
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway import jsonbytes, wire
from pointsman.nodes.gateway.chunks import Assembled, events
from pointsman.nodes.gateway.failure import Failed, kind_of, plain_code, seconds_of, worded
from pointsman.nodes.gateway.providers import PROVIDERS, Lookup, base_of, provider_of, reasons
from pointsman.nodes.gateway.shape import choice_schema
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Read

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

MAX_ANSWER = 32 << 20
"""Bytes an answer may have."""
CONNECTIONS = 100
CHOICE_TOKENS = 64
"""Room for a choice inside its JSON object, where the request asks for fewer tokens."""


class OpenAIWireTransport:
    """Reaches the providers of `providers.PROVIDERS` through one pool of connections a loop."""

    def __init__(self, lookup: Lookup) -> None:
        """`lookup` reads the environment: base URLs and keys, at each call."""
        self._lookup = lookup
        self._pools: dict[asyncio.AbstractEventLoop, ClientSession] = {}

    async def send(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        """Ask the model once. With `read` the answer is streamed, and `read` gets its text as it
        comes, piece by piece.

        Raises ModelAuth, UnknownModel, ModelOverloaded, ModelTimeout, ModelUnreachable,
        ModelRejected or BadOutput, with none of the provider's own words.
        """
        provider = provider_of(model)
        url = f"{base_of(provider, self._lookup)}/chat/completions"
        key = PROVIDERS[provider].key(self._lookup, model=model)
        body = jsonbytes.encode(_body(model, request, stream=read is not None), model=model)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        started = asyncio.get_running_loop().time()
        try:
            async with (
                asyncio.timeout(timeout),
                self._pool().post(
                    url, data=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                if response.status >= 300:
                    await _refused(response, model, provider)
                streamed = read is not None and _is_stream(response)
                completion = await _read(response, model, read if streamed else None)
        except TimeoutError as error:
            raise ModelTimeout(f"Model {model} gave no answer in {timeout:g} s.") from error
        except Exception as error:
            if is_control_flow(error):
                raise
            _broken(error, model, provider)
        reply = wire.read_reply(completion, model, request)
        if read is not None and not streamed and reply.text:
            read(reply.text)
        return replace(reply, seconds=asyncio.get_running_loop().time() - started)

    async def aclose(self) -> None:
        """Close the pools. Safe to call twice."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.close()

    def _pool(self) -> "ClientSession":
        from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

        loop = asyncio.get_running_loop()
        for old in [one for one in self._pools if one.is_closed()]:
            del self._pools[old]
        pool = self._pools.get(loop)
        if pool is None or pool.closed:
            pool = self._pools[loop] = ClientSession(
                connector=TCPConnector(limit=CONNECTIONS),
                timeout=ClientTimeout(total=None),
                cookie_jar=DummyCookieJar(),
                trust_env=True,
            )
        return pool


def _is_stream(response: "ClientResponse") -> bool:
    """Some servers answer a request for a stream in one piece."""
    return "text/event-stream" in response.headers.get("Content-Type", "")


async def _read(response: "ClientResponse", model: str, read: Read | None) -> JsonObject:
    chunks = cast("AsyncIterable[bytes]", response.content.iter_any())
    if read is None:
        return jsonbytes.decode_object(await _whole(chunks, model)) or {}
    made = Assembled()
    async for event in events(chunks, model=model):
        if "error" in event:
            raise ModelOverloaded(f"Model {model} failed in the middle of its answer.")
        if text := made.add(event):
            read(text)
    return made.completion()


async def _whole(chunks: AsyncIterable[bytes], model: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > MAX_ANSWER:
            raise ModelOverloaded(f"Model {model} sent more than {MAX_ANSWER} bytes.")
        parts.append(chunk)
    return b"".join(parts)


async def _refused(response: "ClientResponse", model: str, provider: str) -> NoReturn:
    said = jsonbytes.decode_object(await response.content.read(1 << 20)) or {}
    error = said.get("error")
    code = plain_code(error.get("code") if isinstance(error, dict) else None)
    kind = kind_of(response.status, code)
    raise worded(
        kind,
        Failed(
            model=model,
            provider=provider,
            status=response.status,
            code=code,
            retry_after=seconds_of(response.headers.get("Retry-After")),
            host=response.url.host or "",
            key=next(iter(PROVIDERS[provider].key_variables), ""),
        ),
    ) from None


def _broken(error: Exception, model: str, provider: str) -> NoReturn:
    """What went wrong on the way, in our words. The cause stays out: it may hold the key."""
    import aiohttp

    failed = Failed(model=model, provider=provider)
    if isinstance(error, aiohttp.InvalidURL):
        raise worded(ModelUnreachable, failed) from None
    if isinstance(error, aiohttp.ClientConnectorError):
        raise worded(ModelUnreachable, replace(failed, host=f"{error.host}:{error.port}")) from None
    if isinstance(error, aiohttp.ClientError | ConnectionError):
        raise worded(ModelOverloaded, failed) from None
    raise error


def _body(model: str, request: ModelRequest, *, stream: bool) -> JsonObject:
    provider = PROVIDERS[provider_of(model)]
    name = model.partition("/")[2]
    if not name:
        raise ModelRejected(f"Model {model!r} has no name after its provider.")
    wanted = choice_schema(request.choices) if request.choices else request.output_schema
    strict = bool(request.choices)
    schema = wanted if provider.schemas else None
    body: JsonObject = {
        "model": name,
        "messages": [*wire.messages(request, instruct=schema is None)],
        provider.tokens_field: max(request.max_tokens, CHOICE_TOKENS if request.choices else 1),
    }
    if not (provider_of(model) == "openai" and reasons(name)):
        body["temperature"] = request.temperature
    if schema is not None:
        body["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": strict},
        }
    if request.tools:
        body["tools"] = [wire.tool(tool) for tool in request.tools]
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    return body
