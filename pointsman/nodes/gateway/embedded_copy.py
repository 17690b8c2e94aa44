"""What the tiny model may write: values that stand in the conversation, and words around them.

Ids, amounts and dates are never made up by it: a field's value is chosen among those found in the
text, and a sentence takes its figures and its names from there by a GBNF grammar (llama.cpp).
"""

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeGuard, cast

from pydantic import JsonValue

from pointsman.nodes.digest import JsonObject

Kind = Literal["closed", "text", "list", "object", "unknown"]

MAX_CANDIDATES = 40
"""Values of one field that are compared at most; the latest in the conversation win."""
_MAX_WORDS = 160
"""Words of a message that a text field may copy from."""
_MAX_LITERALS = 150
_RANGE = 20
"""A bounded integer of at most this many values is chosen like a word."""

_NUMBER = re.compile(
    r"(?<![\w.,-])[-+]?\d+(?:,\d{3})+(?:\.\d+)?(?![\w-])|(?<![\w.,-])\d+(?:\.\d+)?(?![\w-])"
)
_PLAIN = r"[^0-9A-Z \t\r\n.!?,;:<>{}()|*#_\"\\]"
TRIM = ".,;:!?()[]{}<>\"'`*"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a schema, with `$ref` followed and `null` set apart."""

    name: str
    schema: JsonObject
    required: bool


def fields(schema: JsonObject) -> tuple[Field, ...]:
    """The fields of an object's JSON Schema, in their order."""
    properties = cast("dict[str, JsonObject]", schema.get("properties") or {})
    required = cast("list[str]", schema.get("required") or [])
    return tuple(
        Field(name, resolved(one, schema), name in required) for name, one in properties.items()
    )


def resolved(schema: JsonObject, root: JsonObject) -> JsonObject:
    """The schema with its `$ref` followed in `root`; of `anyOf` the first that is not null."""
    for _ in range(8):
        if isinstance(reference := schema.get("$ref"), str):
            definitions = cast("dict[str, JsonObject]", root.get("$defs") or {})
            schema = definitions.get(reference.rpartition("/")[2], {})
            continue
        options = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if not isinstance(options, list):
            break
        real = [o for o in cast("list[JsonObject]", options) if o.get("type") != "null"]
        schema = real[0] if real else {"type": "null"}
    if "$defs" in root and "$defs" not in schema:
        schema = {**schema, "$defs": root["$defs"]}
    return schema


def kind(schema: JsonObject) -> Kind:
    """How a value of this schema is found: chosen from a closed list, written, or by parts."""
    of_type = schema.get("type")
    if "enum" in schema or "const" in schema or "pattern" in schema:
        return "closed"
    if of_type in {"number", "integer", "boolean", "null"}:
        return "closed"
    if of_type == "string":
        return "text"
    if of_type == "array":
        return "list"
    return "object" if of_type == "object" else "unknown"


def values(schema: JsonObject, places: Sequence[str]) -> tuple[JsonValue, ...]:
    """The values a closed field may take. `places` is the conversation, latest first.

    Patterns and numbers are those of the first place that holds any: what was said last counts.
    """
    if "const" in schema:
        return (schema["const"],)
    if isinstance(listed := schema.get("enum"), list):
        return tuple(listed)
    of_type = schema.get("type")
    if of_type == "boolean":
        return (True, False)
    if of_type == "null":
        return (None,)
    if of_type in {"number", "integer"}:
        return _numbers(schema, places) or _range(schema)
    return _matching(str(schema.get("pattern", "")), places)


def named(options: Sequence[JsonValue], text: str) -> tuple[JsonValue, ...]:
    """Those of the options that the text names: a word, its plural, or two words run together."""
    words = re.findall(r"\w+", text.lower())
    said = {*words, *(first + second for first, second in itertools.pairwise(words))}
    said |= {word[:-1] for word in words if word.endswith("s")}
    plain = {
        option: re.sub(r"[\W_]+", "", option.lower()) for option in options if _is_word(option)
    }
    return tuple(option for option, word in plain.items() if word in said)


