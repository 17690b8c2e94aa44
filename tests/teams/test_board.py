"""Boards as code uses them: types, rights, conflicts, watches, leases."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, JsonValue

from pointsman.errors import Fenced, InvalidEntry, LeaseBusy, Misconfigured, VersionConflict
from pointsman.teams.blackboard import Blackboard, Entry
from pointsman.teams.board import RESOLVED, Board
from pointsman.teams.conflicts import (
    Escalate,
    LastWriter,
    Merge,
    Refuse,
    Resolution,
    Take,
    WriteConflict,
)
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.sqlite import SqliteStore


class Plan(BaseModel):
    """A plan."""

    usd: float
    steps: list[str] = []


PLAN = Entry("budget_plan", Plan, owner="planner", readers=("research",))
FACT = Entry("fact/*", str, writers=("*",), ttl=10.0)
RATES = Entry("rates", dict[str, float], scope="team")
SEEN = Entry("seen", list[str], resolver=Merge(lambda base, mine, theirs: sorted({*mine, *theirs})))
DECLARED = Blackboard((PLAN, FACT, RATES, SEEN), history=5, max_entries=20)


@pytest.fixture
def clock() -> list[float]:
    """The store's time."""
    return [1_000.0]


@pytest.fixture
async def store(tmp_path: Path, clock: list[float]) -> AsyncGenerator[SqliteStore]:
    """A new store on disk."""
    made = SqliteStore(tmp_path / "s.db", clock=lambda: clock[0])
    yield made
    await made.aclose()


def board_on(store: Store, declared: Blackboard = DECLARED, **change: str) -> Board:
    """A board of thread c1, as ana uses it."""

    @asynccontextmanager
    async def stores() -> AsyncGenerator[Store]:
        yield store

    return replace(Board(declared, stores, "shop", "default", "c1", by="ana"), **change)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def board(store: SqliteStore) -> Board:
    """A board of thread c1."""
    return board_on(store)


async def test_a_value_comes_back_as_its_type(board: Board, clock: list[float]) -> None:
    """With its version, and who wrote it and why."""
    assert await board.get(PLAN) is None
    made = await board.put(PLAN, Plan(usd=5), expect=0, why="first guess")
    assert made.value == Plan(usd=5)
    got = await board.get(PLAN)
    assert got == made
    assert (made.version, made.by, made.why, made.at) == (1, "ana", "first guess", clock[0])


async def test_what_does_not_fit_is_refused(board: Board) -> None:
    """A value of another type, one that JSON has not, and one that is too large: the sentence names
    the key and the type and never the value; nothing is written."""
    for value, says in (
        ({"usd": "secret"}, "usd"),
        ({"usd": float("nan")}, "JSON"),
        ({"usd": 1, "steps": ["x" * 70_000]}, "64,000"),
    ):
        with pytest.raises(InvalidEntry, match="budget_plan") as refused:
            await board.put("budget_plan", value, expect=0)
        assert says in str(refused.value)
        assert "secret" not in str(refused.value)
    assert await board.history("budget_plan") == ()


async def test_an_undeclared_key_is_refused(board: Board) -> None:
    """For reading, writing and watching; the sentence names those there are."""
    for key in ("budget", "fact", "fact/", "fact/a b", "fact/*", "FACT/a", ""):
        with pytest.raises(InvalidEntry, match=r"budget_plan, fact/\*"):
            await board.get(key)
        with pytest.raises(InvalidEntry):
            await board.put(key, "x", expect=0)
        with pytest.raises(InvalidEntry):
            await anext(board.watch(key))


async def test_a_pattern_declares_many_keys(board: Board) -> None:
    """Each is an entry of its own, with the pattern's type and time; the longest one declares."""
    await board.put(FACT.at("fact/capital"), "Paris", expect=0)
    await board.put("fact/river", "Seine", expect=0)
    assert [(v.key, v.value) for v in await board.list()] == [
        ("fact/capital", "Paris"), ("fact/river", "Seine"),
    ]  # fmt: skip
    with pytest.raises(InvalidEntry, match="fact"):
        FACT.at("figure/1")
    declared = Blackboard((FACT, Entry("fact/n/*", int), Entry("fact/n/1", float)))
    assert [declared.entry(k).type for k in ("fact/x", "fact/n/2", "fact/n/1")] == [str, int, float]


async def test_an_entry_ends_by_itself(board: Board, clock: list[float]) -> None:
    """After the entry's time, or the write's own; it is absent then, in the list too."""
    await board.put("fact/a", "x", expect=0)
    await board.put("fact/b", "y", expect=0, ttl=20.0)
    clock[0] += 10.0
    assert await board.get("fact/a") is None
    assert [v.key for v in await board.list()] == ["fact/b"]
    assert (await board.put("fact/a", "z", expect=0)).version == 2


