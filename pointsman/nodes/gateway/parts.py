"""A request in parts: what is the same in many requests of a run is stored once."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import cast

from pydantic import JsonValue

from pointsman.nodes.digest import JsonObject, canonical
from pointsman.nodes.gateway.transport import ModelRequest

NAMED = ("turns", "examples", "tools", "output_schema")
"""What a request in parts names by the digests of its parts; the rest stands in it."""


def in_parts(request: ModelRequest) -> tuple[JsonObject, Mapping[str, str]]:
    """All of a request that decides its answer, with its turns, examples, tools and schema by
    digest, and these as JSON by their digest."""
    parts: dict[str, str] = {}

    def named(value: JsonValue) -> str:
        body = canonical(value)
        name = sha256(body).hexdigest()[:24]
        parts[name] = body.decode("utf-8", "surrogatepass")
        return name

    whole: JsonObject = {
        "purpose": request.purpose,
        "tier": request.tier,
        "prompt_version": request.prompt_version,
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "choices": list(request.choices),
        "turns": [
            named(turn.model_dump(mode="json", exclude_defaults=True)) for turn in request.turns
        ],
        "examples": [
            named([turn.model_dump(mode="json", exclude_defaults=True) for turn in example])
            for example in request.examples
        ],
        "tools": [
            named({"name": t.name, "description": t.description, "parameters": t.parameters})
            for t in request.tools
        ],
        "output_schema": [] if request.output_schema is None else [named(request.output_schema)],
    }
    return whole, parts


def names_of(asked: JsonObject) -> tuple[str, ...]:
    """The digests of all parts of a request in parts."""
    lists = (asked.get(name) for name in NAMED)
    return tuple(str(one) for held in lists if isinstance(held, list) for one in held)


def whole(asked: JsonObject, parts: Mapping[str, str]) -> JsonObject:
    """The request again. A part that is not stored (any more) is None."""

    def found(held: JsonValue) -> JsonValue:
        names = held if isinstance(held, list) else []
        return [_read(parts.get(str(name))) for name in names]

    return {name: found(held) if name in NAMED else held for name, held in asked.items()}


def _read(body: str | None) -> JsonValue:
    return None if body is None else cast("JsonValue", json.loads(body))
