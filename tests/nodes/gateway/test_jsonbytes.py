"""JSON as the lean transport writes and reads it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import ModelRejected
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway.jsonbytes import decode_object, encode

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=5)


@given(OBJECTS)
def test_what_is_written_reads_the_same_everywhere(body: JsonObject) -> None:
    """Halves of surrogate pairs and integers of any length included."""
    assert json.loads(encode(body, model="m")) == body


@given(OBJECTS, st.booleans())
def test_what_the_standard_library_wrote_is_read(body: JsonObject, ascii_only: bool) -> None:
    """All but integers of more than 64 bits, which come as the nearest float."""
    text = json.dumps(body, ensure_ascii=ascii_only)
    found = decode_object(text.encode("utf-8", "replace"))
    assert found is not None
    assert list(found) == list(json.loads(text.encode("utf-8", "replace")))
    assert _rounded(found) == _rounded(json.loads(text.encode("utf-8", "replace")))


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return float(value) if isinstance(value, int) and abs(value) < 1e300 else value


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[1]", b'"x"', b"null", b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": 1e999}',
     b'{"a": 1,}', b"{'a': 1}", b'{"a": ' + b"[" * 100_000, b'{"a": ' + b"9" * 100_000, b"\xff",
     b'{"\\ud800": NaN}'],
)  # fmt: skip
def test_what_is_no_json_object_is_none(raw: bytes) -> None:
    """And raises nothing, however long or deep it is."""
    assert decode_object(raw) is None


@pytest.mark.parametrize(
    ("raw", "value"),
    [(b'{"a": 1, "a": 2}', 2), (b'{"a": "x\xffy"}', "x\ufffdy"), (b'{"a": "\\ud800"}', "\ud800"),
     (b'\xef\xbb\xbf{"a": 1}', 1), (b'{"a": 18446744073709551616}', 2.0**64)],
)  # fmt: skip
def test_what_providers_send_all_the_same_is_read(raw: bytes, value: object) -> None:
    """The last of two keys, a byte that is no UTF-8, half a pair, a mark before the text."""
    assert decode_object(raw) == {"a": value}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_json_does_not_have_is_refused(number: float) -> None:
    """It would arrive as `null`, which is another request."""
    with pytest.raises(ModelRejected, match="openai/x"):
        encode({"model": "x", "temperature": number}, model="openai/x")