async def test_threads_and_tenants_have_their_own(store: SqliteStore) -> None:
    """But for what the whole team shares, which each tenant has its own of."""
    one, other = board_on(store), board_on(store, thread="c2")
    await one.put(PLAN, Plan(usd=1), expect=0)
    await one.put(RATES, {"eur": 1.1}, expect=0)
    assert await other.get(PLAN) is None
    assert [v.key for v in await other.list()] == ["rates"]
    assert await board_on(store, tenant="t2").list() == ()
    await other.put("fact/a", "x", expect=0)
    assert await one.threads() == ("c1", "c2")
    nowhere = board_on(store, thread="")
    assert [v.key for v in await nowhere.list()] == ["rates"]
    with pytest.raises(InvalidEntry, match="thread"):
        await nowhere.get(PLAN)


async def test_rights_are_the_entrys(store: SqliteStore) -> None:
    """The owner and the writers write, the readers read, `*` is everybody, and nobody else may."""
    planner, research, other = (
        board_on(store, by=name, specialist=name) for name in ("planner", "research", "other")
    )
    await planner.put(PLAN, Plan(usd=1), expect=0)
    assert await research.get(PLAN) is not None
    with pytest.raises(InvalidEntry, match="'research' may not write"):
        await research.put(PLAN, Plan(usd=2), expect=1)
    with pytest.raises(InvalidEntry, match="'research' may not write"):
        await research.remove(PLAN, expect=1)
    with pytest.raises(InvalidEntry, match="'other' may not read"):
        await other.get(PLAN)
    with pytest.raises(InvalidEntry, match="'other' may not read"):
        await other.history(PLAN)
    await other.put("fact/a", "x", expect=0)
    assert [v.key for v in await other.list()] == ["fact/a"]


async def test_the_later_writer_is_refused(board: Board) -> None:
    """The error holds both sides: what I read, what I want, what stands, by whom and why."""
    await board.put(PLAN, Plan(usd=1), expect=0, why="first")
    await replace(board, by="bo").put(PLAN, Plan(usd=2), expect=1, why="second")
    with pytest.raises(VersionConflict, match=r"version 1.*version 2 by bo") as refused:
        await board.put(PLAN, Plan(usd=3), expect=1, why="third")
    conflict: WriteConflict[Plan] = refused.value.conflict
    assert (refused.value.expected, refused.value.found) == (1, 2)
    base, mine, theirs = conflict.base, conflict.mine, conflict.theirs
    assert base is not None
    assert theirs is not None
    assert (base.value, mine, theirs.value) == (Plan(usd=1), Plan(usd=3), Plan(usd=2))
    assert (base.why, conflict.why, theirs.why) == ("first", "third", "second")
    got = await board.get(PLAN)
    assert got == theirs


async def test_a_write_upon_what_is_gone_is_a_conflict(board: Board) -> None:
    """It was removed since: nothing stands there, and the writer is told so."""
    await board.put(PLAN, Plan(usd=1), expect=0)
    await board.remove(PLAN, expect=1, why="void")
    with pytest.raises(VersionConflict, match="nothing stands") as refused:
        await board.put(PLAN, Plan(usd=2), expect=1)
    assert refused.value.found == 0
    assert (await board.put(PLAN, Plan(usd=2), expect=0)).version == 3
    assert [v.value for v in await board.history(PLAN)] == [Plan(usd=2), None, Plan(usd=1)]


async def test_a_resolver_merges(board: Board) -> None:
    """Both writers' values stand in the next version, which says why."""
    await board.put(SEEN, ["a"], expect=0)
    await board.put(SEEN, ["a", "b"], expect=1)
    made = await board.put(SEEN, ["a", "c"], expect=1, why="found c")
    assert (made.version, made.value) == (3, ["a", "b", "c"])
    assert made.why == "found c; merged with version 2"


async def test_a_resolver_is_asked_again_when_a_third_writes(store: SqliteStore) -> None:
    """With the present other side and still my own value; at most so often, then it is refused."""
    asked: list[tuple[object, object]] = []
    others = 2

    async def slow(conflict: WriteConflict[Any]) -> Resolution[Any]:
        theirs = conflict.theirs
        assert theirs is not None
        assert theirs.value is not None
        asked.append((conflict.mine, theirs.value))
        if len(asked) <= others:
            await plain.put("n", 100 + len(asked), expect=theirs.version)
        return Take(theirs.value + conflict.mine)

    board = board_on(store, Blackboard((Entry("n", int, resolver=slow),)))
    plain = board_on(store, Blackboard((Entry("n", int),)))
    await board.put("n", 1, expect=0)
    await board.put("n", 2, expect=1)
    made = await board.put("n", 7, expect=1)
    assert asked == [(7, 2), (7, 101), (7, 102)]
    assert made.value == 109
    others = 1_000
    with pytest.raises(VersionConflict, match="came between"):
        await board.put("n", 7, expect=1)
    assert len(asked) == 3 + RESOLVED


