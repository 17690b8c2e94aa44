"""LiteLLMTransport: every provider that LiteLLM knows, one call at a time and never a retry.

LiteLLM is imported in a worker thread at the first call: it costs about five seconds of CPU. It is
told by environment switches, set just before (and only where the user set none), to fetch nothing,
to read no `.env` file and to log no more than errors. Its own exceptions end in `faults.py`.
"""

import asyncio
import importlib
import logging
import os
import sys
import warnings
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Protocol, cast

from pydantic import BaseModel, Field, JsonValue, ValidationError

from pointsman.errors import (
    BadOutput,
    Misconfigured,
    ModelAuth,
    ModelOverloaded,
    ModelTimeout,
    UnknownModel,
    is_control_flow,
)
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway import wire
from pointsman.nodes.gateway.chunks import Assembled
from pointsman.nodes.gateway.embedding import packed
from pointsman.nodes.gateway.faults import Vendor, fault
from pointsman.nodes.gateway.shape import choice_schema
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Read

SWITCHES = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_OFFLINE_MODE": "true",
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
}

TOKENS = "litellm.litellm_core_utils.default_encoding"
"""LiteLLM's tokenizer, which it imports when a stream ends."""

LATE = ("openai.resources", "openai.resources.chat.completions", "litellm.proxy._types")

ANSWERS = "litellm.types.utils"
"""Where LiteLLM has the classes of what it answers."""

CLIENT_TIMEOUT = 3600.0
"""LiteLLM keeps one connection pool per time-out value, so it always gets this one; ours is kept
around the call."""

CHOICE_TOKENS = 64
"""Room for a choice inside its JSON object, where the request asks for fewer tokens."""


class LiteLLM(Vendor, Protocol):
    """What is used of the module `litellm`."""

    suppress_debug_info: bool

    async def acompletion(
        self, *, model: str, messages: list[JsonObject], timeout: float, max_retries: int,
        drop_params: bool, **options: JsonValue,
    ) -> BaseModel | AsyncIterator[BaseModel]: ...  # fmt: skip
    async def aembedding(
        self, *, model: str, input: list[str], timeout: float, max_retries: int  # noqa: A002 (LiteLLM's name)
    ) -> BaseModel: ...  # fmt: skip
    def get_supported_openai_params(self, *, model: str) -> list[str] | None: ...
    def supports_response_schema(self, *, model: str) -> bool: ...


