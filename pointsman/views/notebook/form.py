"""Arguments as a form: one field for each, from the ticket's JSON Schema.

A value travels as its JSON text, because a page has no whole numbers beyond 2**53, and what a
person sees must be what runs.
"""

import json
from collections.abc import Mapping, Sequence
from typing import cast

from pydantic import JsonValue

from pointsman.errors import InvalidDecision
from pointsman.nodes.digest import JsonObject, canonical
from pointsman.nodes.message import Provenance
from pointsman.teams.tickets import Ticket
from pointsman.views.cli.wording import KINDS, ORIGINS
from pointsman.views.visible import visible

LONG = 48
"""Texts longer than this get an area of several lines."""
_DEEPEST = 12
"""How many references of a schema are followed."""


def fields(ticket: Ticket) -> list[JsonValue]:
    """One field for each argument; while they can be edited, also for each that was left out."""
    properties = _object(ticket.args_schema.get("properties"))
    more = properties if ticket.open and KINDS[ticket.kind].edit else ()
    named = list(dict.fromkeys((*ticket.runs, *more)))
    return [_field(ticket, name, properties.get(name), named) for name in named]


def values(texts: Mapping[str, str]) -> JsonObject:
    """The arguments that a page sent as JSON texts. Raises InvalidDecision."""
    return {name: _value(name, text) for name, text in texts.items()}


def exact(value: JsonValue) -> str:
    """The value's JSON text, with everything that could hide or reorder it escaped."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) > LONG:
        text = json.dumps(value, ensure_ascii=False, indent=1)
    return "".join(_escaped(char) if _hides(char) else char for char in text)


def _field(
    ticket: Ticket, name: str, described: JsonValue, named: Sequence[str]
) -> dict[str, JsonValue]:
    schema, nullable = _resolved(described, ticket.args_schema)
    given = name in ticket.runs
    value = ticket.runs.get(name)
    field: dict[str, JsonValue] = {
        "name": name,
        "label": visible(name),
        "about": visible(str(schema.get("description", ""))),
        "empty": "null" if nullable else "" if given else "absent",
        "origins": [_origin(p, name) for p in ticket.provenance if _root(p, named) == name],
        "was": "",
        **_input(schema, value, given=given, nullable=nullable),
    }
    if ticket.approved_args is not None and ticket.args.get(name) != value:
        before = ticket.args.get(name)
        field["was"] = visible(before) if isinstance(before, str) else exact(before)
    return field


def _input(
    schema: JsonObject, value: JsonValue, *, given: bool, nullable: bool
) -> dict[str, JsonValue]:
    """Which kind of input fits, and what it holds at first."""
    options = [schema["const"]] if "const" in schema else schema.get("enum")
    blank = value is None and (nullable or not given)
    kind = schema.get("type") or _kind_of(value)
    if kind == "boolean" and (blank or isinstance(value, bool)):
        if not nullable and given:
            return {"type": "flag", "text": exact(value)}
        options = [True, False]
    if isinstance(options, list) and (blank or value in options):
        none = "" if given and not nullable else "none" if nullable else "not given"
        return _choice([one for one in options if one is not None], value, none)
    if isinstance(options, list):
        return {"type": "json", "text": exact(value)}
    if kind in ("integer", "number") and (blank or _is_number(value)):
        return {
            "type": "number",
            "text": "" if blank else _number(value),
            "step": "1" if kind == "integer" else "any",
            "min": _bound(schema.get("minimum")),
            "max": _bound(schema.get("maximum")),
        }
    # An empty box of an optional text means null: an empty text itself is shown as JSON.
    plain = _is_plain(value) and not (nullable and value == "")
    if kind == "string" and (blank or plain):
        text = "" if blank else str(value)
        long = len(text) > LONG or "\n" in text
        return {"type": "long" if long else "text", "text": text}
    return {"type": "json", "text": exact(value) if given else ""}


def _choice(options: Sequence[JsonValue], value: JsonValue, none: str) -> dict[str, JsonValue]:
    """A list to choose from. `none`: what choosing nothing is called, where one may."""
    listed: list[JsonValue] = [
        {"value": exact(one), "label": visible(one) if isinstance(one, str) else exact(one)}
        for one in options
    ]
    return {
        "type": "choice",
        "text": "" if value is None else exact(options[options.index(value)]),
        "options": [{"value": "", "label": none}, *listed] if none else listed,
    }


def _resolved(described: JsonValue, root: JsonObject) -> tuple[JsonObject, bool]:
    """The schema behind references and an optional, and whether null is allowed. Several kinds are
    of type `any`, which no schema has by itself."""
    several: JsonObject = {"type": "any"}
    schema, nullable = _object(described), False
    about = schema.get("description")
    for _ in range(_DEEPEST):
        reference = schema.get("$ref")
        if isinstance(reference, str):
            schema = _object(_object(root.get("$defs")).get(reference.rpartition("/")[2]))
            continue
        some = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if not isinstance(some, list):
            break
        real = [one for one in map(_object, some) if one.get("type") != "null"]
        nullable = nullable or len(real) < len(some)
        schema = real[0] if len(real) == 1 else several
    if about is not None:
        schema = {**schema, "description": about}
    options = schema.get("enum")
    return schema, nullable or (isinstance(options, list) and None in options)


def _value(name: str, text: str) -> JsonValue:
    try:
        value = cast("JsonValue", json.loads(text))
        canonical(value)  # refuses what JSON does not have: NaN, infinities
    except (ValueError, RecursionError) as error:
        raise InvalidDecision(
            f"Argument {visible(name)!r} is no JSON value: {error}.",
            hint="Nothing was changed. Mend it and decide again.",
        ) from None
    return value


def _root(provenance: Provenance, named: Sequence[str]) -> str:
    """The argument that a path such as `items.0.id` leads into; empty where it has no field."""
    path = provenance.argument
    inside = [name for name in named if path == name or path.startswith(f"{name}.")]
    return max(inside, key=len, default="")


def _origin(provenance: Provenance, name: str) -> JsonObject:
    path = "" if provenance.argument == name else f"{visible(provenance.argument)}: "
    source = f" ({visible(provenance.source)})" if provenance.source else ""
    text = f"{path}{ORIGINS[provenance.origin]}{source}"
    return {"text": text, "doubt": provenance.origin == "document"}


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_plain(value: JsonValue) -> bool:
    """Whether an input shows this text as it is: nothing hidden, no space that nobody sees."""
    return (
        isinstance(value, str)
        and value == value.strip()
        and "\r" not in value
        and not any(_hides(char) for char in value)
    )


def _hides(char: str) -> bool:
    return (visible(char) != char) or (char.isspace() and char not in " \n\t")


def _escaped(char: str) -> str:
    """The character as a JSON string may hold it, in ASCII."""
    return json.dumps(char)[1:-1] if ord(char) > 0x7E else f"\\u{ord(char):04x}"


def _number(value: JsonValue) -> str:
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return json.dumps(int(value) if whole and isinstance(value, float) else value)


def _bound(value: JsonValue) -> JsonValue:
    return json.dumps(value) if _is_number(value) else None


def _kind_of(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "boolean"
    if _is_number(value):
        return "number"
    return "string" if isinstance(value, str) else ""


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}