async def test_what_a_resolver_gives_must_fit(store: SqliteStore) -> None:
    """A value of another type is refused as any is, and theirs stands."""

    def bad(_conflict: WriteConflict[Any]) -> Resolution[Any]:
        return Take("no number")

    board = board_on(store, Blackboard((Entry("n", int, resolver=bad),)))
    await board.put("n", 1, expect=0)
    with pytest.raises(InvalidEntry, match="int@1"):
        await board.put("n", 2, expect=0)
    assert len(await board.history("n")) == 1


async def test_last_writer_and_refusal_are_resolvers(store: SqliteStore) -> None:
    """The one overwrites with the history kept; the other tells why not; a person is not asked
    outside of a run, and the write is refused."""
    declared = Blackboard(
        (
            Entry("last", int, resolver=LastWriter()),
            Entry("never", int, resolver=lambda _conflict: Refuse("Not on a Sunday.")),
            Entry("person", int, resolver=Escalate("Ask finance.")),
        )
    )
    board = board_on(store, declared)
    for key in ("last", "never", "person"):
        await board.put(key, 1, expect=0)
    assert (await board.put("last", 2, expect=0)).version == 2
    with pytest.raises(VersionConflict, match="Sunday"):
        await board.put("never", 2, expect=0)
    with pytest.raises(VersionConflict, match=r"Ask finance.*A person decides"):
        await board.put("person", 2, expect=0)


async def test_many_updates_at_once_all_count(board: Board) -> None:
    """Each reads, changes and puts until it was the first."""
    declared = Blackboard((Entry("n", int),))
    counter = replace(board, declared=declared)
    await asyncio.gather(*(counter.update("n", lambda n: (n or 0) + 1) for _ in range(12)))
    got = await counter.get("n")
    assert got is not None
    assert (got.value, got.version) == (12, 12)


async def test_an_update_asks_no_resolver(board: Board) -> None:
    """It reads anew in place of it."""
    await board.put(SEEN, ["a"], expect=0)
    made = await board.update(SEEN, lambda seen: [*(seen or []), "b"])
    assert made.value == ["a", "b"]


async def test_a_watch_tells_each_version_in_order(store: SqliteStore, tmp_path: Path) -> None:
    """From the version given on, by whichever process they were written, removals too."""
    other = SqliteStore(tmp_path / "s.db")
    mine, theirs = board_on(store), board_on(other)
    await mine.put(PLAN, Plan(usd=0), expect=0)
    watch = mine.watch(PLAN, after=1, poll=0.01)
    for n in range(1, 4):
        await theirs.put(PLAN, Plan(usd=n), expect=n)
        told = await asyncio.wait_for(anext(watch), 30)
        assert (told.version, told.value) == (n + 1, Plan(usd=n))
    await theirs.put(PLAN, Plan(usd=9), expect=4)
    await theirs.remove(PLAN, expect=5)
    last = [await asyncio.wait_for(anext(watch), 30) for _ in range(2)]
    assert [(v.version, v.value) for v in last] == [(5, Plan(usd=9)), (6, None)]
    await watch.aclose()
    await other.aclose()


async def test_a_late_watch_gets_what_is_kept(board: Board) -> None:
    """The newest always, the older ones as far as the history goes."""
    for n in range(8):
        await board.put(PLAN, Plan(usd=n), expect=n)
    watch = board.watch(PLAN, poll=0.01)
    assert [(await anext(watch)).version for _ in range(5)] == [4, 5, 6, 7, 8]
    await watch.aclose()


async def test_a_watch_is_no_busy_loop(store: SqliteStore) -> None:
    """However short the interval that is asked for, it looks at most 100 times in a second."""
    looks = 0

    class Counting(SqliteStore):
        async def board_history(self, *args: Any, **more: Any) -> Any:
            nonlocal looks
            looks += 1
            return await store.board_history(*args, **more)

    board = board_on(Counting(Path("never-opened.db")))

    async def watch() -> None:
        async for _version in board.watch(PLAN, poll=0.0):
            raise AssertionError("nothing is written")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(watch(), 0.3)
    assert 1 <= looks <= 60


