"""Canonical JSON and digests."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.nodes.digest import canonical, digest

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(json_values)
def test_canonical_json_reads_back_as_the_same_value(value: object) -> None:
    """Nothing is lost or changed by the canonical form, lone surrogates included."""
    text = canonical(value).decode("utf-8", "surrogatepass")  # pyright: ignore[reportArgumentType]
    assert json.loads(text) == value


@given(st.dictionaries(st.text(), json_values, max_size=6))
def test_the_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    """Two objects with the same members have one digest."""
    turned = dict(reversed(list(value.items())))
    assert digest(value) == digest(turned)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "b"), ("ab",)),
        (("a", ""), ("", "a")),
        (("1",), (1,)),
        ((["a"], "b"), ("a", ["b"])),
        ((None,), ("null",)),
        (({"usd": 5},), ({"usd": 50},)),
    ],
)
def test_different_parts_have_different_digests(one: tuple[object], other: tuple[object]) -> None:
    """Parts keep their borders and their types: nothing runs together."""
    assert digest(*one) != digest(*other)  # pyright: ignore[reportArgumentType]


def test_a_digest_is_the_sha256_of_the_canonical_list() -> None:
    """The stored digests can be checked with any other tool."""
    import hashlib

    assert digest("a", {"c": 1, "b": 2}) == hashlib.sha256(b'["a",{"b":2,"c":1}]').hexdigest()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_json_does_not_have_is_refused(value: float) -> None:
    """NaN and the infinities have no canonical form."""
    with pytest.raises(ValueError, match="JSON"):
        canonical({"usd": value})
