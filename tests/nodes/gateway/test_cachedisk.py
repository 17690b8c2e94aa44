"""The response cache on disk: the contract. What happens to its file is in `test_cache.py`."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from pointsman.nodes.gateway.cachedisk import DiskStore
from pointsman.nodes.gateway.cachestore import LEAST_BYTES
from tests.contracts.cache import CacheContract, Desk, StoreContract


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Stores over one file."""
    folder = tmp_path / "cache"

    def plant(key: str, value: bytes) -> None:
        with closing(sqlite3.connect(folder / "cache.db")) as db, db:
            db.execute(
                "INSERT INTO Cache (key, raw, mode, value) VALUES (?, 1, 1, ?)", (key, value)
            )

    made = Desk(lambda: DiskStore(folder, max_bytes=LEAST_BYTES, lock_timeout=10.0), plant)
    yield made
    await made.aclose()


class TestStore(StoreContract):
    """Rows on disk."""


class TestCache(CacheContract):
    """Answers on disk."""


async def test_looking_makes_nothing(tmp_path: Path) -> None:
    """Statistics, scans and clearing of a cache that was never used make no file."""
    store = DiskStore(tmp_path / "cache")
    assert [row async for row in store.scan("")] == []
    assert (await store.drop(["k"]), await store.counts(), (await store.room()).used) == (0, {}, 0)
    assert not (tmp_path / "cache").exists()
    await store.aclose()
