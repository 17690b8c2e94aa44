"""Calls off the event loop."""

import asyncio
import contextvars
import threading

import pytest

from pointsman.guardrails.offloop import OffLoop

VALUE = contextvars.ContextVar("VALUE", default="none")


async def test_so_many_at_once_and_no_more() -> None:
    """Calls run in as many threads as were asked for, and all of them get their results."""
    gate, names = threading.Barrier(3, timeout=30), set[str]()

    def work(n: int) -> int:
        names.add(str(threading.get_ident()))
        gate.wait()
        return n * n

    off = OffLoop[int, int](work, name="t", threads=3)
    assert await asyncio.gather(*(off.call(n) for n in range(9))) == [n * n for n in range(9)]
    assert len(names) == 3


async def test_an_error_comes_out_as_it_is() -> None:
    """What the function raises is raised, the very same, and its thread works on."""
    error = KeyError("x")

    def work(n: int) -> int:
        if n:
            raise error
        return n

    off = OffLoop[int, int](work, name="t")
    with pytest.raises(KeyError) as caught:
        await off.call(1)
    assert caught.value is error
    assert await off.call(0) == 0


async def test_a_call_cancelled_before_its_turn_is_never_begun() -> None:
    """A time-out while another call has the thread leaves nothing to be done later."""
    release, began, started = threading.Event(), list[int](), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work(n: int) -> int:
        began.append(n)
        loop.call_soon_threadsafe(started.set)
        release.wait(60)
        return n

    off = OffLoop[int, int](work, name="t")
    first = asyncio.ensure_future(off.call(1))
    await started.wait()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(off.call(2), 0.01)
    release.set()
    assert await first == 1
    assert await off.call(3) == 3
    assert began == [1, 3]


async def test_the_callers_context_goes_along() -> None:
    """Context variables, such as a trace, are those of the caller."""
    VALUE.set("mine")
    assert await OffLoop[int, str](lambda _: VALUE.get(), name="t").call(0) == "mine"


def test_it_serves_one_event_loop_after_another() -> None:
    """A guard made once is used in several programs' loops, one after another."""
    off = OffLoop[int, int](lambda n: n + 1, name="t")
    assert [asyncio.run(off.call(n)) for n in range(3)] == [1, 2, 3]
