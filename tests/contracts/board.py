"""The contract of blackboards."""

import asyncio
from dataclasses import replace

import pytest

from pointsman.errors import Fenced, InvalidEntry
from pointsman.teams.store.entries import BoardScope, EntryRow, EntryWrite, Token
from pointsman.teams.store.protocol import Store

THREAD = BoardScope("shop", "default", "c1")


def a_write(value: str | None = "1", *, key: str = "plan", **change: object) -> EntryWrite:
    """A write as the planner makes it."""
    made = EntryWrite(
        key=key, schema="int@1", value=value, author="planner", run="r1", why="planned"
    )
    return replace(made, **change)  # pyright: ignore[reportArgumentType]


async def written(
    store: Store, write: EntryWrite, expect: int = 0, token: Token | None = None
) -> EntryRow:
    """The version that a write makes, which must be written."""
    put = await store.board_put(THREAD, write, expect=expect, token=token)
    assert put.written
    assert put.row is not None
    return put.row


async def held(store: Store, name: str, owner: str = "ana:1", ttl: float = 5.0) -> Token:
    """A lease that must be free."""
    epoch = await store.lease(name, owner, ttl)
    assert epoch is not None
    return Token(name, owner, epoch)


class BoardContract:
    """What every Store promises of what specialists share."""

    async def test_an_entry_is_kept_as_it_was_written(
        self, store: Store, clock: list[float]
    ) -> None:
        """With who, in which run, why and when; its version is 1."""
        row = await written(store, a_write())
        assert row == EntryRow(
            "plan", 1, "int@1", "1", "planner", "r1", "planned", clock[0], None, None
        )
        assert await store.board_get(THREAD, "plan") == row

    async def test_scopes_share_nothing(self, store: Store) -> None:
        """Another team, tenant or thread has entries and versions of its own."""
        await written(store, a_write())
        for other in (
            replace(THREAD, team="bank"), replace(THREAD, tenant="t2"), replace(THREAD, thread=""),
        ):  # fmt: skip
            assert await store.board_get(other, "plan") is None
            assert await store.board_list(other) == ()
            assert await store.board_history(other, "plan") == ()
            put = await store.board_put(other, a_write("2"), expect=0)
            assert put.row is not None
            assert (put.written, put.row.version) == (True, 1)
        assert await store.board_scopes("shop", "default") == (replace(THREAD, thread=""), THREAD)
        assert await store.board_scopes("shop", "t2") == (replace(THREAD, tenant="t2"),)
        assert await store.board_scopes("shop", "default", limit=1) == (replace(THREAD, thread=""),)

    async def test_a_write_with_another_version_changes_nothing(self, store: Store) -> None:
        """It gets the version that stands; so does one that expects none."""
        first = await written(store, a_write())
        second = await written(store, a_write("2"), expect=1)
        assert second.version == 2
        for stale in (0, 1, 3):
            put = await store.board_put(THREAD, a_write("9"), expect=stale)
            assert (put.written, put.row) == (False, second)
        put = await store.board_put(THREAD, a_write(key="other"), expect=1)
        assert (put.written, put.row) == (False, None)
        assert await store.board_history(THREAD, "plan") == (first, second)

    async def test_of_many_at_once_one_is_written(self, store: Store) -> None:
        """Twenty writes that read the same version: one is written, and the others see it."""
        writes = [a_write(str(n), author=f"s{n}") for n in range(20)]
        puts = await asyncio.gather(*(store.board_put(THREAD, w, expect=0) for w in writes))
        assert sum(put.written for put in puts) == 1
        assert len({put.row for put in puts}) == 1

    async def test_a_removed_entry_is_absent_and_its_versions_go_on(self, store: Store) -> None:
        """It reads as absent and is expected so; the next version is a greater one."""
        await written(store, a_write())
        await written(store, a_write(None), expect=1)
        assert await store.board_get(THREAD, "plan") is None
        assert await store.board_list(THREAD) == ()
        put = await store.board_put(THREAD, a_write("3"), expect=2)
        assert (put.written, put.row) == (False, None)
        assert (await written(store, a_write("3"))).version == 3

    async def test_an_entry_expires_by_the_stores_clock(
        self, store: Store, clock: list[float]
    ) -> None:
        """It can be read until then, is absent from then on, and its versions go on."""
        row = await written(store, a_write(ttl=5.0))
        assert row.expires == clock[0] + 5.0
        clock[0] += 4.9
        assert await store.board_get(THREAD, "plan") == row
        assert await store.board_list(THREAD) == (row,)
        clock[0] += 0.1
        assert await store.board_get(THREAD, "plan") is None
        assert await store.board_list(THREAD) == ()
        put = await store.board_put(THREAD, a_write("2"), expect=1)
        assert (put.written, put.row) == (False, None)
        assert (await written(store, a_write("2"))).version == 2

    async def test_history_is_bounded_and_keeps_the_newest(self, store: Store) -> None:
        """Of each key on its own; it is given from a version on, or from the end."""
        await written(store, a_write(key="other"))
        for n in range(10):
            await written(store, a_write(str(n), keep=3), expect=n)
        assert [r.version for r in await store.board_history(THREAD, "plan")] == [8, 9, 10]
        newest = await store.board_history(THREAD, "plan", limit=2, back=True)
        assert [r.version for r in newest] == [10, 9]
        after = await store.board_history(THREAD, "plan", after=8, limit=1)
        assert [r.version for r in after] == [9]
        assert len(await store.board_history(THREAD, "other")) == 1

    async def test_entries_are_listed_by_key_in_pages(self, store: Store) -> None:
        """The newest version of each, in order, after a key."""
        for key in ("c", "a", "b"):
            await written(store, a_write(key=key))
        await written(store, a_write("2", key="b"), expect=1)
        rows = await store.board_list(THREAD, limit=2)
        assert [(r.key, r.version) for r in rows] == [("a", 1), ("b", 2)]
        assert [r.key for r in await store.board_list(THREAD, after="b")] == ["c"]

    async def test_the_same_write_happens_once(self, store: Store) -> None:
        """By its mark: again it gets the version it made then, whatever stands there now. Another
        key may have the same mark."""
        first = await written(store, a_write(once="w1"))
        await written(store, a_write("2", once="w2"), expect=1)
        assert await written(store, a_write(once="w1")) == first
        assert await store.board_written(THREAD, "plan", "w1") == first
        assert await store.board_written(THREAD, "plan", "w3") is None
        assert await store.board_written(THREAD, "other", "w1") is None
        assert [r.version for r in await store.board_history(THREAD, "plan")] == [1, 2]
        assert (await written(store, a_write(key="other", once="w1"))).version == 1

    async def test_a_full_scope_forgets_what_is_absent_the_longest(
        self, store: Store, clock: list[float]
    ) -> None:
        """And nothing else: with all keys in use a new one is refused. A forgotten key that comes
        back gets a version that none of its had."""
        for n, key in enumerate(("a", "b")):
            await written(store, a_write(key=key))
            await written(store, a_write("2", key=key), expect=1)
            await written(store, a_write(None, key=key), expect=2)
            clock[0] += 1.0 + n
        await written(store, a_write(key="c", most=3))
        await written(store, a_write(key="d", most=3))
        assert await store.board_history(THREAD, "a") == ()
        assert len(await store.board_history(THREAD, "b")) == 3
        again = await written(store, a_write(key="a", most=3))
        assert again.version > 3
        with pytest.raises(InvalidEntry, match="full"):
            await store.board_put(THREAD, a_write(key="e", most=3), expect=0)
        assert (await written(store, a_write("2", key="c", most=3), expect=1)).version == 2

    async def test_an_erased_scope_is_empty_and_its_versions_go_on(self, store: Store) -> None:
        """History too; another scope keeps its own; nothing is erased twice."""
        other = replace(THREAD, thread="c2")
        await written(store, a_write())
        await written(store, a_write("2"), expect=1)
        await store.board_put(other, a_write(), expect=0)
        assert await store.board_erase(THREAD) == 2
        assert await store.board_erase(THREAD) == 0
        assert await store.board_history(THREAD, "plan") == ()
        assert await store.board_get(other, "plan") is not None
        assert (await written(store, a_write())).version == 3

    # Fencing

    async def test_a_write_carries_the_epoch_of_its_lease(self, store: Store) -> None:
        """Any lease that its writer holds now."""
        token = await held(store, "machine")
        row = await written(store, a_write(), token=token)
        assert row.epoch == token.epoch

    async def test_a_stale_token_is_refused(self, store: Store, clock: list[float]) -> None:
        """One whose lease ran out, was released, or is another's by now; nothing is written, also
        where the version is the expected one."""
        stale = await held(store, "plan-lease")
        clock[0] += 5.0
        with pytest.raises(Fenced, match="epoch 1"):
            await store.board_put(THREAD, a_write(), expect=0, token=stale)
        newer = await held(store, "plan-lease", "bo:1")
        for token in (stale, replace(newer, owner="ana:1"), replace(stale, epoch=newer.epoch + 1)):
            with pytest.raises(Fenced):
                await store.board_put(THREAD, a_write(), expect=0, token=token)
        await store.release("plan-lease", "bo:1")
        with pytest.raises(Fenced):
            await store.board_put(THREAD, a_write(), expect=0, token=newer)
        assert await store.board_history(THREAD, "plan") == ()

    async def test_a_leased_entry_is_its_holders(self, store: Store, clock: list[float]) -> None:
        """While its lease is held no write without that token passes, not even with another one;
        once it has ended, one may."""
        mine = await held(store, "plan-lease")
        other = await held(store, "machine", "bo:1")
        for token in (None, other):
            with pytest.raises(Fenced, match="ana"):
                await store.board_put(THREAD, a_write(lease="plan-lease"), expect=0, token=token)
        await written(store, a_write(lease="plan-lease"), token=mine)
        clock[0] += 5.0
        await written(store, a_write("2", lease="plan-lease"), expect=1)

    async def test_an_entry_may_want_its_lease_always(self, store: Store) -> None:
        """Without the token it is refused also while nobody holds the lease."""
        write = a_write(lease="plan-lease", leased=True)
        with pytest.raises(Fenced, match="under its lease only"):
            await store.board_put(THREAD, write, expect=0)
        await written(store, write, token=await held(store, "plan-lease"))

    async def test_a_write_that_happened_is_told_without_its_lease(
        self, store: Store, clock: list[float]
    ) -> None:
        """A repetition after the lease is over is no new write."""
        token = await held(store, "plan-lease")
        first = await written(store, a_write(once="w1", lease="plan-lease"), token=token)
        clock[0] += 5.0
        await held(store, "plan-lease", "bo:1")
        again = a_write(once="w1", lease="plan-lease")
        assert await written(store, again, token=token) == first
