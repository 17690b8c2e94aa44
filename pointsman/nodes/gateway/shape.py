"""The shape a request asks its answer to have, and the strict reading of an answer against it."""

import json
import math
from typing import cast

from pydantic import JsonValue

from pointsman.errors import BadOutput
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway.transport import ModelRequest

CHOICE = "choice"
"""The one field of the JSON object in which a provider is asked to give its choice."""


def choice_schema(choices: tuple[str, ...]) -> JsonObject:
    """The JSON Schema of `{"choice": one of the choices}`."""
    return {
        "type": "object",
        "properties": {CHOICE: {"type": "string", "enum": list(choices)}},
        "required": [CHOICE],
        "additionalProperties": False,
    }


def shaped(request: ModelRequest, text: str, *, model: str) -> str:
    """The text in the shape that was asked for: the bare choice, or the JSON object.

    Plain text passes as it is. Raises BadOutput, which never quotes the answer.
    """
    if request.choices:
        return _choice(request.choices, text, model=model)
    if request.output_schema is not None:
        return _object_text(text, model=model)
    return text


def _choice(choices: tuple[str, ...], text: str, *, model: str) -> str:
    word = text.strip()
    if word in choices:
        return word
    found = _json(word)
    if isinstance(found, dict) and len(found) == 1:
        found = found.get(CHOICE)
    if isinstance(found, str) and found in choices:
        return found
    raise BadOutput(f"Model {model} answered none of the {len(choices)} choices it was given.")


def _object_text(text: str, *, model: str) -> str:
    # Providers without schema support like to fence their JSON; the fence is no part of it.
    body = text.strip()
    if body.startswith("```") and body.endswith("```"):
        body = body.removesuffix("```").partition("\n")[2].strip()
    if not isinstance(_json(body), dict):
        raise BadOutput(f"Model {model} answered no JSON object where one was asked for.")
    return body


def json_object(text: str) -> JsonObject | None:
    """The JSON object that the text is, or None."""
    found = _json(text)
    return found if isinstance(found, dict) else None


def _json(text: str) -> JsonValue:
    try:
        found = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        return cast("JsonValue", found)
    except (ValueError, RecursionError):
        return None


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _finite(number: str) -> float:
    value = float(number)
    return value if math.isfinite(value) else _no_number(number)
