"""Tools: schema, declared effect, arguments, results and failures."""

import asyncio
import functools
import json
import threading
import time
from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from pointsman.errors import BadOutput, Misconfigured, ToolFailed, ToolTimeout
from pointsman.nodes.tool import Tool, tool


class Refund(BaseModel):
    """What a refund needs."""

    invoice: str
    usd: Annotated[float, Field(gt=0)]
    reason: str = "none given"


class Size(Enum):
    """A size of a parcel."""

    SMALL = "s"
    LARGE = "l"


@tool
def bare(text: str) -> str:
    """Do something.

    More about it.
    """
    return f"did {text}"


def test_a_tool_that_declares_nothing_is_a_low_stakes_write() -> None:
    """What is not declared a read is proposed, never just run."""
    assert (bare.effect, bare.stakes) == ("write", "low")
    assert (bare.name, bare.description) == ("bare", "Do something.")


def test_a_tool_is_still_a_function() -> None:
    """Tests of the user's own code call it as before."""
    assert bare("this") == "did this"
    assert bare(text="that") == "did that"


def test_the_schema_a_model_sees_is_the_parameters() -> None:
    """Types, defaults and what is required come from the annotations."""

    @tool(effect="read", name="find")
    def find_it(order: int, size: Literal["s", "l"] = "s") -> str:
        return ""

    spec = find_it.spec
    assert spec.name == "find"
    properties = spec.parameters["properties"]
    assert isinstance(properties, dict)
    assert properties.keys() == {"order", "size"}
    assert spec.parameters["required"] == ["order"]


def test_the_schema_of_a_model_parameter_is_the_models() -> None:
    """A function of one pydantic model shows that model's fields, not one called `call`."""

    @tool
    def refund(call: Refund) -> str:
        return ""

    assert refund.takes_model
    assert refund.spec.parameters["required"] == ["invoice", "usd"]


@pytest.mark.parametrize(
    "fn",
    [
        lambda text: text,
        lambda *texts: texts,
        lambda **texts: texts,
    ],
)
def test_a_parameter_without_a_type_is_refused(fn: Callable[..., str]) -> None:
    """A tool without types is a fault of the program, named when it is made."""
    with pytest.raises(Misconfigured, match="text"):
        tool(name="untyped")(fn)


def test_typed_star_arguments_are_refused() -> None:
    """A model cannot fill `*args` and `**kwargs`, typed or not."""

    def many(*texts: str, **more: str) -> str:
        return ""

    with pytest.raises(Misconfigured, match="texts, more"):
        tool(many)


def test_a_parameter_with_a_hidden_name_is_refused() -> None:
    """A name that pydantic forbids is one clear error, not pydantic's own."""

    def hidden(_secret: str) -> str:
        return ""

    with pytest.raises(Misconfigured, match="hidden"):
        tool(hidden)


def test_a_type_that_has_no_schema_is_refused() -> None:
    """A parameter that no JSON can fill is one clear error when the tool is made."""

    def connect(to: threading.Thread) -> str:
        return ""

    with pytest.raises(Misconfigured, match="'connect'"):
        tool(connect)


def _sync(order: int, size: Size = Size.SMALL) -> str:
    return f"{order} {size.value}"


async def _async(order: int, size: Size = Size.SMALL) -> str:
    await asyncio.sleep(0)
    return f"{order} {size.value}"


@functools.wraps(_async)
def _wrapped(*args: object, **kwargs: object) -> object:
    return _async(*args, **kwargs)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("fn", [_sync, _async, _wrapped], ids=["sync", "async", "wrapped"])
async def test_sync_and_async_functions_get_typed_arguments(fn: Callable[..., object]) -> None:
    """JSON arguments arrive as the annotated types, whatever kind of function it is; so does an
    async function inside somebody's plain decorator."""
    made = tool(name="find")(fn)
    assert await made.invoke({"order": "7", "size": "l"}) == "7 l"
    assert await made.invoke({"order": 7}) == "7 s"


async def test_a_function_of_one_model_gets_the_model() -> None:
    """The function sees the validated model with its defaults."""

    @tool
    async def refund(call: Refund) -> str:
        assert isinstance(call, Refund)
        return f"{call.invoice} {call.usd} {call.reason}"

    assert await refund.invoke({"invoice": "INV-1", "usd": 5}) == "INV-1 5.0 none given"


def test_frozen_arguments_are_complete_json() -> None:
    """A ticket holds coerced values and the defaults: what is approved is what runs."""

    @tool
    def order(when: date, size: Size = Size.LARGE) -> str:
        return ""

    frozen = order.frozen({"when": "2026-11-21"})
    assert frozen == {"when": "2026-11-21", "size": "l"}
    assert json.loads(json.dumps(frozen)) == frozen
    assert order.frozen(frozen) == frozen


