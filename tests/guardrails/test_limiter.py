"""The rate limiter in memory: the contract suite, and its bounds under any interleaving."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.errors import RateLimited
from pointsman.guardrails.books import MemoryBooks
from pointsman.guardrails.limiter import HeldPermit, QuotaLimiter
from pointsman.guardrails.quota import Quota
from pointsman.nodes.limits import Use
from pointsman.teams.store.limits import SqliteBooks
from tests.contracts.limiter import Desk, LimiterContract, Time, passes


@pytest.fixture
def desk() -> Desk:
    """Limiters in memory."""
    time = Time()
    return Desk(time, lambda: MemoryBooks(clock=time.clock), shared=False)


class TestMemory(LimiterContract):
    """In memory."""


WAYS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.05, 0.4, 3.0, 20.0]),  # seconds that pass first
        st.sampled_from(["take", "take", "wait", "settle", "release", "cancel"]),
        st.integers(0, 3),  # tenant and model
        st.integers(0, 60),  # tokens
        st.integers(0, 9),  # priority, and which of those under way
    ),
    max_size=30,
)
RATE, TOKENS, PLACES = Quota(4, per=10.0, on="model"), Quota(90, unit="tokens", per=10.0), 3
QUOTAS = (
    RATE,
    replace(TOKENS, key=("model",)),
    Quota(PLACES, unit="concurrent", on="model", key=("model",), lease=1e6),
)


@dataclass
class Taken:
    """One use that passed."""

    at: float
    use: Use
    permit: HeldPermit
    estimate: int
    used: int | None = None
    ended: float | None = None


class Office:
    """Several limiters on the same books, and everything that passed."""

    def __init__(self, desk: Desk, limiters: int) -> None:
        self.time = desk.time
        self.limiters = [desk.limiter(*QUOTAS) for _ in range(limiters)]
        self.taken: list[Taken] = []
        self.debts: list[tuple[float, str, int]] = []
        self.waiting: list[asyncio.Task[None]] = []

    async def take(self, index: int, use: Use, wait: float) -> None:
        """Try, and note what passed."""
        limiter = self.limiters[index % len(self.limiters)]
        with suppress(RateLimited):
            permit = await limiter.acquire(use, wait=wait)
            self.taken.append(Taken(self.time.now, use, permit, use.tokens))

    async def end(self, which: int, tokens: int | None) -> None:
        """Settle, or release (None), one of those under way."""
        under_way = [one for one in self.taken if one.ended is None]
        if not under_way:
            return
        one = under_way[which % len(under_way)]
        one.ended, one.used = self.time.now, tokens
        if tokens is None:
            await one.permit.release()
            self.taken.remove(one)
            return
        await one.permit.settle(tokens)
        if tokens > one.estimate:
            self.debts.append((self.time.now, one.use.model, tokens - one.estimate))

    async def step(self, what: str, index: int, tokens: int, which: int) -> None:
        """One of WAYS."""
        tenant, model = ("a", "b")[index // 2], ("m", "n")[index % 2]
        use = Use(tenant=tenant, model=model, tokens=tokens, priority=which)
        match what:
            case "take":
                await self.take(which, use, 0.0)
            case "wait":
                self.waiting.append(asyncio.ensure_future(self.take(which, use, 25.0)))
            case "cancel":
                for task in self.waiting[which % 3 : which % 3 + 1]:
                    task.cancel()
            case _:
                await self.end(which, tokens if what == "settle" else None)

    def check(self) -> None:
        """No window of any key holds more than its bound."""
        for tenant in "ab":
            times = [one.at for one in self.taken if one.use.tenant == tenant]
            for i, begin in enumerate(times):
                for count, end in enumerate(times[i:], start=1):
                    assert count <= 4 + (end - begin) * 0.4 + 1e-2
        for model in "mn":
            mine = [one for one in self.taken if one.use.model == model]
            self._check_tokens(mine, [(at, n) for at, m, n in self.debts if m == model])
            for one in mine:
                inside = [
                    o for o in mine if o.at <= one.at and (o.ended is None or o.ended > one.at)
                ]
                assert len(inside) <= PLACES

    def _check_tokens(self, mine: list[Taken], debts: list[tuple[float, int]]) -> None:
        for last in mine:
            upto = mine[: mine.index(last) + 1]
            for first in upto:
                span = last.at - first.at
                # A debt of the same moment may have come after the take.
                units = sum(
                    one.estimate if one.used is None else min(one.used, one.estimate)
                    for one in upto[upto.index(first) :]
                ) + sum(n for at, n in debts if first.at < at < last.at)
                assert units <= 90 + 9 * span + 1e-2


async def at_work(desk: Desk, ways: list[tuple[float, str, int, int, int]], limiters: int) -> None:
    """Play the ways and check."""
    office = Office(desk, limiters)
    for seconds, what, index, tokens, which in ways:
        await desk.time.run(seconds)
        await office.step(what, index, tokens, which)
        await desk.time.settle()
    await desk.time.run(60.0)
    for task in office.waiting:
        assert task.done()
    office.check()
    assert [limiter.waiting for limiter in office.limiters] == [0] * limiters
    while [one for one in office.taken if one.ended is None]:
        await office.end(0, 0)
    await desk.time.run(10_000.0)
    for model in "mn":
        free = [await passes(office.limiters[0], Use(tenant=model, model=model, tokens=30))
                for _ in range(4)]  # fmt: skip
        assert [permit is not None for permit in free] == [True] * 3 + [False]


@given(WAYS)
@settings(deadline=None, max_examples=60)
def test_no_interleaving_goes_over_a_limit(ways: list[tuple[float, str, int, int, int]]) -> None:
    """Requests, tokens and places at once, over several keys, with waits, debts, releases and
    cancellations: every bound holds, everything is given back, every debt is paid."""

    async def play() -> None:
        time, books = Time(), list[MemoryBooks]()
        books.append(MemoryBooks(clock=time.clock))
        desk = Desk(time, lambda: books[0])
        await at_work(desk, ways, limiters=2)

    asyncio.run(play())


@given(WAYS)
@settings(deadline=None, max_examples=15)
def test_nor_on_a_store_with_several_connections(
    ways: list[tuple[float, str, int, int, int]],
) -> None:
    """The same on one file through three connections."""

    async def play(folder: Path) -> None:
        time = Time()
        desk = Desk(time, lambda: SqliteBooks(folder / "limits.db", clock=time.clock))
        try:
            await at_work(desk, ways, limiters=3)
        finally:
            await desk.aclose()

    with TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder)))


async def test_threads_hold_one_limit() -> None:
    """Event loops of several threads on one limiter: exactly as many pass as may, and who waits on
    one loop is woken by what another gives back."""
    limiter = QuotaLimiter([Quota(50, per=1e6), Quota(1, unit="concurrent")])

    async def work() -> int:
        passed = 0
        for _ in range(20):
            with suppress(RateLimited):
                permit = await limiter.acquire(Use(tenant="a"), wait=20.0)
                await asyncio.sleep(0)
                await permit.settle()
                passed += 1
        return passed

    loop = asyncio.get_running_loop()
    jobs = [loop.run_in_executor(None, lambda: asyncio.run(work())) for _ in range(4)]
    assert sum(await asyncio.gather(*jobs)) == 50
    assert limiter.waiting == 0


async def test_what_is_full_is_forgotten_and_the_rest_is_bounded() -> None:
    """A flood of names costs no memory for longer than its buckets take to fill."""
    now = [1000.0]
    books = MemoryBooks(clock=lambda: now[0], max_keys=50)
    limiter = QuotaLimiter([Quota(1, per=10.0), Quota(1, unit="concurrent", lease=10.0)], books)
    for n in range(200):
        await limiter.acquire(Use(tenant=str(n)))
    assert len(books) == 100
    now[0] += 11.0
    for _ in range(60):
        now[0] += 11.0
        await (await limiter.acquire(Use(tenant="last"))).settle()
    assert len(books) == 1
