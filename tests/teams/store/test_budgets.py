"""Shared budgets on SQLite: never over their bounds, exact sums, crashes, several processes."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from pointsman.errors import StoreBroken, StoreError
from pointsman.teams.settings import Settings
from pointsman.teams.store.budgetbooks import BudgetBooks
from pointsman.teams.store.budgetrows import (
    FOLD_AFTER,
    LEAST_MS,
    Amount,
    Balance,
    BudgetAsk,
    More,
    Short,
)
from pointsman.teams.store.budgets import SqliteBudgets
from pointsman.teams.store.opening import open_budgets
from pointsman.teams.store.postgres.address import Address
from pointsman.teams.store.postgres.budgets import PostgresBudgets

NONE = Amount(None, None, None, None)
LOST = NONE


@dataclass
class Clock:
    """Time as a test sets it."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["file", "memory", "postgres"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], BudgetBooks]:
    """On a file, in memory, and in PostgreSQL."""
    if request.param == "postgres":
        address = Address(request.getfixturevalue("database"))
        return lambda: PostgresBudgets(address, clock=Clock())
    path = tmp_path / "home" / "budgets.db" if request.param == "file" else None
    return lambda: SqliteBudgets(path, clock=Clock())


@pytest.fixture
async def books(make: Callable[[], BudgetBooks]) -> AsyncGenerator[BudgetBooks]:
    """Wherever they are kept."""
    made = make()
    yield made
    await made.aclose()


def ask(
    key: str = "k", *, usd: int | None = 100, worst: int | None = 1, **more: object
) -> BudgetAsk:
    """An ask of so many nano-dollars of a bound."""
    return BudgetAsk(key, Amount(usd, None, None, None), Amount(worst, 10, 1, 500), **more)  # type: ignore[arg-type]


async def test_200_calls_at_once_on_a_budget_for_100(books: BudgetBooks) -> None:
    """100 are made, each for its exact price, and the sum is what they cost."""

    async def call(n: int) -> int:
        got = await books.reserve([ask()], f"c{n}", lease=60.0)
        if isinstance(got, Short):
            return 0
        await asyncio.sleep(0)
        await books.settle(["k"], f"c{n}", Amount(1, n, 1, 7))
        return n + 1

    made = [n - 1 for n in await asyncio.gather(*(call(n) for n in range(200))) if n]
    assert len(made) == 100
    assert await books.balance("k") == Balance(spent=Amount(100, sum(made), 100, 700))


async def test_a_price_above_the_estimate_is_all_that_goes_over(books: BudgetBooks) -> None:
    """Reserved at 10 each and settled at 13: over the bound by the error of the calls in flight."""

    async def call(n: int) -> None:
        if not isinstance(await books.reserve([ask(worst=10)], f"c{n}", lease=60.0), Short):
            await asyncio.sleep(0)
            await books.settle(["k"], f"c{n}", Amount(13, 0, 1, 0))

    await asyncio.gather(*(call(n) for n in range(50)))
    spent = (await books.balance("k")).spent
    assert spent.usd == 13 * (spent.calls or 0)
    assert 90 < (spent.usd or 0) <= 100 + 10 * 3


async def test_several_budgets_are_taken_all_or_none(books: BudgetBooks) -> None:
    """What does not fit the second is not set aside in the first."""
    got = await books.reserve([ask("a"), ask("b", usd=5, worst=6)], "c", lease=60.0)
    assert got == Short(1, "usd", 5, 5)
    assert (await books.balance("a")).held == Amount()


@pytest.mark.parametrize("unit", [0, 1, 2])
async def test_every_unit_bounds(books: SqliteBudgets, unit: int) -> None:
    """Nano-dollars, tokens and calls are each enough to say no."""
    bound = Amount(*(3 if n == unit else None for n in range(4)))
    one = BudgetAsk("k", bound, Amount(1, 1, 1, 1))
    kept = [await books.reserve([one], f"c{n}", lease=60.0) for n in range(5)]
    assert [isinstance(got, Short) for got in kept] == [False] * 3 + [True] * 2


async def test_time_is_cut_to_what_is_left(books: BudgetBooks) -> None:
    """A call gets the seconds that are left, and none where that is too little to be of use."""
    one = BudgetAsk("k", Amount(None, None, None, 10_000), Amount(1, 1, 1, 8_000))
    assert await books.reserve([one], "a", lease=60.0) == 10.0
    assert await books.reserve([one], "b", lease=60.0) == 2.0
    await books.settle(["k"], "a", Amount(1, 1, 1, 10_000 - 2_000 - LEAST_MS + 1))
    assert isinstance(await books.reserve([one], "c", lease=60.0), Short)
    await books.release("b")
    assert await books.reserve([one], "d", lease=60.0) == (2_000 + LEAST_MS - 1) / 1000


