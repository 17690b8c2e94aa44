"""Canonical JSON and its SHA-256: what tickets, effects, cache keys and run ids are compared by."""

import hashlib
import json
from typing import TypeAlias

from pydantic import JsonValue

JsonObject: TypeAlias = dict[str, JsonValue]


def canonical(value: JsonValue) -> bytes:
    """The one byte form of a JSON value: sorted keys, no spaces, UTF-8.

    Raises ValueError for NaN and infinities, which JSON does not have.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8", "surrogatepass")


def digest(*parts: JsonValue) -> str:
    """SHA-256, in hex, of the canonical form of the parts taken together."""
    return hashlib.sha256(canonical(list(parts))).hexdigest()
