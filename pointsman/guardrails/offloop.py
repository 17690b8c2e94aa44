"""Calls of somebody else's code: off the event loop where it would block it, bounded in time."""

import asyncio
import contextvars
import inspect
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar, cast

_A = TypeVar("_A")
_R = TypeVar("_R")


class OffLoop(Generic[_A, _R]):
    """Calls `function` with one argument. A coroutine function runs on the loop; any other in
    threads of its own, `threads` at once, and what it returns is awaited where it can be.

    A thread cannot be stopped: a call that never returns keeps its thread, and with all of them
    kept every later call ends in a time-out.
    """

    def __init__(
        self, function: Callable[[_A], _R | Awaitable[_R]], *, name: str, threads: int = 1
    ) -> None:
        self._function = function
        self._on_loop = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - an object may be called as a coroutine
        )
        self._name = name
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None

    async def call(self, argument: _A) -> _R:
        """What the function returns, or raises. Give it a time-out: it may never end."""
        if self._on_loop:
            given = self._function(argument)
        else:
            context = contextvars.copy_context()
            work = partial(self._function, argument)
            given = await asyncio.get_running_loop().run_in_executor(
                self._workers(), lambda: context.run(work)
            )
        return cast("_R", await given if inspect.isawaitable(given) else given)

    def _workers(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)
        return self._pool
