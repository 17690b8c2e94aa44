"""Variable: what a prompt's placeholder takes, and how a value is read as its type."""

import json
import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeGuard, cast, get_args

Kind = Literal["str", "int", "float", "bool", "list[str]"]
KINDS: tuple[str, ...] = get_args(Kind)

Value: TypeAlias = str | int | float | bool | list[str] | tuple[str, ...]
"""What may be put into a prompt."""

_RESERVED = frozenset(
    {"self", "super", "loop", "caller", "varargs", "kwargs", "true", "false", "none", "and", "or"}
    | {"True", "False", "None", "not", "in", "is", "if", "else"}
)
"""Names that mean something to Jinja2."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One placeholder of a prompt."""

    name: str
    type: Kind = "str"
    description: str = ""
    default: Value | None = None
    """What stands where no value is given; None: one must be given."""

    @property
    def required(self) -> bool:
        """Whether `render` needs a value for it."""
        return self.default is None

    def read(self, value: object) -> Value:
        """The value in this variable's type. Raises ValueError, in words, where it is none.

        Where the type is not str, a text is read as JSON: "3", "true", '["a", "b"]'.
        """
        if self.type == "str":
            if isinstance(value, str):
                return value
        elif isinstance(value, str):
            return self._typed(_parsed(value))
        return self._typed(value)

    def _typed(self, value: object) -> Value:
        match self.type, value:
            case "bool", bool():
                return value
            case "int", int() if not isinstance(value, bool):
                return value
            case "float", int() | float() if not isinstance(value, bool) and math.isfinite(value):
                return float(value)
            case "list[str]", _ if _is_texts(value):
                return tuple(value)
            case _:
                pass
        raise ValueError(f"{self.name!r} takes {self.type}, not {_shown(value)}")


def is_variable_name(name: str) -> bool:
    """Whether Jinja2 reads it as the name of a value."""
    return name.isidentifier() and name not in _RESERVED


def _is_texts(value: object) -> TypeGuard[list[str] | tuple[str, ...]]:
    if not isinstance(value, list | tuple):
        return False
    return all(isinstance(item, str) for item in cast("list[object] | tuple[object, ...]", value))


def _parsed(text: str) -> object:
    try:
        return cast("object", json.loads(text))
    except (ValueError, RecursionError):
        return text


def _shown(value: object) -> str:
    text = json.dumps(value) if isinstance(value, str) else type(value).__name__
    return text if len(text) <= 40 else text[:39] + "…"
