"""Cost: what models cost, what a call can cost at most, and what an answer did cost."""

import asyncio
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel, Field, JsonValue, ValidationError

from pointsman.errors import Misconfigured
from pointsman.nodes.digest import canonical
from pointsman.nodes.gateway.shape import json_object
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Usage
from pointsman.nodes.gateway.transports import provider_of
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

    def __post_init__(self) -> None:
        if not all(math.isfinite(usd) and usd >= 0 for usd in (self.input, self.output)):
            raise Misconfigured(
                f"Price(input={self.input!r}, output={self.output!r}) is no price.",
                hint="Give US dollars per million tokens, 0 or more.",
            )

    def of(self, usage: Usage) -> float:
        """What these tokens cost, in US dollars."""
        tokens_usd = usage.input_tokens * self.input + usage.output_tokens * self.output
        return tokens_usd / 1_000_000


FREE = Price(0.0, 0.0)
_FREE_PROVIDERS = frozenset({"embedded", "scripted"})


class Prices:
    """What models cost: the user's own list, then LiteLLM's. An unknown price is None, never 0."""

    def __init__(self, own: Mapping[str, Price] | None = None) -> None:
        self._own = dict(own or {})
        self._published: dict[str, Price | None] = {}

    async def worst(self, model: str, request: ModelRequest) -> float | None:
        """The most the call can cost, in US dollars; None where the price is not known (said once
        a model in the log, since a budget in dollars cannot bound such a call)."""
        price = self._listed(model)
        if price is None and model not in self._published:
            price = self._published[model] = await asyncio.to_thread(published_price, model)
            if price is None:
                log.warning(
                    "the price of model %s is not known, so a budget in USD cannot bound it; "
                    "give prices={%r: Price(input=..., output=...)}",
                    model,
                    model,
                )
        price = price or self._published.get(model)
        if price is None:
            return None
        return price.of(Usage(input_tokens(request), request.max_tokens))

    def actual(self, model: str, reply: ModelReply) -> float | None:
        """What the answer cost: by the user's own price, else what the transport says."""
        own = self._own.get(model)
        if own is not None and reply.usage != Usage():
            return own.of(reply.usage)
        if reply.usd is None and self._listed(model) == FREE:
            return 0.0
        return reply.usd

    def free(self, model: str) -> bool:
        """Whether calls of the model are known to cost nothing."""
        return self._listed(model) == FREE

    def _listed(self, model: str) -> Price | None:
        free = FREE if provider_of(model) in _FREE_PROVIDERS else None
        return self._own.get(model, free)


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
    input_cost_per_token: float = Field(ge=0, allow_inf_nan=False)
    output_cost_per_token: float = Field(ge=0, allow_inf_nan=False)


_PRICE_FILE = "model_prices_and_context_window_backup.json"


def published_price(model: str) -> Price | None:
    """The model's price in the list that LiteLLM ships, read without importing LiteLLM.

    None where it lists none. Reads a file of 3 MB: call it off the loop, and keep the answer.
    """
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        return None
    try:
        prices = json_object((Path(spec.origin).parent / _PRICE_FILE).read_text("utf-8")) or {}
    except OSError:
        return None
    provider, _, name = model.partition("/")
    return _price(prices.get(model), None) or _price(prices.get(name), provider)


def _price(listed: JsonValue, provider: str | None) -> Price | None:
    try:
        found = _Listed.model_validate(listed)
    except ValidationError:
        return None
    if provider is not None and found.litellm_provider != provider:
        return None
    return Price(found.input_cost_per_token * 1e6, found.output_cost_per_token * 1e6)