async def test_a_lease_on_an_entry_keeps_others_from_writing(store: SqliteStore) -> None:
    """Its holder writes with the token; somebody else may once it is released."""
    ana, bo = board_on(store), board_on(store, by="bo")
    async with ana.lease(PLAN, ttl=30, wait=0) as lease:
        with pytest.raises(Fenced, match="'ana'"):
            await bo.put(PLAN, Plan(usd=1), expect=0)
        with pytest.raises(LeaseBusy, match="budget_plan"):
            async with bo.lease("budget_plan", wait=0):
                raise AssertionError("it is held")
        await ana.put(PLAN, Plan(usd=2), expect=0, lease=lease)
    await bo.put(PLAN, Plan(usd=3), expect=1)
    with pytest.raises(Fenced):
        await ana.put(PLAN, Plan(usd=4), expect=2, lease=lease)


async def test_a_lease_on_anything_else_fences_the_writes_that_carry_it(
    store: SqliteStore,
) -> None:
    """And no others. Each thread and tenant has its own."""
    ana, bo = board_on(store), board_on(store, by="bo")
    async with ana.lease("printer", ttl=30, wait=0) as lease:
        await bo.put(PLAN, Plan(usd=1), expect=0)
        await ana.put(PLAN, Plan(usd=2), expect=1, lease=lease)
        async with board_on(store, thread="c2").lease("printer", wait=0):
            pass
    with pytest.raises(Fenced):
        await ana.put(PLAN, Plan(usd=3), expect=2, lease=lease)


async def test_an_entry_may_be_written_under_its_lease_only(store: SqliteStore) -> None:
    """A put without it is refused."""
    entry = Entry("state", str, leased=True)
    board = board_on(store, Blackboard((entry,)))
    with pytest.raises(Fenced, match="under its lease only"):
        await board.put(entry, "x", expect=0)
    async with board.lease(entry) as lease:
        await board.put(entry, "x", expect=0, lease=lease)


async def test_a_changed_type_is_upgraded_or_refused(store: SqliteStore) -> None:
    """What an older version of the type wrote is made new by `upgrade`; without one it is a
    sentence that says what to do."""
    await board_on(store, Blackboard((Entry("cost", int),))).put("cost", 5, expect=0)

    def doubled(version: int, value: JsonValue) -> JsonValue:
        assert version == 1
        return {"usd": value}

    upgraded = board_on(store, Blackboard((Entry("cost", Plan, version=2, upgrade=doubled),)))
    got = await upgraded.get("cost")
    assert got is not None
    assert got.value == Plan(usd=5)
    with pytest.raises(InvalidEntry, match=r"int@1.*Plan@2.*upgrade"):
        await board_on(store, Blackboard((Entry("cost", Plan, version=2),))).get("cost")


async def test_an_entry_of_another_team_is_refused(board: Board) -> None:
    """An Entry with another type under a declared name is not what the team holds."""
    with pytest.raises(InvalidEntry, match="Plan@1"):
        await board.get(Entry("budget_plan", int))


async def test_erasing_takes_the_thread_only(store: SqliteStore) -> None:
    """Its entries and their history; what the team shares stays."""
    board = board_on(store)
    await board.put(PLAN, Plan(usd=1), expect=0)
    await board.put(RATES, {}, expect=0)
    assert await board.erase() == 1
    assert await board.history(PLAN) == ()
    assert [v.key for v in await board.list()] == ["rates"]


async def test_a_put_that_cannot_be_is_refused(board: Board) -> None:
    """A version below 0, a time that is over at once, a reason as long as a book."""
    for change in ({"expect": -1}, {"expect": 0, "ttl": 0.0}, {"expect": 0, "why": "x" * 1_001}):
        with pytest.raises(InvalidEntry, match="Nothing was written"):
            await board.put("fact/a", "x", **change)  # pyright: ignore[reportArgumentType, reportCallIssue]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("", {}), ("a b", {}), ("*", {}), ("a*b", {}), ("a", {"ttl": 0.0}), ("a", {"max_bytes": 0}),
        ("a", {"version": 0}), ("a", {"writers": "planner"}), ("a", {"readers": "planner"}),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_is_refused(name: str, change: dict[str, Any]) -> None:
    """When it is declared."""
    with pytest.raises(Misconfigured, match="entry"):
        Entry(name, str, **change)


def test_a_blackboard_that_cannot_be_is_refused() -> None:
    """Two entries of one name, and bounds below 1."""
    with pytest.raises(Misconfigured, match="two entries named 'budget_plan'"):
        Blackboard((PLAN, PLAN))
    with pytest.raises(Misconfigured, match="history"):
        Blackboard(history=0)
    with pytest.raises(Misconfigured, match="max_entries"):
        Blackboard(max_entries=0)
