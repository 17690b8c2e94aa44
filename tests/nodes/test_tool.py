"""Tools: schema, declared effect, arguments, results and failures."""

import asyncio
import dataclasses
import functools
import json
import threading
import time
from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, JsonValue

from pointsman.errors import BadOutput, Misconfigured, ToolFailed, ToolTimeout
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import Change
from pointsman.nodes.tool import Shown, Tool, tool


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

    shown = await refund.preview_of({"invoice": "INV-1", "usd": 5})
    assert shown == ("would pay 5.00 on INV-1", ())


PAID = Change(what="paid", before=20.0, after=15.0)
NOTE = Change(what="note", after="refunded")


@pytest.mark.parametrize(
    ("shown", "changes"),
    [(PAID, (PAID,)), ([PAID, NOTE], (PAID, NOTE)), ((NOTE,), (NOTE,)), ([], ())],
)
async def test_a_preview_may_be_changes(shown: Shown, changes: tuple[Change, ...]) -> None:
    """One, several or none, each with what is there before and after."""

    @tool(preview=lambda invoice: shown)
    def refund(invoice: str) -> str:
        raise AssertionError("the tool itself must not run")

    assert await refund.preview_of({"invoice": "INV-1"}) == ("", changes)


async def test_no_preview_is_empty() -> None:
    """A tool without a preview shows nothing."""
    assert await bare.preview_of({"text": "x"}) == ("", ())


def failing(text: str) -> str:
    """A part of a tool that does not work."""
    raise KeyError(text)


async def hanging(text: str) -> str:
    """A part of a tool that does not end."""
    await asyncio.sleep(60)
    return text


@pytest.mark.parametrize("part", ["preview", "idempotency_key", "reconcile", "compensate"])
async def test_a_part_of_a_tool_that_fails_is_named(part: str) -> None:
    """Its error says which part of which tool; one that takes too long is a time-out."""

    async def use(fn: Callable[..., object], timeout: float) -> None:
        made: Tool[..., object] = tool(timeout=timeout, **{part: fn})(bare.fn)  # pyright: ignore
        match part:
            case "preview":
                await made.preview_of({"text": "x"})
            case "idempotency_key":
                await made.key_of({"text": "x"})
            case "reconcile":
                await made.found({"text": "x"})
            case _:
                await made.undo({"text": "x"}, "done")

    named = f"{part[0].upper()}{part[1:]} of tool 'bare'"
    with pytest.raises(ToolFailed, match=f"{named}: KeyError: 'x'") as caught:
        await use(failing, 5)
    assert not isinstance(caught.value, ToolTimeout)
    with pytest.raises(ToolTimeout, match=named):
        await use(hanging, 0.02)


async def test_a_tools_own_key_comes_from_typed_arguments() -> None:
    """Equal calls have equal keys, however their arguments are written; None without one."""

    @tool(idempotency_key=lambda order, size: f"{order}-{size.value}")
    def ship(order: int, size: Size = Size.SMALL) -> str:
        return ""

    assert await ship.key_of({"order": "7"}) == "7-s"
    assert await ship.key_of({"order": 7, "size": "s"}) == "7-s"
    assert await bare.key_of({"text": "x"}) is None
    with pytest.raises(BadOutput, match="order"):
        await ship.key_of({})


async def test_what_reconcile_finds_is_the_calls_result() -> None:
    """As text, as the tool's own result is; None says that it surely has not happened."""
    done: dict[str, object] = {}

    async def look(call: Refund) -> object:
        return done.get(call.invoice)

    @tool(reconcile=look)
    def refund(call: Refund) -> str:
        raise AssertionError("looking does nothing")

    args: JsonObject = {"invoice": "INV-1", "usd": 5}
    assert await refund.found(args) is None
    done["INV-1"] = {"refunded": 5}
    assert await refund.found(args) == '{"refunded": 5}'
    with pytest.raises(ToolFailed, match="'bare' has no reconcile"):
        await bare.found({"text": "x"})


async def test_undoing_may_look_at_the_recorded_result() -> None:
    """A parameter `result` that the tool does not have gets it; the tool's own stays its own."""

    def cancel(order: int, result: str) -> str:
        return f"cancelled {order} of {result}"

    @tool(compensate=cancel)
    def ship(order: int) -> str:
        return ""

    @tool(compensate=lambda result: f"took back {result}")
    def report(result: str) -> str:
        return ""

    @tool(compensate=lambda call, result: f"{call.invoice} {result}")
    def refund(call: Refund) -> str:
        return ""

    assert await ship.undo({"order": 7}, "parcel 9") == "cancelled 7 of parcel 9"
    assert await report.undo({"result": "mine"}, "recorded") == "took back mine"
    assert await refund.undo({"invoice": "INV-1", "usd": 1}, "done") == "INV-1 done"
    with pytest.raises(ToolFailed, match="'bare' has no compensate"):
        await bare.undo({"text": "x"}, "did x")


def test_a_sink_must_be_an_argument() -> None:
    """A misspelt sink would leave the argument unguarded."""
    with pytest.raises(Misconfigured, match=r"'send' has no argument 'too'.*Its arguments: to"):

        @tool(sinks=("too",))
        def send(to: str) -> str:
            return ""


@pytest.mark.parametrize(
    ("value", "leaves"),
    [
        ("https://x.org/a", True),
        (" HTTP://x.org", True),
        ("see ftp://x.org", True),
        ("www.x.org/a", True),
        ("ana@x.org", True),
        ("10.0.0.1", True),
        ("10.0.0.1:80/a", True),
        ([{"deep": "s3://b/a"}], True),
        ("INV-1042", False),
        ("where is my order?", False),
        ("5 @ 3.50", False),
        ("1.2.3", False),
        (5, False),
        ([], False),
        (None, False),
    ],
)
def test_an_address_among_the_arguments_leaves_the_machine(value: JsonValue, leaves: bool) -> None:
    """Wherever it stands in them; a tool may also declare it."""
    assert bare.leaves_machine({"text": value}) == leaves
    assert dataclasses.replace(bare, egress=True).leaves_machine({"text": value})


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
