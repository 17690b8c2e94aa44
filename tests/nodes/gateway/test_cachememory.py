"""The response cache in memory."""

from collections.abc import AsyncIterator

import pytest

from pointsman.errors import Misconfigured
from pointsman.nodes.gateway.cachememory import MemoryStore
from pointsman.nodes.gateway.cachestore import LEAST_BYTES, Row
from tests.contracts.cache import CacheContract, Desk, StoreContract


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """One store; rows planted in it are as put."""
    store = MemoryStore(max_bytes=LEAST_BYTES)

    def plant(key: str, value: bytes) -> None:
        store._rows[key] = value, None

    made = Desk(lambda: store, plant)
    yield made
    await made.aclose()


class TestStore(StoreContract):
    """Rows in memory."""


class TestCache(CacheContract):
    """Answers in memory."""


async def test_what_was_asked_for_stays() -> None:
    """The row that was not asked for the longest leaves first."""
    store = MemoryStore(max_bytes=LEAST_BYTES)
    await store.put([Row("used", b"x"), Row("unused", b"x")])
    for number in range(200):
        await store.put([Row(f"k{number}", b"x" * 10_000)])
        await store.get(["used"])
    assert [v is None for v in await store.get(["used", "unused", "k0", "k199"])] == [
        False, True, True, False,
    ]  # fmt: skip


async def test_a_row_larger_than_all_room_takes_nobodys_place() -> None:
    """It is not kept, and neither is the row it would have replaced."""
    store = MemoryStore(max_bytes=LEAST_BYTES)
    await store.put([Row("a", b"1"), Row("b", b"2")])
    await store.put([Row("a", b"x" * LEAST_BYTES)])
    assert list(await store.get(["a", "b"])) == [None, b"2"]


async def test_a_store_without_room_is_refused() -> None:
    """There is a least size."""
    with pytest.raises(Misconfigured):
        MemoryStore(max_bytes=100)
