"""The books of rate limits in Redis or Valkey: several machines. Needs the extra `redis`.

One script does each step, at the server's own time, so that machines whose clocks differ hold one
limit.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from importlib.resources import files
from typing import Literal, Protocol, cast
from weakref import WeakKeyDictionary

from pointsman.errors import Misconfigured, MissingExtra, RateLimited
from pointsman.guardrails.books import Ask, Held, Return, Short
from pointsman.guardrails.gcra import Slot
from pointsman.teams.store.limits import hashed

log = logging.getLogger("pointsman.teams")

Lost = Literal["open", "closed"]
AGAIN = 1.0
"""Seconds after a failure in which Redis is not tried again: no call waits for what is known to be
away."""
GRACE_MS = 1000


class _Script(Protocol):
    async def __call__(self, *, keys: Sequence[str], args: Sequence[str]) -> object: ...


class _Client(Protocol):
    async def aclose(self) -> None: ...

    def register_script(self, script: str) -> _Script: ...


class RedisBooks:
    """Implements `guardrails.books.Books`.

    When Redis is lost, `lost` says what a take does: `closed` raises RateLimited, `open` lets the
    use through with nothing held. Raises MissingExtra without the package, Misconfigured for an
    address that is none or a password that is refused.
    """

    poll = 0.25

    def __init__(
        self,
        url: str,
        *,
        lost: Lost = "closed",
        prefix: str = "pointsman",
        timeout: float = 1.0,
        clock: Callable[[], float] | None = None,
        grace_ms: int = GRACE_MS,
    ) -> None:
        """`timeout`: seconds for one step. `clock` replaces the server's; `grace_ms` is how long a
        full bucket stays."""
        self._url = url
        self._lost: Lost = lost
        # Redis Cluster keeps on one node what has the same text in braces.
        self._prefix = f"{{{prefix}:limits}}:"
        self._timeout = timeout
        self._clock = clock
        self._grace = grace_ms
        self._away_until = 0.0
        self._ending: set[asyncio.Task[None]] = set()
        self._scripts: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[_Client, _Script]] = (
            WeakKeyDictionary()
        )

    async def take(self, asks: Sequence[Ask], permit: str) -> tuple[Held, ...] | Short:
        numbers = [n for ask in asks for n in (ask.lease, ask.room, ask.every, ask.cost)]
        job = asyncio.ensure_future(
            self._step("take", asks, permit, [repr(float(n)) for n in numbers])
        )
        try:
            answer = await asyncio.shield(job)
        except asyncio.CancelledError:
            self._keep(self._undo(job, asks, permit))
            raise
        if answer is None:
            if self._lost == "open":
                return ()
            raise RateLimited(
                "The rate limits in Redis cannot be reached, so nothing is let through.",
                hint="Start Redis again, or let its loss open the limits.",
                retry_after=AGAIN,
            )
        return _taken(asks, answer)

    async def give(self, returns: Sequence[Return], permit: str) -> None:
        asks = [back.held.ask for back in returns]
        numbers = [text for back in returns for text in _numbers(back)]
        await asyncio.shield(self._keep(self._given(asks, permit, numbers)))

    async def aclose(self) -> None:
        if self._ending:
            await asyncio.wait(tuple(self._ending))
        opened = self._scripts.pop(asyncio.get_running_loop(), None)
        if opened is not None:
            await opened[0].aclose()

    async def _given(self, asks: Sequence[Ask], permit: str, numbers: Sequence[str]) -> None:
        await self._step("give", asks, permit, numbers)

    async def _undo(
        self, job: "asyncio.Future[list[str] | None]", asks: Sequence[Ask], permit: str
    ) -> None:
        """The take's caller was cancelled while it was on its way."""
        try:
            answer = await job
        except Misconfigured:
            return
        got = _taken(asks, answer) if answer else ()
        if not isinstance(got, Short) and got:
            await self.give([Return(held) for held in got], permit)

    def _keep(self, work: "Coroutine[None, None, None]") -> "asyncio.Task[None]":
        """Its own task, held until it is done: asyncio itself holds tasks only weakly."""
        task = asyncio.ensure_future(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task

    async def _step(
        self, what: str, asks: Sequence[Ask], permit: str, numbers: Sequence[str]
    ) -> list[str] | None:
        """The script's answer; None when Redis is lost."""
        try:
            from redis.exceptions import AuthenticationError, RedisError
        except ImportError as error:
            raise MissingExtra(
                "Rate limits in Redis need the extra `redis`.",
                hint="pip install 'pointsman[redis]'",
            ) from error
        if time.monotonic() < self._away_until:
            return None
        now = "" if self._clock is None else repr(self._clock())
        keys = [self._prefix + hashed(ask) for ask in asks]
        try:
            async with asyncio.timeout(self._timeout):
                script = self._script()
                answer = await script(
                    keys=keys, args=[what, now, permit, str(self._grace), *numbers]
                )
        except AuthenticationError as error:
            raise Misconfigured(
                "Redis refused the password for the rate limits.",
                hint="Give the right one in the address: redis://:password@host:6379.",
            ) from error
        except (RedisError, OSError, TimeoutError) as error:
            # Never the error's text: it may hold the address, and with it the password.
            log.warning("rate limits: Redis is lost (%s)", type(error).__name__)
            self._away_until = time.monotonic() + AGAIN
            return None
        parts = cast("list[bytes | str]", answer)
        return [part if isinstance(part, str) else part.decode() for part in parts]

    def _script(self) -> _Script:
        """Of this event loop: a connection cannot change its loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._scripts:
            client = _client(self._url, self._timeout)
            text = (files("pointsman.teams.store") / "limits.lua").read_text("utf-8")
            self._scripts[loop] = client, client.register_script(text)
        return self._scripts[loop][1]


def _client(url: str, timeout: float) -> _Client:
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    # A step is not sent twice: the first may have been done.
    once = Retry(NoBackoff(), 0)
    try:
        client = Redis.from_url(  # pyright: ignore[reportUnknownMemberType] (untyped options)
            url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=once
        )
        return cast("_Client", client)
    except ValueError as error:
        raise Misconfigured(
            "The address of Redis is none.", hint="Give one like redis://localhost:6379/0."
        ) from error


def _taken(asks: Sequence[Ask], answer: Sequence[str]) -> tuple[Held, ...] | Short:
    kind, *rest = answer
    if kind == "short":
        return Short(tuple(float(text) for text in rest))
    pairs = zip(asks, rest[::2], rest[1::2], strict=True)
    return tuple(
        Held(ask, Slot(float(since), int(at)) if since else None) for ask, since, at in pairs
    )


def _numbers(back: Return) -> tuple[str, str, str]:
    ask, slot = back.held.ask, back.held.slot
    if slot is None:
        return "", "0", "0"
    return repr(slot.since), str(slot.at), repr((back.used - ask.cost) * ask.every)