async def test_an_unknown_end_counts_at_its_worst(books: BudgetBooks) -> None:
    """Unknown spend is not nothing: the room is gone, and the balance says that it is a bound."""
    await books.reserve([ask(worst=60)], "a", lease=60.0)
    await books.settle(["k"], "a", LOST)
    assert await books.balance("k") == Balance(lost=Amount(60, 10, 1, 500))
    assert isinstance(await books.reserve([ask(worst=41)], "b", lease=60.0), Short)


async def test_an_unknown_price_is_counted_by_number(books: BudgetBooks) -> None:
    """Unpriced calls go while money is left; their number stands beside the sum."""
    await books.reserve([ask(worst=None)], "a", lease=60.0)
    assert (await books.balance("k")).unpriced == 0
    await books.settle(["k"], "a", Amount(None, 5, 1, 1))
    balance = await books.balance("k")
    assert (balance.unpriced, balance.spent) == (1, Amount(0, 5, 1, 1))
    await books.reserve([ask(worst=100)], "b", lease=60.0)
    assert isinstance(await books.reserve([ask(worst=None)], "c", lease=60.0), Short)


async def test_an_extension_counts_once(books: BudgetBooks) -> None:
    """However often it is said, and only its own token again adds nothing."""
    more = (More("run 1", Amount(50, None, None, None)),)
    assert isinstance(await books.reserve([ask(worst=101)], "a", lease=60.0), Short)
    await books.reserve([ask(worst=101, more=more)], "b", lease=60.0)
    got = await books.reserve([ask(worst=50, more=more)], "c", lease=60.0)
    assert got == Short(0, "usd", 150, 49)


async def test_a_dead_call_is_held_no_longer_and_its_worst_is_lost(tmp_path: Path) -> None:
    """After the lease nothing is held; a late end is exact still, and a very late one comes on top
    of the worst case."""
    clock = Clock()
    books = SqliteBudgets(tmp_path / "b.db", clock=clock)
    for name in ("late", "later", "never"):
        await books.reserve([ask(worst=20)], name, lease=60.0)
    assert (await books.balance("k")).held == Amount(60, 30, 3, 1500)
    clock.now += 60.0
    assert await books.balance("k") == Balance(lost=Amount(60, 30, 3, 1500))
    await books.settle(["k"], "late", Amount(7, 1, 1, 1))
    assert await books.balance("k") == Balance(Amount(7, 1, 1, 1), lost=Amount(40, 20, 2, 1000))
    clock.now += FOLD_AFTER
    assert await books.sweep() == 2
    assert await books.sweep() == 0
    await books.settle(["k"], "later", Amount(9, 1, 1, 1))
    assert await books.balance("k") == Balance(Amount(16, 2, 2, 2), lost=Amount(40, 20, 2, 1000))
    await books.aclose()


async def test_a_budget_whose_time_has_ended_is_forgotten(tmp_path: Path) -> None:
    """With what was added to it; others stay."""
    clock = Clock()
    books = SqliteBudgets(tmp_path / "b.db", clock=clock)
    more = (More("t", Amount(5)),)
    for key, ends in (("old", clock.now + 10), ("kept", None)):
        await books.reserve([ask(key, ends=ends, more=more)], key, lease=1.0)
        await books.settle([key], key, Amount(3, 0, 1, 0))
    clock.now += 11
    await books.sweep()
    assert await books.balance("old") == Balance()
    assert (await books.balance("kept")).more.usd == 5
    await books.aclose()


async def test_a_cancelled_reservation_sets_nothing_aside(books: BudgetBooks) -> None:
    """Whoever stops waiting for it holds nothing."""
    waiting = asyncio.create_task(books.reserve([ask()], "a", lease=60.0))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await books.aclose()  # which ends what is under way
    assert (await books.balance("k")).held == Amount()


