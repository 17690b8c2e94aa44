"""Cost: what models cost, what a call can cost at most, and what an answer did cost."""

import asyncio
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel, Field, JsonValue, ValidationError

from pointsman.errors import Misconfigured
from pointsman.nodes.digest import canonical
from pointsman.nodes.gateway.providers import provider_of
from pointsman.nodes.gateway.shape import json_object
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Usage
from pointsman.nodes.message import Turn

log = logging.getLogger("pointsman.gateway")

BYTES_PER_TOKEN = 3
"""Ordinary text, code and CJK text in UTF-8 have at least this many bytes a token. Text that has
fewer is under-estimated: that difference is the reservation error."""

TOKENS_PER_TURN = 8
"""Room for what a chat template puts around each turn."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    input: float
    output: float
    cached: float | None = None
    """Of input that the provider reads from its own prompt cache; None: the same as `input`."""
    context: int | None = None
    """Tokens the model reads at most, where known: which model of a chain reads more."""

    def __post_init__(self) -> None:
        usds = (self.input, self.output, self.cached or 0.0)
        if not all(math.isfinite(usd) and usd >= 0 for usd in usds) or (self.context or 1) < 1:
            raise Misconfigured(
                f"{self!r} is no price.", hint="Give US dollars per million tokens, 0 or more."
            )

    def of(self, usage: Usage) -> float:
        """What these tokens cost, in US dollars."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        of_cached = self.input if self.cached is None else self.cached
        tokens_usd = (usage.input_tokens - cached) * self.input + cached * of_cached
        return (tokens_usd + usage.output_tokens * self.output) / 1_000_000


FREE = Price(0.0, 0.0)
_FREE_PROVIDERS = frozenset({"embedded", "scripted"})


class Prices:
    """What models cost: the user's own list, then LiteLLM's. An unknown price is None, never 0."""

    def __init__(self, own: Mapping[str, Price] | None = None) -> None:
        self._own = dict(own or {})
        self._published: dict[str, Price | None] = {}
        self._said: set[str] = set()

    async def most(self, model: str, request: ModelRequest) -> float | None:
        """The most the call can cost, in US dollars; None where the price is not known."""
        price = await self.price(model)
        return None if price is None else price.of(_whole(request))

    async def worst(self, model: str, request: ModelRequest) -> float | None:
        """The most the call can cost, in US dollars; None where the price is not known (said once
        a model in the log, since a budget in dollars cannot bound such a call)."""
        price = await self.price(model)
        if price is None:
            if model not in self._said:
                self._said.add(model)
                log.warning(
                    "the price of model %s is not known, so a budget in USD cannot bound it; "
                    "give prices={%r: Price(input=..., output=...)}",
                    model,
                    model,
                )
            return None
        return price.of(_whole(request))

    async def price(self, model: str) -> Price | None:
        """The model's price: the user's, else the published one; None where neither is known."""
        listed = self._listed(model)
        if listed is None and model not in self._published:
            self._published[model] = await asyncio.to_thread(published_price, model)
        return listed or self._published.get(model)

    async def context(self, model: str) -> int | None:
        """Tokens the model reads at most; None where that is not known."""
        own = self._own.get(model)
        if own is not None and own.context is not None:
            return own.context
        return await asyncio.to_thread(published_context, model)

    def actual(self, model: str, reply: ModelReply) -> float | None:
        """What the answer cost: by the user's own price, else what the transport says, else by the
        published price, once `price` has looked it up."""
        own = self._own.get(model)
        told = reply.usage != Usage()
        if own is not None and told:
            return own.of(reply.usage)
        if reply.usd is not None:
            return reply.usd
        if self._listed(model) == FREE:
            return 0.0
        published = self._published.get(model)
        return published.of(reply.usage) if published is not None and told else None

    def free(self, model: str) -> bool:
        """Whether calls of the model are known to cost nothing."""
        return self._listed(model) == FREE

    def _listed(self, model: str) -> Price | None:
        free = FREE if provider_of(model) in _FREE_PROVIDERS else None
        return self._own.get(model, free)


def _whole(request: ModelRequest) -> Usage:
    return Usage(input_tokens(request), request.max_tokens)


def input_tokens(request: ModelRequest) -> int:
    """An upper estimate of a request's input tokens, from its size in bytes."""
    turns = [*request.turns, *(turn for example in request.examples for turn in example)]
    size = sum(_bytes(turn) for turn in turns)
    size += sum(
        len(canonical([tool.name, tool.description, tool.parameters])) for tool in request.tools
    )
    size += sum(len(choice.encode("utf-8", "replace")) for choice in request.choices)
    if request.output_schema is not None:
        size += len(canonical(request.output_schema))
    return math.ceil(size / BYTES_PER_TOKEN) + TOKENS_PER_TURN * (len(turns) + 2)


def _bytes(turn: Turn) -> int:
    calls = sum(len(call.name) + len(canonical(call.args)) for call in turn.tool_calls)
    return len(turn.content.encode("utf-8", "replace")) + calls


class _Listed(BaseModel):
    litellm_provider: str
    input_cost_per_token: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    output_cost_per_token: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    cache_read_input_token_cost: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    max_input_tokens: int | None = Field(default=None, ge=0)

    def price(self) -> Price | None:
        """Per million tokens."""
        cached = self.cache_read_input_token_cost
        if self.input_cost_per_token is None or self.output_cost_per_token is None:
            return None
        return Price(
            self.input_cost_per_token * 1e6,
            self.output_cost_per_token * 1e6,
            None if cached is None else cached * 1e6,
            self.max_input_tokens or None,
        )


_PRICE_FILE = "model_prices_and_context_window_backup.json"


def published_price(model: str) -> Price | None:
    """The model's price in the list that LiteLLM ships, read without importing LiteLLM.

    None where it lists none. Reads a file of 3 MB the first time: call it off the loop.
    """
    listed = _listed(model)
    return None if listed is None else listed.price()


def published_context(model: str) -> int | None:
    """The tokens that the model reads at most by the same list; None where it does not say."""
    listed = _listed(model)
    return None if listed is None else listed.max_input_tokens or None


def _listed(model: str) -> _Listed | None:
    provider, _, name = model.partition("/")
    whole, bare = _entry(_list().get(model)), _entry(_list().get(name))
    return whole or (bare if bare is not None and bare.litellm_provider == provider else None)


def _entry(listed: JsonValue) -> _Listed | None:
    try:
        return _Listed.model_validate(listed)
    except ValidationError:
        return None


@lru_cache(maxsize=1)
def _list() -> Mapping[str, JsonValue]:
    """What of the file's entries is used, by name; empty where there is no file."""
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        return {}
    try:
        text = (Path(spec.origin).parent / _PRICE_FILE).read_text("utf-8")
    except OSError:
        return {}
    used = _Listed.model_fields.keys()
    return {
        name: {key: value for key, value in entry.items() if key in used}
        for name, entry in (json_object(text) or {}).items()
        if isinstance(entry, dict)
    }
