"""JSON as bytes, by orjson: what the lean transport sends and reads.

orjson is stricter than providers are. What it refuses and they do send (half a surrogate pair that
is escaped, a byte that is no UTF-8, a byte order mark) is read by the standard library instead;
NaN, infinities and anything else that is no JSON are refused by both.
"""

import json
from typing import cast

from pydantic import JsonValue

from pointsman.errors import ModelRejected
from pointsman.nodes.digest import JsonObject, canonical
from pointsman.nodes.gateway.shape import json_object


def encode(body: JsonObject, *, model: str) -> bytes:
    """The request's bytes. Raises ModelRejected for numbers that JSON does not have."""
    import orjson

    try:
        # orjson would write `null` for NaN, and the provider would take its own default.
        canonical(_numbers(body))
        return orjson.dumps(body)
    except ValueError:
        raise ModelRejected(
            f"A request for {model} holds a number that JSON does not have."
        ) from None
    except TypeError:
        # An integer of more than 64 bits, half a surrogate pair, or orjson's bound on nesting.
        return json.dumps(body).encode()


def decode_object(raw: bytes) -> JsonObject | None:
    """The JSON object that the bytes are, or None. Of keys that come twice the last one counts.

    Integers of more than 64 bits come as floats: nothing in a completion's frame is as large. What
    a tool is called with is JSON inside a string, and is read without loss (see `shape.py`).
    """
    import orjson

    try:
        found = cast("JsonValue", orjson.loads(raw))
    except ValueError:
        return json_object(raw.decode("utf-8-sig", "replace"))
    return found if isinstance(found, dict) else None


def _numbers(body: JsonObject) -> JsonValue:
    """The parts of a request that may hold a number of the user's."""
    return [value for key, value in body.items() if key not in ("messages", "model")]
