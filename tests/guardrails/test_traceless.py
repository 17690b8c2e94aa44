"""What may not leave a trace in the response cache."""

import pytest

from pointsman.guardrails.traceless import Traceless, texts
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.message import ToolCall, Turn

KEY = "AKIA" + "QYLPMN5HHHFPZAM2"
TRACELESS = Traceless()


def asked(*turns: Turn) -> ModelRequest:
    """A request of these turns."""
    return ModelRequest(turns=turns)


def call(**args: object) -> ToolCall:
    """A call with these arguments."""
    return ToolCall(id="1", name="t", args=args)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "reply",
    [
        ModelReply(model="m", text=f"Your key is {KEY}."),
        ModelReply(model="m", text="fine", tool_calls=(call(to=["x", {"note": KEY}]),)),
        ModelReply(model="m", tool_calls=(call(password="kX9#vQ2!mZ7pL4w"),)),
    ],
    ids=["text", "argument", "name"],
)
def test_a_secret_in_a_reply_is_seen(reply: ModelReply) -> None:
    """In the text, deep in an argument, and by the argument's name."""
    assert not TRACELESS.reply(reply)


@pytest.mark.parametrize(
    "turn",
    [
        Turn(role="user", content=f"use {KEY}"),
        Turn(role="tool", content=f'{{"key": "{KEY}"}}', tool_call_id="1"),
        Turn(role="assistant", content="", tool_calls=(call(key=KEY),)),
    ],
    ids=["said", "result", "call"],
)
def test_a_secret_in_a_request_is_seen(turn: Turn) -> None:
    """In what was said, in a tool's result, in an earlier call."""
    assert not TRACELESS.request(asked(Turn(role="system", content="Help."), turn))


@pytest.mark.parametrize("text", ["", "Refund order A-1 of 20 USD.", "password: <SECRET_1>"])
def test_plain_words_and_placeholders_are_fine(text: str) -> None:
    """What bears no secret may be cached."""
    assert TRACELESS.reply(ModelReply(model="m", text=text, tool_calls=(call(order=text),)))
    assert TRACELESS.request(asked(Turn(role="user", content=text)))


def test_texts_of_a_value() -> None:
    """Each text with its nearest name; numbers are none; depth does not matter."""
    deep: dict[str, object] = {"end": "x"}
    for _ in range(3000):
        deep = {"in": [deep]}
    assert list(texts(deep)) == ["end: x"]  # type: ignore[arg-type]
    assert sorted(texts({"a": ["b", 1, None], "c": {"d": "e"}})) == ["a: b", "d: e"]
