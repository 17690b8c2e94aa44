"""The response cache in Redis or Valkey, shared by machines. Needs the extra `redis`."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from importlib.resources import files
from typing import Protocol, TypeVar, cast
from weakref import WeakKeyDictionary

from pointsman.errors import Misconfigured, MissingExtra, StoreError, is_control_flow
from pointsman.nodes.gateway.cachestore import Room, Row, Sayings, checked_bytes

T = TypeVar("T")

AGAIN = 1.0
"""Seconds after a failure in which Redis is not tried again: no call waits for what is known to be
away."""
PAGE = 200
"""Rows read at once in a scan."""
ADMIN_TIMEOUT = 30.0


class _Pipeline(Protocol):
    def hincrbyfloat(self, name: str, key: str, amount: float) -> object: ...
    async def execute(self) -> object: ...


class _Client(Protocol):
    """What is used of `redis.asyncio.Redis`."""

    async def mget(self, keys: Sequence[str]) -> list[bytes | None]: ...
    async def hget(self, name: str, key: str) -> bytes | None: ...
    async def hgetall(self, name: str) -> dict[bytes, bytes]: ...
    async def zscan(
        self, name: str, cursor: int, match: str, count: int
    ) -> tuple[int, list[tuple[bytes, float]]]: ...
    def pipeline(self, *, transaction: bool) -> _Pipeline: ...
    async def aclose(self) -> None: ...

    def register_script(self, script: str) -> "_Script": ...


class _Script(Protocol):
    async def __call__(self, *, keys: Sequence[str], args: Sequence[str | bytes]) -> int: ...


class RedisStore:
    """Implements `CacheStore` in a Redis or Valkey server.

    `max_bytes`: rows and what Redis needs to hold them, about; the oldest leave first. `prefix`
    begins every key. `timeout`: seconds for one step of a call to a model; a longer one is a miss.

    Raises Misconfigured for an address that is none, MissingExtra without the package.
    """

    def __init__(
        self,
        url: str,
        *,
        max_bytes: int = 256 << 20,
        prefix: str = "pointsman",
        timeout: float = 0.25,
    ) -> None:
        _checked(url)
        if not 0 < timeout < math.inf:
            raise Misconfigured(f"Redis cannot be asked for {timeout} s.", hint="Try 0.25.")
        self._url = url
        self._max_bytes = checked_bytes(max_bytes)
        self._timeout = timeout
        # Redis Cluster keeps on one node what has the same text in braces.
        self._stem = f"{{{prefix}:cache}}:"
        self._books = [self._stem + name for name in ("ages", "ends", "sizes")]
        self._sayings = Sayings("in Redis")
        self._away_until = 0.0
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[_Client, _Script]] = (
            WeakKeyDictionary()
        )

    async def get(self, keys: Sequence[str]) -> Sequence[bytes | None]:
        names = [self._row(key) for key in keys]
        found = await self._step(lambda client, _: client.mget(names))
        return [None] * len(keys) if found is None else found

    async def put(self, rows: Sequence[Row]) -> None:
        args: list[str | bytes] = ["put", str(self._max_bytes)]
        for row in rows:
            lives = "" if row.lives is None else str(max(1, math.ceil(row.lives * 1000)))
            args += [row.key, row.value, lives]
        keys = [*self._books, *(self._row(row.key) for row in rows)]
        await self._step(lambda _, script: script(keys=keys, args=args))

    async def count(self, add: Mapping[str, float]) -> None:
        async def work(client: _Client, _: _Script) -> None:
            pipeline = client.pipeline(transaction=False)
            for name, number in add.items():
                pipeline.hincrbyfloat(f"{self._stem}counts", name, number)
            await pipeline.execute()

        await self._step(work)

    async def scan(self, prefix: str) -> AsyncIterator[tuple[str, bytes]]:
        cursor = 0
        seen: set[str] = set()
        while True:
            cursor, names, values = await self._ask(
                lambda client, _, at=cursor: self._page(client, at, prefix)
            )
            for name, value in zip(names, values, strict=True):
                # A scan of Redis may give a row twice.
                if value is not None and name not in seen:
                    seen.add(name)
                    yield name, value
            if cursor == 0:
                return

    async def drop(self, keys: Sequence[str]) -> int:
        if not keys:
            return 0
        names = [*self._books, *(self._row(key) for key in keys)]
        return await self._ask(lambda _, script: script(keys=names, args=["drop", "", *keys]))

    async def counts(self) -> Mapping[str, float]:
        found = await self._ask(lambda client, _: client.hgetall(f"{self._stem}counts"))
        return {name.decode("utf-8", "replace"): _number(text) for name, text in found.items()}

    async def room(self) -> Room:
        used = await self._ask(lambda client, _: client.hget(self._books[2], ""))
        return Room(int(_number(used or b"0")), self._max_bytes)

    async def aclose(self) -> None:
        opened = self._clients.pop(asyncio.get_running_loop(), None)
        if opened is not None:
            await opened[0].aclose()

    async def _page(
        self, client: _Client, cursor: int, prefix: str
    ) -> tuple[int, list[str], list[bytes | None]]:
        pattern = "".join(f"\\{c}" if c in "*?[]\\" else c for c in prefix) + "*"
        cursor, members = await client.zscan(self._books[0], cursor, match=pattern, count=PAGE)
        names = [name.decode("utf-8", "replace") for name, _ in members]
        values = await client.mget([self._row(name) for name in names]) if names else []
        return cursor, names, values

    async def _step(self, work: Callable[[_Client, _Script], Awaitable[T]]) -> T | None:
        """For a call to a model: what cannot be is None."""
        if time.monotonic() < self._away_until:
            return None
        try:
            async with asyncio.timeout(self._timeout):
                return await work(*self._client())
        except Exception as error:
            if is_control_flow(error):
                raise
            self._failed(error)
            return None

    def _failed(self, error: Exception) -> None:
        from redis.exceptions import AuthenticationError, ResponseError

        # Never the error's text: it may hold the address, and with it the password.
        if isinstance(error, ResponseError) and not isinstance(error, AuthenticationError):
            self._sayings.say("refuses what it is asked; every answer is asked for")
        else:
            self._away_until = time.monotonic() + AGAIN
            self._sayings.say(
                f"cannot be reached ({type(error).__name__}); answers are asked for meanwhile"
            )

    async def _ask(self, work: Callable[[_Client, _Script], Awaitable[T]]) -> T:
        """For a person. Raises StoreError."""
        from redis.exceptions import RedisError

        try:
            async with asyncio.timeout(ADMIN_TIMEOUT):
                return await work(*self._client())
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreError(
                f"The response cache in Redis cannot be used ({type(error).__name__}).",
                hint="Check the address, its password, and that the server runs.",
            ) from error

    def _row(self, key: str) -> str:
        return f"{self._stem}{key}"

    def _client(self) -> tuple[_Client, _Script]:
        """Of this event loop: a connection cannot change its loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            client = _connected(self._url, self._timeout)
            text = (files("pointsman.nodes.gateway") / "cache.lua").read_text("utf-8")
            self._clients[loop] = client, client.register_script(text)
        return self._clients[loop]


def _checked(url: str) -> None:
    try:
        from redis.asyncio.connection import parse_url
    except ImportError as error:
        raise MissingExtra(
            "A response cache in Redis needs the extra `redis`.",
            hint="pip install 'pointsman[redis]'",
        ) from error
    try:
        parse_url(url)
    except ValueError as error:
        raise Misconfigured(
            "The address of Redis for the response cache is none.",
            hint="Give one like redis://localhost:6379/0.",
        ) from error


def _connected(url: str, timeout: float) -> _Client:
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    client = Redis.from_url(  # pyright: ignore[reportUnknownMemberType] (untyped options)
        url,
        socket_timeout=max(timeout, ADMIN_TIMEOUT),
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
    )
    return cast("_Client", client)


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
