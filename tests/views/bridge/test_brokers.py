"""What each broker promises the bridge: acknowledged once taken, given again if not, never more
than so many at once."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from pointsman.views.bridge.address import broker_at, parsed
from pointsman.views.bridge.broker import Broker, Take
from tests.views.bridge.harness import Server
from tests.views.bridge.site import SUBJECTS


@asynccontextmanager
async def taking(server: Server, take: Take, *, at_once: int = 4) -> AsyncGenerator[Broker]:
    """The broker as the bridge uses it, with this in the place of a team."""
    broker = broker_at(parsed(server.url), "shop", SUBJECTS)
    async with asyncio.timeout(60):
        await broker.start(take, at_once=at_once)
    try:
        yield broker
    finally:
        await broker.stop()


async def until(there: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for something."""
    async with asyncio.timeout(60):
        while True:
            found = there()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.05)


async def test_it_is_acknowledged_only_once_it_was_taken(server: Server) -> None:
    """While `take` has not answered the broker has it still."""
    asked, answer = asyncio.Event(), asyncio.Event()

    async def take(body: bytes) -> str:
        asked.set()
        await answer.wait()
        return ""

    async with taking(server, take):
        await server.send(b"one")
        await asyncio.wait_for(asked.wait(), 30)
        await until(lambda: _left(server, 1))
        await asyncio.sleep(1)
        assert await server.left() == 1
        answer.set()
        await until(lambda: _left(server, 0))


async def _left(server: Server, count: int) -> bool:
    return await server.left() == count


async def test_what_take_raised_on_comes_again_in_its_turn(server: Server) -> None:
    """An error of any kind: it is asked again until it answers. Of one key, nothing later is taken
    before, where the broker keeps an order."""
    taken: list[bytes] = []
    failures = [OSError("away"), RuntimeError("a fault")]

    async def take(body: bytes) -> str:
        if body == b"two" and failures:
            raise failures.pop()
        taken.append(body)
        return ""

    async with taking(server, take, at_once=1):
        await server.send(b"one", b"two", b"three", key="c1")
        await until(lambda: len(taken) == 3)
        await until(lambda: _left(server, 0))
    assert failures == []
    assert sorted(taken) == [b"one", b"three", b"two"]
    if server.kind != "nats":  # which gives the next one while one that was refused waits
        assert taken == [b"one", b"two", b"three"]


async def test_never_more_than_so_many_at_once(server: Server) -> None:
    """Ten wait before it starts; all are taken, at most three at the same time."""
    held: set[bytes] = set()
    most, taken = 0, []

    async def take(body: bytes) -> str:
        nonlocal most
        held.add(body)
        most = max(most, len(held))
        await asyncio.sleep(0.05)
        held.remove(body)
        taken.append(body)
        return ""

    async def never(body: bytes) -> str:
        raise ConnectionError("not yet")

    async with taking(server, never):
        pass  # which has made what there is to send to
    await asyncio.gather(*(server.send(b"%d" % one, key=str(one)) for one in range(10)))
    async with taking(server, take, at_once=3):
        await until(lambda: len(set(taken)) == 10)
    assert 1 <= most <= 3


async def test_a_refused_one_is_a_dead_letter_with_its_reason(server: Server) -> None:
    """As it came, with one line of ASCII that says why; empty bytes are no exception."""

    async def take(body: bytes) -> str:
        return "no\nsuch schëma"

    async with taking(server, take):
        await server.send(b"\xff\x00")
        await until(lambda: _left(server, 0))
        assert await server.dead() == (b"\xff\x00", "no such sch\\xebma")


async def test_what_is_published_is_stored(server: Server) -> None:
    """When `publish` has returned, a broker that is killed and started again has it."""

    async def take(body: bytes) -> str:
        return ""

    async with taking(server, take) as broker:
        await broker.publish("shop.out", b"{}", name="r1", key="c1")
        server.kill()
        server.start()
        assert await server.gets("shop.out", 1) == [b"{}"]


@pytest.mark.slow
async def test_a_broker_that_is_away_is_said(server: Server) -> None:
    """`publish` raises what the bridge waits on; once the broker is back, it stores it, and what
    is sent then is taken."""
    taken: list[bytes] = []

    async def take(body: bytes) -> str:
        taken.append(body)
        return ""

    async with taking(server, take) as broker:
        server.kill()
        with pytest.raises((OSError, TimeoutError)):
            await broker.publish("shop.out", b"{}", name="r1")
        server.start()

        async def published() -> bool:
            with suppress(OSError, TimeoutError):
                await broker.publish("shop.out", b"{}", name="r1")
                return True
            return False

        await until(published)
        await server.send(b"one")
        await until(lambda: taken == [b"one"])
        assert set(await server.gets("shop.out", 1)) == {b"{}"}
