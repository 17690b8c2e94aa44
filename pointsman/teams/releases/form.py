"""What code is, as JSON: so that two teams that are built alike have one digest.

Functions stand as their name and the digest of their source text. What a function calls is not
looked into; an object that has a `version` is believed.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import partial
from hashlib import sha256
from math import isfinite
from pathlib import Path
from textwrap import dedent
from typing import Any, cast

from pydantic import BaseModel, JsonValue

from pointsman.nodes.digest import JsonObject, canonical, digest

MOST_BYTES = 2_000
"""A value whose JSON is longer stands as its digest: nobody reads a list of a thousand words."""
_DEEPEST = 12


def form(value: object, deep: int = 0) -> JsonValue:
    """A value as JSON: the same for values that do the same, and without addresses in memory."""
    match value:
        case None | bool() | int() | str():
            return value.value if isinstance(value, Enum) else value
        case float():
            return _number(value)
        case _ if deep > _DEEPEST:
            return {"is": _name(type(value))}
        case Mapping():
            given = cast("Mapping[object, object]", value)
            said = {_key(k): form(v, deep + 1) for k, v in given.items()}
            return dict(sorted(said.items()))
        case Set():
            ones = [form(one, deep + 1) for one in cast("Set[object]", value)]
            return sorted(ones, key=canonical)
        case Sequence() if not isinstance(value, bytes):
            return [form(one, deep + 1) for one in cast("Sequence[object]", value)]
        case _:
            return _thing(value, deep)


def parts_of(value: object, *, leave: Set[str] = frozenset()) -> JsonObject:
    """The fields of a dataclass that count, but those of `leave` and those left at their default.
    Long values stand as their digest."""
    said: JsonObject = {}
    for field in fields(value):  # pyright: ignore[reportArgumentType] (a dataclass)
        given: object = getattr(value, field.name)
        if field.compare and field.init and field.name not in leave and not _default(field, given):
            said[field.name] = short(form(given))
    return said


def short(said: JsonValue) -> JsonValue:
    """It, or its digest where it is long."""
    size = len(canonical(said))
    return said if size <= MOST_BYTES else {"bytes": size, "digest": digest(said)[:12]}


def code(function: object) -> JsonObject:
    """A function or a class: its name, and the digest of its source."""
    if isinstance(function, partial):
        inner = cast("partial[object]", function)
        return {"partial": code(inner.func), "args": form([*inner.args, inner.keywords])}
    inner = inspect.unwrap(cast("Callable[..., object]", function))
    return {"code": _name(inner), "digest": source_digest(inner)}


def source_digest(function: object) -> str:
    """12 hex digits over the source text; empty where there is none, as for what is built in."""
    try:
        text = inspect.getsource(cast("type[object]", function))
    except (OSError, TypeError):
        return ""
    return sha256(dedent(text).encode("utf-8", "replace")).hexdigest()[:12]


def _thing(value: object, deep: int) -> JsonValue:
    match value:
        case type() if issubclass(value, BaseModel):
            return {"schema": value.__name__, "digest": digest(value.model_json_schema())[:12]}
        case type():
            return code(value)
        case BaseModel():
            said = cast("JsonObject", value.model_dump(mode="json", exclude_defaults=True))
            return {"is": type(value).__name__, **said}
        case Path():
            return {"file": value.name}  # where it lies is the machine's own business
        case re.Pattern():
            return {"pattern": str(cast("re.Pattern[Any]", value).pattern)}
        case bytes():
            return {"bytes": len(value), "digest": sha256(value).hexdigest()[:12]}
        case _ if is_dataclass(value):
            return _object(value, deep)
        case _ if isinstance(value, partial) or inspect.isroutine(value):
            return code(cast("object", value))
        case _:
            return {"is": _name(type(value)), "code": source_digest(type(value)), **_told(value)}


def _object(value: object, deep: int) -> JsonObject:
    said: JsonObject = {"is": type(value).__name__, **_told(value)}
    for field in fields(value):  # pyright: ignore[reportArgumentType] (a dataclass)
        given: object = getattr(value, field.name)
        if field.compare and field.init and not _default(field, given):
            said[field.name] = short(form(given, deep + 1))
    return said


def _told(value: object) -> JsonObject:
    version = getattr(value, "version", None)
    return {"version": version} if isinstance(version, str) and version else {}


def _default(field: "Field[Any]", given: object) -> bool:
    if field.default is not MISSING:
        return given is field.default or bool(
            type(given) is type(field.default) and given == field.default
        )
    if field.default_factory is not MISSING:
        made: object = field.default_factory()
        return type(given) is type(made) and given == made
    return False


def _number(value: float) -> JsonValue:
    if not isfinite(value):
        return str(value)
    return int(value) if value.is_integer() else value


def _key(key: object) -> str:
    if isinstance(key, tuple):
        return " -> ".join(str(one) for one in cast("tuple[object, ...]", key))
    return str(key)


def _name(what: object) -> str:
    module = getattr(what, "__module__", "") or ""
    name = getattr(what, "__qualname__", "") or type(what).__qualname__
    return f"{module}.{name}".strip(".")
