"""The scripted transport: what users test their teams with."""

import asyncio

import pytest

from pointsman.errors import BadOutput, Misconfigured, ModelTimeout
from pointsman.nodes.gateway.scripted import (
    ScriptedTransport,
    choice_reply,
    text_reply,
    tool_reply,
)
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Usage
from pointsman.nodes.message import ToolCall, Turn


def request(text: str = "hi", **options: object) -> ModelRequest:
    """A request of one turn."""
    return ModelRequest(turns=(Turn(role="user", content=text),), **options)  # type: ignore[arg-type]


async def test_answers_come_in_order_and_requests_are_kept() -> None:
    """Texts, replies and errors come as written; every request and model is remembered."""
    call = ToolCall(id="1", name="refund", args={"usd": 3})
    model = ScriptedTransport(["one", tool_reply(call), ModelTimeout("slow")])
    assert await model.send("scripted", request("a"), 1) == ModelReply(
        model="scripted", text="one", usd=0.0
    )
    assert (await model.send("scripted/x", request("b"), 1)).tool_calls == (call,)
    with pytest.raises(ModelTimeout, match="slow"):
        await model.send("scripted", request("c"), 1)
    assert [asked.turns[0].content for asked in model.requests] == ["a", "b", "c"]
    assert model.models == ["scripted", "scripted/x", "scripted"]


async def test_a_script_that_is_used_up_says_so() -> None:
    """One call too many is an error that says what to do, not an endless repetition."""
    model = ScriptedTransport([])
    with pytest.raises(Misconfigured, match="no answer left for a call with purpose 'route'"):
        await model.send("scripted", request(purpose="route"), 1)


async def test_a_function_may_answer_at_once_or_later() -> None:
    """A function of the request answers, also a coroutine function."""

    async def later(asked: ModelRequest) -> str:
        await asyncio.sleep(0)
        return asked.turns[0].content.upper()

    assert (await ScriptedTransport(later).send("scripted", request("x"), 1)).text == "X"
    echo = ScriptedTransport(lambda asked: asked.turns[0].content)
    assert (await echo.send("scripted", request("y"), 1)).text == "y"


async def test_a_text_must_have_the_shape_asked_for() -> None:
    """A scripted text that is none of the choices fails as a real model's would."""
    model = ScriptedTransport(["billing", "nobody", ModelReply(model="m", text="as it is")])
    asked = request(choices=("billing", "tech"))
    assert (await model.send("scripted", asked, 1)).text == "billing"
    with pytest.raises(BadOutput):
        await model.send("scripted", asked, 1)
    assert (await model.send("scripted", asked, 1)).text == "as it is"


async def test_closing_is_seen() -> None:
    """A test can tell whether its team closed the model."""
    model = ScriptedTransport([])
    assert not model.closed
    await model.aclose()
    await model.aclose()
    assert model.closed


def test_the_builders() -> None:
    """Replies are built with their cost, usage, and choices ranked by probability."""
    assert text_reply("x", usd=0.1, usage=Usage(1, 2)).usage == Usage(1, 2)
    ranked = choice_reply("a", probabilities=[("b", 0.2), ("a", 0.8)])
    assert ranked.probabilities == (("a", 0.8), ("b", 0.2))
