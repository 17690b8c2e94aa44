"""Whether what one JSON Schema gives fits what another takes, field by field.

For schemas as pydantic writes them (JSON Schema 2020-12): types, enums, bounds, properties, items,
`anyOf`, `oneOf`, `$ref`. What it does not know (`not`, `if`, `patternProperties`) it lets pass: a
mismatch that is named is one.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from pydantic import JsonValue

from pointsman.nodes.digest import JsonObject

Kind = Literal["missing", "type", "unknown", "narrower"]
"""`missing`: a field that must be there is never given. `type`: no value that is given fits.
`unknown`: a field that is given is forbidden. `narrower`: some values that may be given do not fit.
"""
_LOWER = ("minimum", "minLength", "minItems")
_UPPER = ("maximum", "maxLength", "maxItems")
_AT_ALL = ("type", "enum", "const", "anyOf", "oneOf", "properties", "items", "$ref", "allOf")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One field of what is given that does not fit."""

    kind: Kind
    field: str
    """Its path, e.g. `items.*.usd`; empty for the whole."""
    text: str


def mismatches(given: JsonObject, wanted: JsonObject) -> tuple[Mismatch, ...]:
    """Where values of schema `given` do not fit schema `wanted`; empty where all do."""
    return tuple(_Comparison(given, wanted).compare(given, wanted, ""))


