"""ModelReply as JSON and back: the form that the journal and the response cache store."""

import json
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from pointsman.nodes.gateway.transport import ModelReply, Usage
from pointsman.nodes.message import Frozen, ToolCall

REPLY_SCHEMA = "pointsman.reply@1"

Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _StoredReply(Frozen):
    """What is on disk. Never moved or renamed without a migration."""

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


def encode_reply(reply: ModelReply) -> str:
    """The reply as one JSON object with a `schema_version`.

    Raises ValueError for numbers that JSON does not have.
    """
    return json.dumps(
        {
            "schema_version": REPLY_SCHEMA,
            "model": reply.model,
            "text": _unicode(reply.text),
            "tool_calls": [call.model_dump(mode="json") for call in reply.tool_calls],
            "input_tokens": reply.usage.input_tokens,
            "output_tokens": reply.usage.output_tokens,
            "usd": reply.usd,
            "seconds": reply.seconds,
            "probabilities": reply.probabilities,
            "source": reply.source,
        },
        ensure_ascii=False,
        allow_nan=False,
    )


def decode_reply(stored: str | bytes) -> ModelReply | None:
    """The reply that was stored; None for another version's, a damaged or an edited one."""
    try:
        found = _StoredReply.model_validate_json(stored, strict=True)
    except ValidationError:
        return None
    return ModelReply(
        model=found.model,
        text=found.text,
        tool_calls=found.tool_calls,
        usage=Usage(found.input_tokens, found.output_tokens),
        usd=found.usd,
        seconds=found.seconds,
        probabilities=found.probabilities,
        source=found.source,
    )


def _unicode(text: str) -> str:
    # A provider's JSON may escape half of a surrogate pair; such a text cannot be written as UTF-8.
    return text.encode("utf-8", "replace").decode("utf-8")
