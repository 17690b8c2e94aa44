"""ModelReply as JSON and back: the form that the journal and the response cache store."""

import json
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from pointsman.errors import Attempt
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway.transport import ModelReply, Usage
from pointsman.nodes.message import Frozen, ToolCall

REPLY_SCHEMA = "pointsman.reply@1"

Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class StoredAttempt(Frozen):
    """A model of the chain that failed before the one that answered."""

    model: str
    error: str
    message: str


class StoredReply(Frozen):
    """What is on disk. Never moved or renamed without a migration.

    A field that came later has a default and is written only where it says something: both the
    answers of an older version and most of a newer one's stay readable.
    """

    schema_version: Literal["pointsman.reply@1"]
    model: str
    text: str
    tool_calls: tuple[ToolCall, ...]
    input_tokens: Count
    output_tokens: Count
    usd: Amount | None
    seconds: Amount
    probabilities: tuple[tuple[str, float], ...]
    source: Literal["model", "cache", "journal", "flight"]
    cached_tokens: Count = 0
    fallbacks: tuple[StoredAttempt, ...] = ()

    def reply(self) -> ModelReply:
        """The reply that was stored."""
        return ModelReply(
            model=self.model,
            text=self.text,
            tool_calls=self.tool_calls,
            usage=Usage(self.input_tokens, self.output_tokens, self.cached_tokens),
            usd=self.usd,
            seconds=self.seconds,
            probabilities=self.probabilities,
            source=self.source,
            fallbacks=tuple(Attempt(a.model, a.error, a.message) for a in self.fallbacks),
        )


def encode_reply(reply: ModelReply) -> str:
    """The reply as one JSON object with a `schema_version`.

    Raises ValueError for numbers that JSON does not have.
    """
    stored: JsonObject = {
        "schema_version": REPLY_SCHEMA,
        "model": reply.model,
        "text": unicode(reply.text),
        "tool_calls": [call.model_dump(mode="json") for call in reply.tool_calls],
        "input_tokens": reply.usage.input_tokens,
        "output_tokens": reply.usage.output_tokens,
        "usd": reply.usd,
        "seconds": reply.seconds,
        "probabilities": [list(pair) for pair in reply.probabilities],
        "source": reply.source,
    }
    if reply.usage.cached_tokens:
        stored["cached_tokens"] = reply.usage.cached_tokens
    if reply.fallbacks:
        stored["fallbacks"] = [
            {"model": a.model, "error": a.error, "message": unicode(a.message)}
            for a in reply.fallbacks
        ]
    return json.dumps(stored, ensure_ascii=False, allow_nan=False)


def decode_reply(stored: str | bytes) -> ModelReply | None:
    """The reply that was stored; None for another version's, a damaged or an edited one."""
    try:
        return StoredReply.model_validate_json(stored, strict=True).reply()
    except ValidationError:
        return None


def unicode(text: str) -> str:
    """The text with `?` for halves of a surrogate pair, which UTF-8 does not have and a provider's
    JSON may escape."""
    return text.encode("utf-8", "replace").decode("utf-8")