class _Comparison:
    """One comparison; remembers which pairs of references it is inside of."""

    def __init__(self, given: JsonObject, wanted: JsonObject) -> None:
        self._roots = (given, wanted)
        self._inside: set[tuple[str, str]] = set()

    def compare(self, given: JsonObject, wanted: JsonObject, path: str) -> list[Mismatch]:
        """The mismatches of one place."""
        refs = (str(given.get("$ref", "")), str(wanted.get("$ref", "")))
        if any(refs):
            if refs in self._inside:
                return []  # what a recursive schema asks of its parts is asked one level up
            self._inside.add(refs)
        try:
            gives = self._ways(given, 0)
            takes = self._ways(wanted, 1)
            failed = [(way, self._best(way, takes, path)) for way in gives]
        finally:
            if any(refs):
                self._inside.discard(refs)
        bad = [(way, faults) for way, faults in failed if faults]
        if len(bad) < len(failed):
            return [_partly(way, faults, path) for way, faults in bad]
        return [fault for _, faults in bad[:1] for fault in faults]

    def _ways(self, schema: JsonObject, side: int) -> list[JsonObject]:
        """The schemas of which a value fits one: references followed, unions and type lists
        taken apart."""
        whole = self._followed(schema, side)
        for union in ("anyOf", "oneOf"):
            parts = whole.get(union)
            if isinstance(parts, list):
                return [w for p in parts if isinstance(p, dict) for w in self._ways(p, side)]
        types = whole.get("type")
        if isinstance(types, list):
            return [{**whole, "type": one} for one in types]
        return [whole]

    def _followed(self, schema: JsonObject, side: int) -> JsonObject:
        whole = schema
        for _ in range(20):  # references to references; pydantic writes one
            ref = whole.get("$ref")
            if isinstance(ref, str):
                rest = {name: part for name, part in whole.items() if name != "$ref"}
                whole = {**_at(self._roots[side], ref), **rest}
                continue
            parts = whole.get("allOf")
            if isinstance(parts, list) and len(parts) == 1 and isinstance(parts[0], dict):
                rest = {name: part for name, part in whole.items() if name != "allOf"}
                whole = {**parts[0], **rest}
                continue
            break
        return whole

    def _best(self, way: JsonObject, takes: Sequence[JsonObject], path: str) -> list[Mismatch]:
        """The mismatches with the way of taking it that fits best."""
        tried = [self._one(way, taken, path) for taken in takes]
        if not tried or any(not faults for faults in tried):
            return []
        near = [faults for faults in tried if not (len(faults) == 1 and _whole(faults[0], path))]
        if near:
            return min(near, key=len)
        return [Mismatch("type", path, f"gives {shape(way)}, takes {_either(takes)}")]

    def _one(self, given: JsonObject, wanted: JsonObject, path: str) -> list[Mismatch]:
        if not any(part in wanted for part in _AT_ALL):
            return []
        if not any(part in given for part in _AT_ALL):
            return [Mismatch("narrower", path, f"may give anything, takes {shape(wanted)}")]
        values, allowed = _values(given), _values(wanted)
        if values is not None:
            return self._values(values, allowed, wanted, path)
        kind, takes = given.get("type"), wanted.get("type")
        if takes is not None and kind != takes and not (kind == "integer" and takes == "number"):
            if kind == "number" and takes == "integer":
                return [Mismatch("narrower", path, "gives any number, takes whole ones")]
            return [Mismatch("type", path, f"gives {shape(given)}, takes {shape(wanted)}")]
        if allowed is not None:
            text = f"gives any {shape(given)}, takes {_listed(allowed)}"
            return [Mismatch("narrower", path, text)]
        faults = [*_bounds(given, wanted, path), *_forms(given, wanted, path)]
        if kind == "object":
            faults += self._object(given, wanted, path)
        if kind == "array":
            faults += self._array(given, wanted, path)
        return faults

    def _values(
        self,
        values: Sequence[JsonValue],
        allowed: Sequence[JsonValue] | None,
        wanted: JsonObject,
        path: str,
    ) -> list[Mismatch]:
        if allowed is not None:
            strange = [v for v in values if not any(_same(v, a) for a in allowed)]
        else:
            strange = [v for v in values if not _takes(wanted, v)]
        if not strange:
            return []
        takes = shape(wanted) if allowed is None else _listed(allowed)
        kind: Kind = "type" if len(strange) == len(values) else "narrower"
        return [Mismatch(kind, path, f"gives {_listed(strange)}, takes {takes}")]

    def _object(self, given: JsonObject, wanted: JsonObject, path: str) -> Iterator[Mismatch]:
        gives, takes = _properties(given), _properties(wanted)
        sure, needed = _required(given), _required(wanted)
        others = given.get("additionalProperties")
        loose = isinstance(others, dict) or others is True
        for name, taken in takes.items():
            at = f"{path}.{name}" if path else name
            if name not in gives:
                if name in needed:
                    kind: Kind = "narrower" if loose else "missing"
                    yield Mismatch(kind, at, f"is needed and {'may be' if loose else 'is'} missing")
                continue
            if name in needed and name not in sure:
                yield Mismatch("narrower", at, "is needed and is not always given")
            yield from self.compare(gives[name], taken, at)
        rest = wanted.get("additionalProperties")
        for name in gives.keys() - takes.keys():
            at = f"{path}.{name}" if path else name
            if rest is False:
                yield Mismatch("unknown", at, "is given and forbidden")
            elif isinstance(rest, dict):
                yield from self.compare(gives[name], rest, at)
        if isinstance(others, dict) and isinstance(rest, dict):
            yield from self.compare(others, rest, f"{path}.*" if path else "*")

    def _array(self, given: JsonObject, wanted: JsonObject, path: str) -> Iterator[Mismatch]:
        gives, takes = given.get("items"), wanted.get("items")
        if isinstance(gives, dict) and isinstance(takes, dict):
            yield from self.compare(gives, takes, f"{path}.*" if path else "*")
        first, wants = given.get("prefixItems"), wanted.get("prefixItems")
        if isinstance(first, list) and isinstance(wants, list):
            for n, (one, taken) in enumerate(zip(first, wants, strict=False)):
                if isinstance(one, dict) and isinstance(taken, dict):
                    yield from self.compare(one, taken, f"{path}.{n}" if path else str(n))
        if isinstance(first, list) and isinstance(takes, dict):
            for n, one in enumerate(first):
                if isinstance(one, dict):
                    yield from self.compare(one, takes, f"{path}.{n}" if path else str(n))


def shape(schema: JsonObject) -> str:
    """A schema in a word or two, for people: `string (date)`, `list`, `'a' or 'b'`."""
    values = _values(schema)
    if values is not None:
        return _listed(values)
    kind = schema.get("type")
    if not isinstance(kind, str):
        return str(schema.get("title", "anything"))
    form = schema.get("format")
    named = f" {schema['title']}" if kind == "object" and "title" in schema else ""
    word = {"array": "list", "null": "nothing (null)"}.get(kind, kind)
    return f"{word}{named}{f' ({form})' if form else ''}"


def _whole(fault: Mismatch, path: str) -> bool:
    return fault.kind == "type" and fault.field == path


def _partly(way: JsonObject, faults: Sequence[Mismatch], path: str) -> Mismatch:
    """One way of several that does not fit: what is given fits some of the time."""
    first = faults[0]
    if _whole(first, path):
        return Mismatch("narrower", path, f"may give {shape(way)}, which is not taken")
    return Mismatch("narrower", first.field, first.text)