class LiteLLMTransport:
    """Reaches any provider by LiteLLM's model names, e.g. `openai/gpt-4o-mini`, `ollama/llama3`.

    Keys and base URLs come from the environment, as LiteLLM's own documents name them.
    """

    def __init__(self) -> None:
        self._litellm: LiteLLM | None = None

    async def send(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        """Ask the model once. The first call also imports LiteLLM, inside the time-out.

        With `read` the answer is streamed, and comes without LiteLLM's own figure of its cost.

        Raises ModelAuth, UnknownModel, MissingExtra, ModelOverloaded, ModelTimeout,
        ModelUnreachable, ModelRejected or BadOutput, with none of the provider's own words.
        """
        try:
            async with asyncio.timeout(timeout):
                if self._litellm is None:
                    self._litellm = await asyncio.to_thread(load)
                if read is not None and TOKENS not in sys.modules:
                    await asyncio.to_thread(_imported, TOKENS)
                return await self._send(self._litellm, model, request, read)
        except TimeoutError as error:
            raise ModelTimeout(f"Model {model} gave no answer in {timeout:g} s.") from error

    async def _send(
        self, litellm: LiteLLM, model: str, request: ModelRequest, read: Read | None
    ) -> ModelReply:
        provider = _provider(litellm, model)
        _refuse_blank_key(model, provider)
        schema = _schema(litellm, model, request)
        started = asyncio.get_running_loop().time()
        try:
            response = await litellm.acompletion(
                model=model,
                messages=wire.messages(request, instruct=schema is None),
                timeout=CLIENT_TIMEOUT,
                max_retries=0,
                # For temperature and the like. Tools are never dropped: see `_options`.
                drop_params=True,
                **_options(litellm, model, request, schema, stream=read is not None),
            )
        except Exception as error:
            if is_control_flow(error):
                raise
            # The provider's words may repeat the key or the prompt: they stay out of tracebacks.
            raise fault(litellm, error, model=model, provider=provider) from None
        if isinstance(response, BaseModel):
            reply = replace(
                wire.read_reply(response.model_dump(), model, request), usd=_cost(response)
            )
            if read is not None and reply.text:
                read(reply.text)
        else:
            completion = await _streamed(litellm, response, model, provider, read)
            reply = wire.read_reply(completion, model, request)
        return replace(reply, seconds=asyncio.get_running_loop().time() - started)

    async def embed(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        """Embed the text of the request's last turn; the reply's text is the vector, packed.
        Nothing is read as it comes. Raises as `send` does."""
        try:
            async with asyncio.timeout(timeout):
                if self._litellm is None:
                    self._litellm = await asyncio.to_thread(load)
                return await _embedded(self._litellm, model, request.turns[-1].content)
        except TimeoutError as error:
            raise ModelTimeout(f"Model {model} gave no answer in {timeout:g} s.") from error

    async def aclose(self) -> None:
        """Nothing to close: LiteLLM keeps one pool of connections per process and event loop, which
        other teams may be using, and closes it when the loop ends or the process exits."""


class _Numbers(BaseModel):
    embedding: list[float]


class _Embedding(BaseModel):
    data: list[_Numbers] = Field(min_length=1)
    usage: wire.Tokens | None = None


async def _embedded(litellm: LiteLLM, model: str, text: str) -> ModelReply:
    provider = _provider(litellm, model)
    _refuse_blank_key(model, provider)
    started = asyncio.get_running_loop().time()
    try:
        response = await litellm.aembedding(
            model=model, input=[text], timeout=CLIENT_TIMEOUT, max_retries=0
        )
    except Exception as error:
        if is_control_flow(error):
            raise
        raise fault(litellm, error, model=model, provider=provider) from None
    try:
        made = _Embedding.model_validate(response.model_dump())
    except ValidationError:
        raise BadOutput(f"Model {model} answered something that is no embedding.") from None
    return ModelReply(
        model=model,
        text=packed(made.data[0].embedding),
        usage=(made.usage or wire.Tokens()).usage(),
        usd=_cost(response),
        seconds=asyncio.get_running_loop().time() - started,
    )


def _refuse_blank_key(model: str, provider: str) -> None:
    """LiteLLM takes an empty key for one, and the request fails as if the answer were at fault."""
    name = f"{provider.upper()}_API_KEY"
    key = os.environ.get(name)
    if key is not None and not key.strip():
        raise ModelAuth(
            f"Model {model} needs a key and {name} is empty.", hint=f"Set {name}, or unset it."
        )


def load() -> LiteLLM:
    """Import LiteLLM, quietly and offline. Takes seconds the first time; call it off the loop."""
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)
    litellm = cast("LiteLLM", importlib.import_module("litellm"))
    litellm.suppress_debug_info = True
    for name in LATE:
        # What the first call would import on the event loop, which would wait half a second for it.
        _imported(name)
    _build_answers()
    if os.environ["LITELLM_LOG"] == SWITCHES["LITELLM_LOG"]:
        for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
            # Below this it logs prompts and answers as soon as the root logger lets it.
            logging.getLogger(name).setLevel(logging.ERROR)
    return litellm


def _imported(name: str) -> None:
    with suppress(ImportError):
        importlib.import_module(name)


def _build_answers() -> None:
    """Let pydantic build the classes of LiteLLM's answers, which it would do at the first answer.

    Building warns, and the filter that LiteLLM sets when it is imported is gone where a
    `warnings.catch_warnings` was around the import, as it is around each test of pytest. Where
    warnings are errors, every answer would then be taken for a broken one.
    """
    warnings.filterwarnings("ignore", message=".*`ReadOnly` qualifier", category=UserWarning)
    for kind in tuple(vars(sys.modules[ANSWERS]).values()):
        if isinstance(kind, type) and kind.__module__ == ANSWERS and issubclass(kind, BaseModel):
            kind.model_rebuild(raise_errors=False)


def _provider(litellm: LiteLLM, model: str) -> str:
    try:
        name, provider, *_ = litellm.get_llm_provider(model)
    except Exception as error:
        if is_control_flow(error):
            raise
        name, provider = "", ""
    if not name:
        raise UnknownModel(
            f"No provider is known for model {model!r}.",
            hint='Write it as provider/model, e.g. "openai/gpt-4o-mini".',
        )
    return provider


def _schema(litellm: LiteLLM, model: str, request: ModelRequest) -> JsonObject | None:
    """The `response_format` to ask for; None where none is needed or the model knows none."""
    wanted = choice_schema(request.choices) if request.choices else request.output_schema
    if wanted is None or not litellm.supports_response_schema(model=model):
        return None
    # Only our own choice schema is sure to fit what providers call strict.
    strict = bool(request.choices)
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": wanted, "strict": strict},
    }


async def _streamed(
    litellm: LiteLLM, stream: AsyncIterator[BaseModel], model: str, provider: str, read: Read | None
) -> JsonObject:
    """The completion that a stream makes. Raises ModelOverloaded for one that is cut."""
    made = Assembled()
    while True:
        try:
            chunk = await anext(stream, None)
        except Exception as error:
            if is_control_flow(error):
                raise
            raise fault(litellm, error, model=model, provider=provider) from None
        if chunk is None:
            break
        text = made.add(cast("JsonObject", chunk.model_dump()))
        if text and read is not None:
            read(text)
    # LiteLLM makes up a last event where the provider's stream ended without one, and a whole
    # stream where the provider sent something else.
    if getattr(stream, "received_finish_reason", "stop") is None:
        if not made.says_something:
            return {}
        raise ModelOverloaded(f"The answer of model {model} was cut off in the middle.")
    return made.completion()


def _options(
    litellm: LiteLLM, model: str, request: ModelRequest, schema: JsonObject | None, *, stream: bool
) -> JsonObject:
    options: JsonObject = {
        "max_tokens": max(request.max_tokens, CHOICE_TOKENS if request.choices else 1),
        "temperature": request.temperature,
    }
    if stream:
        options["stream"] = True
        options["stream_options"] = {"include_usage": True}
    if schema is not None:
        options["response_format"] = schema
    if request.tools:
        if "tools" not in (litellm.get_supported_openai_params(model=model) or ()):
            raise Misconfigured(
                f"Model {model} cannot call tools.", hint="Give the tier a model that can."
            )
        options["tools"] = [wire.tool(tool) for tool in request.tools]
        # Else LiteLLM looks among the tools for MCP servers of its proxy, and to look it imports
        # `mcp`, which it does not install (1.106).
        options["_skip_mcp_handler"] = True
    return options


def _cost(response: BaseModel) -> float | None:
    """LiteLLM's own figure; None where its price list does not know the model."""
    hidden = cast("object", getattr(response, "_hidden_params", None))
    usd = cast("JsonObject", hidden).get("response_cost") if isinstance(hidden, dict) else None
    return float(usd) if isinstance(usd, int | float) else None