async def test_a_cancelled_end_is_written_all_the_same(books: BudgetBooks) -> None:
    """An answer that was paid for is counted."""
    await books.reserve([ask()], "a", lease=60.0)
    waiting = asyncio.create_task(books.settle(["k"], "a", Amount(1, 1, 1, 1)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await books.aclose()
    assert await books.balance("k") == Balance(spent=Amount(1, 1, 1, 1))


CHILD = """
import asyncio, random, sys
from pathlib import Path
from pointsman.teams.store.budgetrows import Amount, BudgetAsk, Short
from pointsman.teams.settings import Settings
from pointsman.teams.store.opening import open_budgets

async def main():
    books = open_budgets(Settings.read(), Path(sys.argv[1]))
    ask = BudgetAsk("k", Amount(1000, None, None, None), Amount(10, 1, 1, 1))

    async def call(n):
        name = f"{sys.argv[2]}-{n}"
        if isinstance(await books.reserve([ask], name, lease=600.0), Short):
            return 0
        await asyncio.sleep(random.uniform(0, 0.01))
        await books.settle(["k"], name, Amount(10, n, 1, 1))
        return 1

    print(sum(await asyncio.gather(*(call(n) for n in range(50)))))
    await books.aclose()

asyncio.run(main())
"""
DYING = """
import asyncio, sys
from pathlib import Path
from pointsman.teams.store.budgetrows import Amount, BudgetAsk, Short
from pointsman.teams.settings import Settings
from pointsman.teams.store.opening import open_budgets

async def main():
    books = open_budgets(Settings.read(), Path(sys.argv[1]))
    ask = BudgetAsk("k", Amount(1000, None, None, None), Amount(10, 1, 1, 1))
    for n in range(1000):
        if not isinstance(await books.reserve([ask], f"d{n}", lease=5.0), Short) and n % 2:
            await books.settle(["k"], f"d{n}", Amount(4, 1, 1, 1))
        print(n, flush=True)

asyncio.run(main())
"""


def child(script: str, *args: object) -> subprocess.Popen[str]:
    """Another process."""
    command = [sys.executable, "-c", script, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture(params=["sqlite", "postgres"])
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of state; where the settings of this process and its children keep budgets."""
    if request.param == "postgres":
        monkeypatch.setenv("POINTSMAN_STORE", request.getfixturevalue("database"))
    return tmp_path


async def test_four_processes_hold_one_budget(home: Path) -> None:
    """200 calls on a budget for 100, 50 in each process: exactly 100 are made."""
    children = [child(CHILD, home, n) for n in range(4)]
    made = [int(one.communicate(timeout=120)[0]) for one in children]
    books = open_budgets(Settings.read(), home)
    balance = await books.balance("k")
    await books.aclose()
    assert sum(made) == 100
    assert (balance.spent.usd, balance.spent.calls, balance.held) == (1000, 100, Amount())


async def test_a_killed_process_leaks_no_reservation(home: Path) -> None:
    """SIGKILL in the middle: after the leases nothing is held, what was in flight counts at its
    worst, and what was settled is exact."""
    clock = Clock(time.time())
    dying = child(DYING, home)
    assert dying.stdout is not None
    for line in dying.stdout:
        if int(line) >= 20:
            break
    os.kill(dying.pid, signal.SIGKILL)
    dying.wait()
    dying.stdout.close()
    books = open_budgets(Settings.read(), home, clock=clock)
    balance = await books.balance("k")
    settled, open_ = balance.spent.calls or 0, balance.held.calls or 0
    assert settled >= 10
    assert open_ >= 10
    assert (balance.spent.usd, balance.held.usd) == (4 * settled, 10 * open_)
    clock.now += 3600.0
    after = await books.balance("k")
    assert (after.held, after.lost.usd, after.spent.usd) == (Amount(), 10 * open_, 4 * settled)
    left = 1000 - 4 * settled - 10 * open_
    assert isinstance(await books.reserve([ask(usd=1000, worst=left + 1)], "x", lease=1), Short)
    assert await books.reserve([ask(usd=1000, worst=left)], "x", lease=1) == float("inf")
    await books.aclose()


async def test_the_file_is_private_and_closes_and_opens_again(tmp_path: Path) -> None:
    """Only the owner may read it; after `aclose` it goes on where it was."""
    path = tmp_path / "home" / "b.db"
    books = SqliteBudgets(path)
    await books.reserve([ask()], "a", lease=60.0)
    await books.aclose()
    await books.aclose()
    assert (await books.balance("k")).held.usd == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await books.aclose()


async def test_a_file_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    """Another version's, a damaged one, and a folder that is a file: StoreError, never a guess."""
    other, broken = tmp_path / "other.db", tmp_path / "broken.db"
    with sqlite3.connect(other) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    broken.write_bytes(b"no database at all " * 100)
    for path, error in ((other, StoreBroken), (broken, StoreBroken), (broken / "b", StoreError)):
        books = SqliteBudgets(path)
        with pytest.raises(error):
            await books.reserve([ask()], "a", lease=60.0)
        await books.aclose()


async def test_nobody_waits_for_ever_when_a_change_is_impossible(books: SqliteBudgets) -> None:
    """Changes that go to the disk together fail together, nothing of them is kept, and the next
    ones work."""
    impossible = BudgetAsk("k", Amount(2**70, None, None, None), Amount(2**65, 1, 1, 1))
    asks = (books.reserve([one], str(n), lease=60.0) for n, one in enumerate([ask(), impossible]))
    came = await asyncio.gather(*asks, return_exceptions=True)
    assert isinstance(came[1], StoreError)
    kept = 0 if isinstance(came[0], StoreError) else 1
    assert (await books.balance("k")).held.calls == kept
    assert await books.reserve([ask()], "next", lease=60.0) == float("inf")


@dataclass
class Flying:
    """A call of which the model knows what it set aside."""

    name: str
    worst: int
    until: float
    keys: tuple[str, ...] = field(default=())


class Interleavings(RuleBasedStateMachine):
    """Any order of reserving, settling, losing, releasing, expiring and sweeping, beside a plain
    account of what must come out."""

    calls = Bundle("calls")
    BOUND = 100

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.loop = asyncio.new_event_loop()
        self.books = SqliteBudgets(None, clock=self.clock)
        self.flying: dict[str, Flying] = {}
        self.spent = {"a": 0, "b": 0}
        self.lost = {"a": 0, "b": 0}
        self.over = {"a": 0, "b": 0}
        self.count = 0

    def teardown(self) -> None:
        self.loop.run_until_complete(self.books.aclose())
        self.loop.close()

    def gone(self, key: str) -> int:
        held = sum(c.worst for c in self.flying.values() if key in c.keys)
        return self.spent[key] + self.lost[key] + held

    @rule(
        target=calls,
        worst=st.integers(1, 60),
        keys=st.sampled_from([("a",), ("b",), ("a", "b")]),
        lease=st.sampled_from([10.0, 50.0]),
    )
    def reserve(self, worst: int, keys: tuple[str, ...], lease: float) -> object:
        self.count += 1
        name = f"c{self.count}"
        asks = [ask(key, usd=self.BOUND, worst=worst) for key in keys]
        got = self.loop.run_until_complete(self.books.reserve(asks, name, lease=lease))
        fits = all(self.gone(key) + worst <= self.BOUND for key in keys)
        assert isinstance(got, Short) != fits
        if not fits:
            return multiple()  # pyright: ignore[reportUnknownVariableType]
        self.flying[name] = Flying(name, worst, self.clock.now + lease, keys)
        return name

    @rule(name=consumes(calls), used=st.integers(0, 70))
    def settle(self, name: str, used: int) -> None:
        call = self.flying.pop(name, None)
        keys = call.keys if call else ("a",)
        self.loop.run_until_complete(self.books.settle(keys, name, Amount(used, 0, 1, 0)))
        for key in keys:
            self.spent[key] += used
            self.over[key] += max(0, used - (call.worst if call else 0))

    @rule(name=consumes(calls))
    def lose(self, name: str) -> None:
        call = self.flying.pop(name, None)
        for key in call.keys if call else ():
            self.lost[key] += call.worst if call else 0
        keys = call.keys if call else ("a",)
        self.loop.run_until_complete(self.books.settle(keys, name, LOST))

    @rule(name=calls)
    def release(self, name: str) -> None:
        self.flying.pop(name, None)
        self.loop.run_until_complete(self.books.release(name))

    @rule(seconds=st.sampled_from([1.0, 20.0, FOLD_AFTER, FOLD_AFTER + 60.0]))
    def expire(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def sweep(self) -> None:
        self.loop.run_until_complete(self.books.sweep())
        for call in list(self.flying.values()):
            if call.until <= self.clock.now - FOLD_AFTER:
                del self.flying[call.name]
                for key in call.keys:
                    self.lost[key] += call.worst

    @invariant()
    def sums_are_exact_and_within_the_bound(self) -> None:
        for key in ("a", "b"):
            balance = self.loop.run_until_complete(self.books.balance(key))
            alive = [c for c in self.flying.values() if key in c.keys]
            held = sum(c.worst for c in alive if c.until > self.clock.now)
            dead = sum(c.worst for c in alive if c.until <= self.clock.now)
            assert balance.spent.usd == self.spent[key]
            assert balance.held.usd == held
            assert balance.lost.usd == self.lost[key] + dead
            assert self.gone(key) <= self.BOUND + self.over[key]


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