async def test_arguments_that_do_not_fit_name_tool_and_field() -> None:
    """The model is told what to correct; the function is not called."""
    called: list[str] = []

    @tool
    def refund(call: Refund) -> str:
        called.append(call.invoice)
        return ""

    with pytest.raises(BadOutput, match=r"'refund'.*usd.*greater than 0"):
        await refund.invoke({"invoice": "INV-1", "usd": 0})
    with pytest.raises(BadOutput, match="invoice"):
        refund.frozen({"usd": 1})
    assert called == []


async def test_a_sync_tool_runs_off_the_loop() -> None:
    """A blocking tool stops nobody else: the loop goes on while it works."""
    began = threading.Event()
    go_on = threading.Event()

    @tool(effect="read")
    def block() -> str:
        began.set()
        assert go_on.wait(20)
        return threading.current_thread().name

    work = asyncio.create_task(block.invoke({}))
    await asyncio.to_thread(began.wait, 20)
    go_on.set()
    assert await work != threading.main_thread().name


async def test_what_a_tool_raises_is_tool_failed() -> None:
    """The error names the tool, the class and the text; the cause is kept."""

    @tool
    def fail(text: str) -> str:
        raise KeyError(text)

    with pytest.raises(ToolFailed, match=r"'fail': KeyError: 'INV-9'") as caught:
        await fail.invoke({"text": "INV-9"})
    assert not isinstance(caught.value, ToolTimeout)
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize("sync", [True, False])
async def test_a_tool_that_takes_too_long_is_a_time_out(sync: bool) -> None:
    """A time-out is its own error: whether the tool acted is not known."""
    stop = threading.Event()

    @tool(timeout=0.02)
    def slow() -> str:
        stop.wait(20)
        return ""

    @tool(timeout=0.02)
    async def slow_async() -> str:
        await asyncio.sleep(20)
        return ""

    made: Tool[..., object] = slow if sync else slow_async
    with pytest.raises(ToolTimeout, match=r"0\.02 s"):
        await made.invoke({})
    stop.set()


async def test_a_tools_own_time_out_is_not_called_ours() -> None:
    """TimeoutError from inside a tool is reported as what the tool raised, and as unknown: its own
    connection may have been cut after it acted."""

    @tool
    async def dial() -> str:
        raise TimeoutError("the bank did not answer")

    with pytest.raises(ToolTimeout, match="the bank did not answer"):
        await dial.invoke({})


async def test_cancelling_a_tool_is_no_failure() -> None:
    """Cancellation passes through as it is."""

    @tool
    async def forever() -> str:
        await asyncio.sleep(60)
        return ""

    work = asyncio.create_task(forever.invoke({}))
    await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work


class _Opaque:
    def __str__(self) -> str:
        return "opaque thing"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("plain", "plain"),
        (None, "null"),
        (True, "true"),
        ({"usd": 5, "when": date(2026, 11, 21)}, '{"usd": 5, "when": "2026-11-21"}'),
        (Refund(invoice="é", usd=1), '{"invoice": "é", "usd": 1.0, "reason": "none given"}'),
        ([Size.SMALL], '["s"]'),
        (_Opaque(), '"opaque thing"'),
        ({"what": _Opaque()}, '{"what": "opaque thing"}'),
        ("cut \ud83d here", "cut ? here"),
        (b"\xff\xfe", "b'\\xff\\xfe'"),
    ],
)
async def test_any_result_becomes_text(result: object, text: str) -> None:
    """Text as it is, everything else as JSON. What JSON has no form for is shown as str() does: a
    write that happened must never fail over how its result prints."""

    @tool
    def give() -> object:
        return result

    got = await give.invoke({})
    assert got == text
    got.encode("utf-8")


async def test_a_result_that_contains_itself_becomes_text() -> None:
    """A cycle is shown, not raised."""
    loop: list[object] = []
    loop.append(loop)

    @tool
    def give() -> object:
        return loop

    assert await give.invoke({}) == "[[...]]"


@pytest.mark.parametrize("sync", [True, False])
async def test_a_preview_says_what_would_change(sync: bool) -> None:
    """It gets the same arguments as the tool, which is not called."""

    def preview(invoice: str, usd: float) -> str:
        return f"would pay {usd:.2f} on {invoice}"

    async def preview_async(invoice: str, usd: float) -> str:
        return preview(invoice, usd)

    @tool(preview=preview if sync else preview_async)
    def refund(invoice: str, usd: float) -> str:
        raise AssertionError("the tool itself must not run")

    assert await refund.preview_of({"invoice": "INV-1", "usd": 5}) == "would pay 5.00 on INV-1"


async def test_no_preview_is_empty() -> None:
    """A tool without a preview shows nothing."""
    assert await bare.preview_of({"text": "x"}) == ""


async def test_context_reaches_a_sync_tool() -> None:
    """Context variables (log context, trace) are seen in the tool's thread."""
    from contextvars import ContextVar

    var: ContextVar[str] = ContextVar("var")
    var.set("seen")

    @tool(effect="read")
    def look() -> str:
        time.sleep(0)
        return var.get("lost")

    assert await look.invoke({}) == "seen"
