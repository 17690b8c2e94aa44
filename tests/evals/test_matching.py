"""Matchers of arguments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from pointsman.errors import BadInput
from pointsman.evals.matching import fits, matches

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text("abc", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("expected", "got", "holds"),
    [
        ({"a": 1}, {"a": 1.0, "b": 2}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"b": 1}, False),
        ({"$exact": {"a": 1}}, {"a": 1, "b": 2}, False),
        ({"$exact": {"a": 1}}, {"a": 1}, True),
        ({"$any": True}, None, True),
        ({"a": {"$any": True}}, {}, False),
        ({"$regex": "INV-[0-9]+"}, "INV-12", True),
        ({"$regex": "INV-[0-9]+"}, "see INV-12", False),
        ({"$regex": "1"}, 1, False),
        ({"$contains": "ab"}, "xABx", True),
        ({"$contains": {"a": 1}}, [{"a": 1, "b": 2}], True),
        ({"$contains": "a"}, 5, False),
        ({"$in": [1, 2]}, 2, True),
        ({"$in": [1, 2]}, 3, False),
        ({"$not": 3}, 4, True),
        ({"$gte": 2, "$lte": 3}, 2.5, True),
        ({"$gte": 2, "$lte": 3}, 3.5, False),
        ({"$gte": 0}, True, False),
        ({"$near": [89, 0.01]}, 89.009, True),
        ({"$near": [89, 0.01]}, 89.02, False),
        ([1, {"$any": True}], [1, 2], True),
        ([1], [1, 2], False),
    ],
)
def test_what_matches(expected: JsonValue, got: JsonValue, holds: bool) -> None:
    """Each matcher holds for what it says, and for nothing of another kind."""
    assert matches(expected, got) is holds


@pytest.mark.parametrize("wrong", [{"$size": 1}, {"$near": 5}, {"$gte": "x"}, {"$regex": "("}])
def test_a_matcher_that_is_none_is_an_error(wrong: JsonValue) -> None:
    """It would otherwise hold for nothing, or for everything, unseen."""
    with pytest.raises(BadInput):
        matches(wrong, 5 if "$regex" not in str(wrong) else "x")


@given(JSON)
def test_every_value_matches_itself(value: JsonValue) -> None:
    """And its negation does not."""
    assert matches(value, value)
    assert not matches({"$not": value}, value)


def test_a_call_fits_by_tool_and_arguments() -> None:
    """Both must."""
    assert fits("pay", {"usd": 5}, "pay", {"usd": 5, "to": "ana"})
    assert not fits("pay", {}, "refund", {})
