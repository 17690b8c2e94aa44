"""Replies on disk."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Attempt
from pointsman.nodes.gateway.codec import decode_reply, encode_reply
from pointsman.nodes.gateway.transport import ModelReply, Usage
from pointsman.nodes.message import ToolCall

text = st.text(st.characters(codec="utf-8"), max_size=20)
amounts = st.floats(min_value=0, allow_infinity=False, allow_nan=False)
replies = st.builds(
    ModelReply,
    model=text,
    text=text,
    tool_calls=st.lists(
        st.builds(ToolCall, id=text, name=text, args=st.dictionaries(text, text | st.none())),
        max_size=2,
    ).map(tuple),
    usage=st.builds(Usage, *[st.integers(0, 10**9)] * 3),
    usd=st.none() | amounts,
    seconds=amounts,
    probabilities=st.lists(st.tuples(text, st.floats(0, 1)), max_size=2).map(tuple),
    source=st.sampled_from(["model", "cache", "journal", "flight"]),
    fallbacks=st.lists(st.builds(Attempt, text, text, text), max_size=2).map(tuple),
)


@given(replies)
def test_round_trip(reply: ModelReply) -> None:
    """What is written is what is read."""
    assert decode_reply(encode_reply(reply)) == reply
    assert decode_reply(encode_reply(reply).encode()) == reply


@given(st.binary(max_size=40) | st.text(max_size=40))
def test_noise_is_nothing(stored: bytes | str) -> None:
    """Whatever else a file holds, reading it gives None and never an error."""
    assert decode_reply(stored) is None


@pytest.mark.parametrize(
    "edit",
    [
        {"schema_version": "pointsman.reply@2"},
        {"extra": 1},
        {"text": 3},
        {"usd": "1"},
        {"usd": -1},
        {"input_tokens": 1.5},
        {"source": "elsewhere"},
        {"model": None},
        {"cached_tokens": -1},
        {"fallbacks": [{"model": "m"}]},
    ],
)
def test_an_edited_reply_is_nothing(edit: dict[str, object]) -> None:
    """Another version, an unknown field and a value of another type are not read."""
    stored = json.loads(encode_reply(ModelReply(model="m")))
    assert decode_reply(json.dumps(stored)) == ModelReply(model="m")
    assert decode_reply(json.dumps({**stored, **edit})) is None


def test_half_a_surrogate_pair_is_replaced() -> None:
    """A text that cannot be UTF-8 is stored with a replacement instead of failing the run."""
    stored = encode_reply(ModelReply(model="m", text="a\ud800b"))
    assert decode_reply(stored.encode()) == ModelReply(model="m", text="a?b")


def test_numbers_json_does_not_have_are_refused() -> None:
    """A NaN cost is an error where it is made, not where it is read."""
    with pytest.raises(ValueError, match="JSON"):
        encode_reply(ModelReply(model="m", usd=float("nan")))


def test_an_older_versions_reply_is_read() -> None:
    """What it did not know is none; and what says nothing is not written, for it to read too."""
    reply = ModelReply(model="m", text="x", usage=Usage(2, 1))
    stored = json.loads(encode_reply(reply))
    assert stored.keys() == {
        "schema_version", "model", "text", "tool_calls", "input_tokens", "output_tokens", "usd",
        "seconds", "probabilities", "source",
    }  # fmt: skip
    assert decode_reply(json.dumps(stored)) == reply
