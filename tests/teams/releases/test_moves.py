"""Promoting and rolling back: the way up, what is refused, the way down, the record of it."""

import sqlite3
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest

from pointsman.errors import BadInput, Conflict, InvalidRelease, NotFound, StoreError
from pointsman.nodes.digest import digest
from pointsman.teams.approvals.audit import faults
from pointsman.teams.releases.channels import Channels
from pointsman.teams.releases.moves import next_channel, promote, rollback
from pointsman.teams.store.sqlite import SqliteStore
from tests.teams.releases.made import NOW, a_release, put

OLD, NEW = a_release("old\n"), a_release("new\n")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """A new store."""
    made = SqliteStore(tmp_path / "s.db")
    yield made
    await made.aclose()


async def back(store: SqliteStore, *, to: str = "", expect: str = "") -> Channels:
    """Roll back, by bo."""
    return await rollback(store, "shop", by="bo", at=NOW, reason="wrong", to=to, expect=expect)


async def test_a_release_goes_up_the_ladder(store: SqliteStore) -> None:
    """Staging, canary, production; it leaves the channel below."""
    await put(store, OLD, to="production")
    staged = await put(store, NEW, to="staging")
    assert next_channel(staged, NEW.release) == "canary"
    tried = await put(store, NEW, to="canary", share=0.1)
    assert (tried.staging, tried.canary, tried.share) == ("", NEW.release, 0.1)
    assert next_channel(tried, NEW.release) == "production"
    whole = await put(store, NEW, to="production")
    assert (whole.canary, whole.share, whole.production) == ("", 0.0, NEW.release)
    with pytest.raises(Conflict, match="in production"):
        next_channel(whole, NEW.release)


async def test_the_first_release_needs_no_canary(store: SqliteStore) -> None:
    """There is nothing it could stand beside."""
    staged = await put(store, NEW, to="staging")
    assert next_channel(staged, NEW.release) == "production"
    with pytest.raises(Conflict, match="nothing in production"):
        await put(store, NEW, to="canary", share=0.1)


async def test_a_canary_grows_and_shrinks(store: SqliteStore) -> None:
    """The same release with another share is a move; with the same one it is none."""
    await put(store, OLD, to="production")
    await put(store, NEW, to="canary", share=0.1)
    assert (await put(store, NEW, to="canary", share=0.5)).share == 0.5
    with pytest.raises(Conflict, match="already"):
        await put(store, NEW, to="canary", share=0.5)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.1])
async def test_a_share_that_is_none_is_refused(store: SqliteStore, share: float) -> None:
    """And changes nothing."""
    await put(store, OLD, to="production")
    with pytest.raises(BadInput):
        await put(store, NEW, to="canary", share=share)
    assert (await store.channels("shop")).version == 1


async def test_what_is_in_production_is_no_canary(store: SqliteStore) -> None:
    """It would be compared with itself."""
    await put(store, OLD, to="production")
    with pytest.raises(Conflict, match="nothing to try"):
        await put(store, OLD, to="canary", share=0.1)


async def test_a_changed_release_is_refused(store: SqliteStore) -> None:
    """One whose parts are not those of its digest never gets in."""
    forged = OLD.model_copy(update={"parts": NEW.parts})
    with pytest.raises(InvalidRelease, match="changed after it was made"):
        await put(store, forged, to="production")
    assert (await store.channels("shop")).version == 0


async def test_rolling_back_ends_the_canary_first(store: SqliteStore) -> None:
    """It is withdrawn, and production stays."""
    await put(store, OLD, to="production")
    await put(store, NEW, to="canary", share=0.1)
    moved = await back(store)
    assert (moved.canary, moved.share, moved.production) == ("", 0.0, OLD.release)
    assert (moved.withdrawn, moved.channel) == ((NEW.release,), "canary")


async def test_rolling_back_production_brings_back_the_one_before(store: SqliteStore) -> None:
    """And not one that was withdrawn itself."""
    third = a_release("third\n")
    for release in (OLD, NEW, third):
        await put(store, release, to="production")
    assert (await back(store)).production == NEW.release
    moved = await back(store)
    assert moved.production == OLD.release
    assert set(moved.withdrawn) == {NEW.release, third.release}
    with pytest.raises(NotFound, match="no other release"):
        await back(store)


async def test_one_may_say_what_comes_back(store: SqliteStore) -> None:
    """Any release that was promoted before, the canary stops then too."""
    for release in (OLD, NEW):
        await put(store, release, to="production")
    await put(store, a_release("third\n"), to="canary", share=0.2)
    moved = await back(store, to=OLD.release)
    assert (moved.production, moved.canary) == (OLD.release, "")
    with pytest.raises(NotFound, match="never promoted"):
        await back(store, to="2020-01-01.00000000")


async def test_there_must_be_something_to_roll_back(store: SqliteStore) -> None:
    """A team without releases has nothing."""
    with pytest.raises(NotFound, match="no release that could be rolled back"):
        await back(store)


async def test_a_rollback_of_what_one_saw_only(store: SqliteStore) -> None:
    """A watch that saw one release does not take another one back."""
    await put(store, OLD, to="production")
    await put(store, NEW, to="production")
    with pytest.raises(Conflict, match="not on trial any more"):
        await back(store, expect=OLD.release)
    assert (await store.channels("shop")).production == NEW.release


async def test_a_withdrawn_release_may_be_promoted_again(store: SqliteStore) -> None:
    """Then it is withdrawn no more."""
    await put(store, OLD, to="production")
    await put(store, NEW, to="canary", share=0.1)
    await back(store)
    assert (await put(store, NEW, to="production")).withdrawn == ()


async def test_every_change_is_in_the_audit_log(store: SqliteStore) -> None:
    """Who, what, where to, what the gate said, and the reason's digest; one whole chain."""
    await promote(store, OLD, to="production", by="ana", at=NOW, reason="first", gate="none")
    await put(store, NEW, to="canary", share=0.25, at=NOW + timedelta(hours=1))
    await back(store)
    rows = await store.audit()
    assert faults(rows) == []
    told = [(r.entry.action, r.entry.release, r.entry.status, r.entry.by) for r in rows]
    assert told == [
        ("promote", OLD.release, "production", "ana"),
        ("promote", NEW.release, "canary 0.25", "ana"),
        ("rollback", NEW.release, "canary", "bo"),
    ]
    first, *_, last = (row.entry for row in rows)
    assert (first.policy, first.text_digest) == ("none", digest("first"))
    assert (first.digest, last.digest) == (OLD.digest, NEW.digest)
    assert last.to == OLD.release


async def test_a_move_is_whole_or_not_at_all(tmp_path: Path) -> None:
    """Where the audit row cannot be written there is no release and no move either."""
    path = tmp_path / "s.db"
    store = SqliteStore(path)
    await store.channels("shop")
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    with pytest.raises(StoreError):
        await put(store, OLD, to="production")
    assert (await store.channels("shop")).version == 0
    assert await store.find_release("shop", OLD.release) is None
    await store.aclose()


async def test_a_body_that_was_changed_in_the_store_is_refused(tmp_path: Path) -> None:
    """Whoever writes into the file of the store cannot change what a release says."""
    path = tmp_path / "s.db"
    store = SqliteStore(path)
    await put(store, OLD, to="production")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE releases SET body = replace(body, 'old', 'bad')")
    with pytest.raises(InvalidRelease, match="changed after it was made"):
        await store.find_release("shop", OLD.release)
    await store.aclose()
