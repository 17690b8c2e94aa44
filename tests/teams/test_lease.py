"""Leases as code holds them: waiting, renewal, loss, release."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

import pytest

from pointsman.errors import LeaseBusy, LeaseLost, Misconfigured, StoreError
from pointsman.teams.lease import leased, wording
from pointsman.teams.store.entries import Token
from pointsman.teams.store.sqlite import SqliteStore


class Flaky(SqliteStore):
    """A store whose renewals can be made to fail."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.failing = 0
        self.asked: asyncio.Queue[None] = asyncio.Queue()

    async def renew(self, token: Token, ttl: float) -> bool:
        """Fails `failing` times, then renews."""
        self.asked.put_nowait(None)
        if self.failing:
            self.failing -= 1
            raise StoreError("The store is away.")
        return await super().renew(token, ttl)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[Flaky]:
    """A new store on disk."""
    made = Flaky(tmp_path / "s.db")
    yield made
    await made.aclose()


WORDS = wording("machine", 0.0)


async def test_a_lease_is_held_for_the_block_and_released(store: Flaky) -> None:
    """Its token is the holder's in the store; after the block nobody holds it."""
    async with leased(store, "machine", "ana", ttl=30, wait=0, words=WORDS) as token:
        assert await store.holder("machine") == token
        assert token.owner.startswith("ana:")
    assert await store.holder("machine") is None


async def test_one_owner_twice_is_two_holders(store: Flaky) -> None:
    """The same name does not get a lease that it holds; each holding has an epoch of its own."""
    async with leased(store, "machine", "ana", ttl=30, wait=0, words=WORDS) as first:
        with pytest.raises(LeaseBusy, match="machine"):
            async with leased(store, "machine", "ana", ttl=30, wait=0.02, words=WORDS):
                raise AssertionError("it is held")
    async with leased(store, "machine", "ana", ttl=30, wait=0, words=WORDS) as second:
        assert second.epoch > first.epoch


async def test_who_waits_gets_it_once_it_is_free(store: Flaky) -> None:
    """Twenty that want it at the same time hold it one after another."""
    inside = 0

    async def work() -> int:
        nonlocal inside
        async with leased(store, "machine", "ana", ttl=30, wait=60, words=WORDS) as token:
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            inside -= 1
            return token.epoch

    epochs = await asyncio.gather(*(work() for _ in range(20)))
    assert len(set(epochs)) == 20


async def test_it_is_renewed_while_the_block_runs(store: Flaky) -> None:
    """A block that is longer than the ttl keeps its lease, with the same epoch."""
    async with leased(store, "machine", "ana", ttl=0.15, wait=0, words=WORDS) as token:
        for _ in range(6):
            await store.asked.get()
        assert await store.holder("machine") == token


async def test_a_lost_lease_stops_the_block(store: Flaky, tmp_path: Path) -> None:
    """Another one took it: the block is cancelled with LeaseLost, the new holder keeps it, and
    code after the block goes on."""
    late = SqliteStore(tmp_path / "s.db", clock=lambda: 4e9)
    seen: list[str] = []

    async def work() -> None:
        async with leased(store, "machine", "ana", ttl=0.15, wait=0, words=WORDS):
            assert await late.lease("machine", "bo:1", 60.0) is not None
            try:
                await asyncio.sleep(60)
            finally:
                seen.append("cleaned up")

    with pytest.raises(LeaseLost, match="machine"):
        await work()
    assert seen == ["cleaned up"]
    await asyncio.sleep(0)
    holder = await late.holder("machine")
    assert holder is not None
    assert holder.owner == "bo:1"
    await late.aclose()


async def test_one_taken_and_given_back_is_lost_too(store: Flaky, tmp_path: Path) -> None:
    """Somebody else acted meanwhile, although nobody holds it now."""
    late = SqliteStore(tmp_path / "s.db", clock=lambda: 4e9)

    async def work() -> None:
        async with leased(store, "machine", "ana", ttl=0.15, wait=0, words=WORDS):
            await late.lease("machine", "bo:1", 60.0)
            await late.release("machine", "bo:1")
            await asyncio.sleep(60)

    with pytest.raises(LeaseLost):
        await work()
    await late.aclose()


async def test_a_store_that_comes_back_in_time_loses_nothing(store: Flaky) -> None:
    """A renewal that fails once is tried again before the lease ends."""
    store.failing = 1
    async with leased(store, "machine", "ana", ttl=1.5, wait=0, words=WORDS) as token:
        for _ in range(3):
            await store.asked.get()
        assert await store.holder("machine") == token


async def test_a_store_that_stays_away_loses_the_lease(store: Flaky) -> None:
    """Once its time is over the holder cannot know that it is alone, and is stopped."""
    store.failing = 1_000_000
    with pytest.raises(LeaseLost):
        async with leased(store, "machine", "ana", ttl=0.15, wait=0, words=WORDS):
            await asyncio.sleep(60)


async def test_an_error_of_the_block_passes_and_the_lease_is_released(store: Flaky) -> None:
    """As does somebody else's cancellation."""
    with pytest.raises(ValueError, match="mine"):
        async with leased(store, "machine", "ana", ttl=30, wait=0, words=WORDS):
            raise ValueError("mine")
    assert await store.holder("machine") is None
    holds = asyncio.Event()

    async def hold() -> None:
        async with leased(store, "machine", "ana", ttl=30, wait=0, words=WORDS):
            holds.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(hold())
    await holds.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await store.holder("machine") is None


async def test_who_is_cancelled_while_it_waits_holds_nothing(store: Flaky) -> None:
    """At whatever moment: a lease that the store gave meanwhile is given back."""
    for turns in range(12):

        async def hold() -> None:
            async with leased(store, "machine", "ana", ttl=30, wait=5, words=WORDS):
                await asyncio.sleep(60)

        task = asyncio.create_task(hold())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert await store.holder("machine") is None


async def test_a_lease_too_short_to_renew_is_refused(store: Flaky) -> None:
    """With a sentence that says the least there is."""
    with pytest.raises(Misconfigured, match=r"0\.1"):
        async with leased(store, "machine", "ana", ttl=0.01, wait=0, words=WORDS):
            raise AssertionError("it has no ttl to live")
