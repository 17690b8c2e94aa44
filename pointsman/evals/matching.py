"""Whether an argument is as expected: equal, or as a matcher says. Pure.

A matcher is an object with one key that begins with `$`: `{"$any": true}`, `{"$regex": "INV-.*"}`
(the whole text), `{"$contains": "x"}` (text or list), `{"$in": [1, 2]}`, `{"$not": …}`,
`{"$gte": 5}`, `{"$lte": 5}`, `{"$near": [5, 0.01]}` (value, distance), `{"$exact": {…}}` (an object
with no other keys). Several keys must all hold. Objects match where every expected key does; lists
item by item. Numbers are equal across int and float; true is no 1.
"""

import math
import re
from typing import cast

from pydantic import JsonValue

from pointsman.errors import BadInput
from pointsman.nodes.digest import JsonObject


def matches(expected: JsonValue, got: JsonValue) -> bool:
    """Whether `got` is as `expected` says. Raises BadInput for a matcher that there is not."""
    if isinstance(expected, dict):
        if expected and all(key.startswith("$") for key in expected):
            return all(_holds(key, wanted, got) for key, wanted in expected.items())
        return isinstance(got, dict) and all(
            key in got and matches(wanted, got[key]) for key, wanted in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(got, list)
            and len(got) == len(expected)
            and all(matches(e, g) for e, g in zip(expected, got, strict=True))
        )
    return _equal(expected, got)


def _equal(one: JsonValue, other: JsonValue) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def _holds(key: str, wanted: JsonValue, got: JsonValue) -> bool:
    match key:
        case "$any":
            return True
        case "$not":
            return not matches(wanted, got)
        case "$exact":
            return matches_exactly(wanted, got)
        case "$in":
            return isinstance(wanted, list) and any(matches(one, got) for one in wanted)
        case "$contains":
            if isinstance(got, list):
                return any(matches(wanted, one) for one in got)
            return isinstance(got, str) and str(wanted).casefold() in got.casefold()
        case "$regex":
            return isinstance(got, str) and _whole(str(wanted), got)
        case "$gte" | "$lte" | "$near":
            return _number(key, wanted, got)
        case _:
            raise BadInput(
                f"There is no matcher {key!r}.",
                hint="There are $any, $not, $exact, $in, $contains, $regex, $gte, $lte, $near.",
            )


def matches_exactly(wanted: JsonValue, got: JsonValue) -> bool:
    """The same, where an object may have no key that is not expected."""
    if isinstance(wanted, dict) and isinstance(got, dict) and set(wanted) != set(got):
        return False
    return matches(wanted, got)


def _whole(pattern: str, got: str) -> bool:
    try:
        return re.fullmatch(pattern, got) is not None
    except re.error as error:
        raise BadInput(f"The pattern {pattern!r} cannot be used: {error}.") from error


def _number(key: str, wanted: JsonValue, got: JsonValue) -> bool:
    if isinstance(got, bool) or not isinstance(got, (int, float)):
        return False
    if key == "$near":
        if not isinstance(wanted, list) or len(wanted) != 2:
            raise BadInput("$near takes a value and a distance.", hint="Try [5, 0.01].")
        middle, distance = (_as_number(key, one) for one in wanted)
        return math.isclose(got, middle, rel_tol=1e-12, abs_tol=distance)
    bound = _as_number(key, wanted)
    return got >= bound if key == "$gte" else got <= bound


def _as_number(key: str, given: JsonValue) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise BadInput(f"{key} takes a number, not {given!r}.")
    return float(given)


def fits(tool: str, args: JsonObject, got_tool: str, got_args: JsonObject) -> bool:
    """Whether a call is of the expected tool, with the expected arguments."""
    return tool == got_tool and matches(cast("JsonValue", args), cast("JsonValue", got_args))
