"""Calls of somebody else's code that may block: off the event loop, in threads of its own."""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Generic, TypeVar, cast

_A = TypeVar("_A")
_R = TypeVar("_R")


class OffLoop(Generic[_A, _R]):
    """Calls `function` with one argument. A coroutine function runs on the loop; any other in
    threads of its own, `threads` at once, and what it returns is awaited where it can be.

    A thread cannot be stopped: a call that never returns keeps its thread, and with all of them
    kept no later call begins. They are daemons, so that none of them keeps a program from ending.
    """

    def __init__(
        self, function: Callable[[_A], _R | Awaitable[_R]], *, name: str, threads: int = 1
    ) -> None:
        self._function = function
        self._on_loop = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - an object may be called as a coroutine
        )
        self._name = name
        self._missing = threads
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()

    async def call(self, argument: _A) -> _R:
        """What the function returns, or raises. Give it a time-out: it may never end. Cancelled
        before its turn, it is never begun."""
        if self._on_loop:
            given = self._function(argument)
        else:
            context, work = contextvars.copy_context(), partial(self._function, argument)
            future: Future[_R | Awaitable[_R]] = Future()
            self._jobs.put(lambda: context.run(_do, work, future))
            self._grow()
            given = await asyncio.wrap_future(future)
        return cast("_R", await given if inspect.isawaitable(given) else given)

    def _grow(self) -> None:
        with self._lock:
            if self._missing:
                self._missing -= 1
                threading.Thread(target=self._serve, name=self._name, daemon=True).start()

    def _serve(self) -> None:
        while True:
            self._jobs.get()()


def _do(work: Callable[[], _R], future: "Future[_R]") -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:
        # Whoever waits for the future raises it, whatever it is.
        future.set_exception(error)
        return
    future.set_result(result)