def _is_word(value: JsonValue) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) >= 3


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order. A full stop inside a figure or a word ends none."""
    return [part for part in re.split(r"(?<=[.!?])\s+", " ".join(text.split())) if part]


def is_prose(text: str) -> bool:
    """Whether the text can be shown to a reader sentence by sentence: no JSON, markup or table."""
    stripped = text.strip()
    return " " in stripped and stripped[0] not in "{[<|"


def sentence(conversation: Iterable[str], templates: Iterable[str] = ()) -> str:
    """GBNF of one line whose words with a digit or a capital letter stand in the conversation.

    The first word of a sentence may have a capital of its own, and words of `templates` (without
    digits) may be used too.
    """
    names = [word for word in _literals(templates) if not any(c.isdigit() for c in word)]
    literals = list(dict.fromkeys((*_literals(conversation), *names)))
    return "\n".join(
        (
            'root ::= " " start (" " word)* "\\n"',
            'word ::= item mark? | item stop (" " start)?',
            'start ::= (item | opening) (mark | stop (" " start)?)?',
            f"item ::= {' | '.join(['free', *(_quoted(text) for text in literals)])}",
            f'free ::= {_PLAIN}+ | "I" | "I\'" [a-z]+',
            f"opening ::= [A-Z] {_PLAIN}*",
            "mark ::= [,;:]",
            "stop ::= [.!?]",
        )
    )


def span(text: str) -> str:
    """GBNF of any run of whole words of the text, then a line end."""
    words = text.split()[:_MAX_WORDS]
    rules = [f'root ::= " " ({" | ".join(f"s{i}" for i in range(len(words)))}) "\\n"']
    for i, word in enumerate(words):
        after = f' (" " s{i + 1})?' if i + 1 < len(words) else ""
        bare = word.rstrip(TRIM)
        if bare and bare != word:
            rules.append(f"s{i} ::= {_quoted(bare)} | {_quoted(word)}{after}")
        else:
            rules.append(f"s{i} ::= {_quoted(word)}{after}")
    return "\n".join(rules)


def _matching(pattern: str, places: Sequence[str]) -> tuple[JsonValue, ...]:
    try:
        # The pattern is the tool author's own; a whole word of the text must match it.
        wanted = re.compile(pattern)
        inside = re.compile(rf"(?<![\w-]){pattern.removeprefix('^').removesuffix('$')}(?![\w-])")
    except re.error:
        return ()
    for place in places:
        found = [m.group(0) for m in inside.finditer(place[-20_000:])]
        if kept := [text for text in dict.fromkeys(found) if wanted.search(text)]:
            return tuple(kept[:MAX_CANDIDATES])
    return ()


def _numbers(schema: JsonObject, places: Sequence[str]) -> tuple[JsonValue, ...]:
    for place in places:
        found: dict[JsonValue, None] = {}
        for match in _NUMBER.finditer(place):
            number = float(match.group(0).replace(",", ""))
            whole = schema.get("type") == "integer"
            if within(number, schema) and (number.is_integer() or not whole):
                found[int(number) if whole else number] = None
        if found:
            return tuple(found)[:MAX_CANDIDATES]
    return ()


def _range(schema: JsonObject) -> tuple[JsonValue, ...]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if schema.get("type") != "integer" or not isinstance(low, int) or not isinstance(high, int):
        return ()
    return tuple(range(low, high + 1)) if high - low < _RANGE else ()


def within(number: float, schema: JsonObject) -> bool:
    """Whether the number keeps the schema's bounds."""

    def bound(name: str) -> float | None:
        value = schema.get(name)
        return float(value) if isinstance(value, int | float) else None

    low, high = bound("minimum"), bound("maximum")
    above, below = bound("exclusiveMinimum"), bound("exclusiveMaximum")
    return (
        (low is None or number >= low)
        and (high is None or number <= high)
        and (above is None or number > above)
        and (below is None or number < below)
    )


def _literals(conversation: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    for text in conversation:
        for word in text.split():
            bare = word.strip(TRIM)
            if bare and any(c.isdigit() or c.isupper() for c in bare) and len(bare) <= 60:
                found[bare] = None
    return list(found)[:_MAX_LITERALS]


def _quoted(text: str) -> str:
    safe = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else " " for c in safe) + '"'