def _either(takes: Sequence[JsonObject]) -> str:
    return " or ".join(dict.fromkeys(shape(taken) for taken in takes))


def _at(root: JsonObject, ref: str) -> JsonObject:
    """What `#/$defs/Name` points to; any value where it points nowhere."""
    place: JsonValue = root
    for part in ref.removeprefix("#/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        place = place.get(name, {}) if isinstance(place, dict) else {}
    return place if isinstance(place, dict) else {}


def _values(schema: JsonObject) -> list[JsonValue] | None:
    if "const" in schema:
        return [schema["const"]]
    listed = schema.get("enum")
    return listed if isinstance(listed, list) else None


def _listed(values: Sequence[JsonValue]) -> str:
    shown = [repr(value) for value in values[:5]]
    return " or ".join(shown) + (f" or {len(values) - 5} more" if len(values) > 5 else "")


def _same(one: JsonValue, other: JsonValue) -> bool:
    return isinstance(one, bool) is isinstance(other, bool) and one == other


def _takes(schema: JsonObject, value: JsonValue) -> bool:
    """Whether a value is of the schema's type and within its bounds; patterns are not looked at."""
    kind = schema.get("type")
    if kind is not None and kind not in _kinds(value):
        return False
    size: float | None = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        size, low, high = float(value), "minimum", "maximum"
    elif isinstance(value, str):
        size, low, high = float(len(value)), "minLength", "maxLength"
    else:
        return True
    bounds = _range(schema, low, high)
    return bounds[0] <= size <= bounds[1]


def _kinds(value: JsonValue) -> tuple[str, ...]:
    match value:
        case None:
            return ("null",)
        case bool():
            return ("boolean",)
        case int():
            return ("integer", "number")
        case float():
            return ("number",)
        case str():
            return ("string",)
        case list():
            return ("array",)
        case _:
            return ("object",)


def _bounds(given: JsonObject, wanted: JsonObject, path: str) -> Iterator[Mismatch]:
    """Ranges of numbers, lengths and counts that reach further than is taken."""
    for low, high in zip(_LOWER, _UPPER, strict=True):
        mine, theirs = _range(given, low, high), _range(wanted, low, high)
        if mine[0] < theirs[0] or mine[1] > theirs[1]:
            what = {"minimum": "", "minLength": " characters", "minItems": " items"}[low]
            text = f"gives {_span(mine)}{what}, takes {_span(theirs)}{what}"
            yield Mismatch("narrower", path, text)


def _range(schema: JsonObject, low: str, high: str) -> tuple[float, float]:
    """Both ends, as far as they are given. An exclusive end is moved in by one step."""
    whole = schema.get("type") == "integer"
    ends = [0.0 if low != "minimum" else -math.inf, math.inf]
    for n, (name, excl, way) in enumerate(
        ((low, "exclusiveMinimum", 1), (high, "exclusiveMaximum", -1))
    ):
        bound = schema.get(name)
        if isinstance(bound, (int, float)):
            ends[n] = float(bound)
        beyond = schema.get(excl) if low == "minimum" else None
        if isinstance(beyond, (int, float)):
            inner = float(beyond) + way if whole else math.nextafter(float(beyond), way * math.inf)
            ends[n] = max(ends[n], inner) if n == 0 else min(ends[n], inner)
    return ends[0], ends[1]


def _span(ends: tuple[float, float]) -> str:
    low, high = ends
    if math.isinf(low) and math.isinf(high):
        return "any"
    if math.isinf(high):
        return f"{low:g} or more"
    return f"up to {high:g}" if math.isinf(low) else f"{low:g} to {high:g}"


def _forms(given: JsonObject, wanted: JsonObject, path: str) -> Iterator[Mismatch]:
    for word, what in (("format", "form"), ("pattern", "pattern")):
        takes, gives = wanted.get(word), given.get(word)
        if isinstance(takes, str) and gives != takes and given.get("type") == "string":
            yield Mismatch(
                "narrower", path, f"gives {gives or 'any text'}, takes only the {what} {takes}"
            )


def _properties(schema: JsonObject) -> Mapping[str, JsonObject]:
    given = schema.get("properties")
    if not isinstance(given, dict):
        return {}
    return {name: cast("JsonObject", p) for name, p in given.items() if isinstance(p, dict)}


def _required(schema: JsonObject) -> frozenset[str]:
    given = schema.get("required")
    return frozenset(map(str, given)) if isinstance(given, list) else frozenset()
