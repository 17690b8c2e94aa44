"""The version of a target: a digest of all that makes a team behave as it does."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import cast

from pydantic import BaseModel, JsonValue

from pointsman.nodes.digest import digest
from pointsman.nodes.message import Frozen
from pointsman.nodes.specialist import Specialist
from pointsman.teams.family import nested
from pointsman.teams.releases.behaviour import behaviour, chains_of
from pointsman.teams.settings import Settings
from pointsman.teams.spec import TeamSpec

_DEEPEST = 12


def behaviour_digest(spec: TeamSpec) -> str:
    """16 hex digits over all that a release pins of the team (prompts, models, guards, tools,
    table, bounds), and of the teams inside it. Of a team with none inside, they are the beginning
    of its release's digest.

    Reads prompt files. Raises PromptError for one that cannot be used.
    """
    whole = behaviour(spec, chains_of(spec, Settings.read())).digest
    inside: dict[str, JsonValue] = {
        name: behaviour_digest(one.spec) for name, one in nested(spec).items()
    }
    return (digest("family", whole, inside) if inside else whole)[:16]


def described_digest(thing: object) -> str:
    """The same over one guard, tool or function."""
    return digest("behaviour@1", _installed(), _described(thing, 0))[:16]


def _installed() -> str:
    try:
        return version("pointsman")
    except PackageNotFoundError:
        return ""


def _described(value: object, depth: int) -> JsonValue:
    """A value as JSON that is the same on every machine: names and contents, never addresses."""
    if depth > _DEEPEST:
        return type(value).__qualname__
    if value is None or isinstance(value, (bool, int, float, str)):
        return value if not isinstance(value, float) else repr(value)
    if isinstance(value, Path):
        return value.name
    if isinstance(value, Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if isinstance(value, Mapping):
        held = cast("Mapping[object, object]", value)
        return {str(key): _described(one, depth + 1) for key, one in held.items()}
    if isinstance(value, (list, tuple)):
        return [_described(one, depth + 1) for one in cast("tuple[object, ...]", value)]
    if isinstance(value, (set, frozenset)):
        listed = [_described(one, depth + 1) for one in cast("frozenset[object]", value)]
        return sorted(listed, key=digest)
    return _object(value, depth)


def _object(value: object, depth: int) -> JsonValue:
    if isinstance(value, type):
        if issubclass(value, BaseModel):
            return [value.__qualname__, cast("JsonValue", value.model_json_schema())]
        return _sourced(cast("type[object]", value))
    inner = getattr(value, "spec", None)
    if isinstance(inner, TeamSpec):
        return ["team", inner.name, behaviour_digest(inner)]
    if inspect.isroutine(value):
        return _sourced(cast("Callable[..., object]", value))
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, Frozen):
        return [name, value.model_dump(mode="json")]
    if is_dataclass(value):
        held = {
            field.name: _described(getattr(value, field.name), depth + 1)
            for field in fields(value)
            if (field.compare or isinstance(value, Specialist)) and field.name != "why"
        }
        return [name, held]
    stated = getattr(value, "version", None)
    if isinstance(stated, str):
        return [name, stated]
    return [name, _sourced(type(value))]


def _sourced(thing: "type[object] | Callable[..., object]") -> JsonValue:
    """Its name and a digest of its source; of what has none (built in, made at a prompt) the name.
    What a closure holds is not in it."""
    name = f"{thing.__module__}.{getattr(thing, '__qualname__', '')}"
    try:
        return [name, digest(inspect.getsource(thing))[:16]]
    except (OSError, TypeError):
        return [name]
