"""The contract suite of every rate limiter's books: subclass it and give the fixture `desk`.

Time stands still but for `desk.time.run(seconds)`, so nothing here depends on the machine.
"""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from pointsman.errors import Misconfigured, RateLimited
from pointsman.guardrails.books import Ask, Books, Held, Return, Short
from pointsman.guardrails.limiter import HeldPermit, QuotaLimiter
from pointsman.guardrails.quota import Quota
from pointsman.nodes.limits import Use

START = 1_790_000_000.0
"""Seconds since the epoch: as large as a real clock's, so that rounding is what it is there."""
TENANT = Use(team="shop", tenant="acme", specialist="billing")
MODEL = Use(team="shop", tenant="acme", specialist="billing", model="m", tokens=100)
OF_MODEL = ("model",)


async def quiet() -> None:
    """Let everything that can go on without time passing go on."""
    for _ in range(30):
        await asyncio.sleep(0)


@dataclass
class Time:
    """A clock that only tests move, and the sleep that belongs to it."""

    now: float = START
    _sleepers: list[tuple[float, int, "asyncio.Future[None]"]] = field(default_factory=list[Any])
    _count: "itertools.count[int]" = field(default_factory=itertools.count)
    watched: "list[Watched]" = field(default_factory=list[Any])
    undone: Callable[[], Awaitable[None]] = quiet
    """Waits for what books do when nobody waits for them any more."""

    async def settle(self) -> None:
        """Until nothing goes on without time passing."""
        await quiet()
        await self.undone()
        while any(books.under_way for books in self.watched):
            await asyncio.sleep(0.0005)
            await quiet()

    def clock(self) -> float:
        """Seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Until the clock was moved so far."""
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + max(0.0, seconds), next(self._count), turn))
        await turn

    async def run(self, seconds: float) -> None:
        """Move the clock, waking each sleeper at its time."""
        ends = self.now + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= ends:
            at, _, turn = heapq.heappop(self._sleepers)
            if turn.done():
                continue
            self.now = max(self.now, at)
            turn.set_result(None)
            await self.settle()
        self.now = ends


class Watched:
    """Books, and whether a step of theirs is under way."""

    def __init__(self, inner: Books) -> None:
        self.inner, self.poll = inner, inner.poll
        self.under_way = self.looks = 0

    async def take(self, asks: Sequence[Ask], permit: str) -> tuple[Held, ...] | Short:
        """Counted."""
        self.under_way += 1
        self.looks += 1
        try:
            return await self.inner.take(asks, permit)
        finally:
            self.under_way -= 1

    async def give(self, returns: Sequence[Return], permit: str) -> None:
        """Counted."""
        self.under_way += 1
        try:
            await self.inner.give(returns, permit)
        finally:
            self.under_way -= 1

    async def aclose(self) -> None:
        """The books'."""
        await self.inner.aclose()


@dataclass
class Desk:
    """Makes limiters on the same books, as several processes would."""

    time: Time
    books: Callable[[], Books]
    shared: bool = True
    """Whether two limiters hold one limit."""
    made: list[QuotaLimiter] = field(default_factory=list[QuotaLimiter])

    def limiter(self, *quotas: Quota, waiting: int = 100) -> QuotaLimiter:
        """A limiter of these quotas."""
        watched = Watched(self.books())
        self.time.watched.append(watched)
        made = QuotaLimiter(
            quotas, watched, waiting=waiting, clock=self.time.clock, sleep=self.time.sleep
        )
        self.made.append(made)
        return made

    async def aclose(self) -> None:
        """Close all of them."""
        for made in self.made:
            await made.aclose()


async def passes(limiter: QuotaLimiter, use: Use) -> HeldPermit | None:
    """A permit, or None."""
    try:
        return await limiter.acquire(use)
    except RateLimited:
        return None


async def many(limiter: QuotaLimiter, use: Use, times: int) -> list[HeldPermit]:
    """The permits of so many tries, one after another."""
    tries = [await passes(limiter, use) for _ in range(times)]
    return [permit for permit in tries if permit is not None]


class LimiterContract:
    """What a limiter promises, whatever its books."""

    async def test_a_burst_then_the_rate(self, desk: Desk) -> None:
        """`burst` at once, then one each `per / most` seconds."""
        limiter = desk.limiter(Quota(60, per=60.0, burst=5))
        assert len(await many(limiter, TENANT, 9)) == 5
        await desk.time.run(3.0)
        assert len(await many(limiter, TENANT, 9)) == 3

    @pytest.mark.parametrize(("most", "per", "burst"), [(1000, 1.0, 1), (100, 0.1, 7), (3, 1.0, 1)])
    async def test_a_burst_of_less_than_half_a_second_holds(
        self, desk: Desk, most: int, per: float, burst: int
    ) -> None:
        """Libraries were seen to let everything through there; here the burst holds to the last."""
        limiter = desk.limiter(Quota(most, per=per, burst=burst))
        assert len(await many(limiter, TENANT, 20)) == burst
        await desk.time.run(1.01 * per / most)
        assert len(await many(limiter, TENANT, 20)) == min(burst, 1)

    async def test_the_wait_it_names_is_enough_and_no_longer_than_needed(self, desk: Desk) -> None:
        """A moment before it is refused again, after it passes."""
        limiter = desk.limiter(Quota(2, per=60.0))
        await many(limiter, TENANT, 2)
        with pytest.raises(RateLimited) as caught:
            await limiter.acquire(TENANT)
        assert caught.value.retry_after == pytest.approx(30.0, abs=1e-3)
        await desk.time.run(29.9)
        assert await passes(limiter, TENANT) is None
        await desk.time.run(0.1)
        assert await passes(limiter, TENANT) is not None

    async def test_a_refusal_says_who_and_what_to_do(self, desk: Desk) -> None:
        """The team, the specialist, the quota and the seconds."""
        limiter = desk.limiter(Quota(1, per=30.0))
        await limiter.acquire(TENANT)
        with pytest.raises(RateLimited) as caught:
            await limiter.acquire(TENANT)
        assert str(caught.value) == (
            "Specialist 'billing' of team 'shop' is over a limit: 1 visits in 30 s for each tenant."
            " Try again in 30 s, or raise the quota."
        )

    async def test_keys_have_nothing_to_do_with_each_other(self, desk: Desk) -> None:
        """A tenant's flood does not touch another, nor a pair of names another pair that reads the
        same when put together."""
        limiter = desk.limiter(Quota(1, key=("tenant", "thread")))
        for tenant, thread in (("a", "bc"), ("ab", "c"), ("a b", "c"), ("a", "b c")):
            use = Use(tenant=tenant, thread=thread)
            assert len(await many(limiter, use, 3)) == 1

    async def test_each_quota_counts_its_own_kind(self, desk: Desk) -> None:
        """Visits, tool calls and model calls; and only what `only` names."""
        limiter = desk.limiter(
            Quota(1, key=()),
            Quota(2, on="tool", key=("tool",), only=Use(tool="refund")),
            Quota(3, on="model", key=("model",)),
        )
        assert len(await many(limiter, TENANT, 9)) == 1
        assert len(await many(limiter, Use(specialist="billing", tool="refund"), 9)) == 2
        assert len(await many(limiter, Use(specialist="billing", tool="look"), 9)) == 9
        assert len(await many(limiter, MODEL, 9)) == 3

    async def test_all_or_none(self, desk: Desk) -> None:
        """What one quota refuses takes nothing of another."""
        limiter = desk.limiter(
            Quota(100, on="model", key=("tenant",)),
            Quota(1000, unit="tokens", key=OF_MODEL),
            Quota(1, unit="concurrent", on="model", key=("thread",)),
        )
        first = await limiter.acquire(MODEL)
        assert len(await many(limiter, MODEL, 200)) == 0
        await first.release()
        for n in range(10):
            assert await passes(limiter, Use(tenant="acme", model="m", tokens=100, thread=str(n)))
        assert await passes(limiter, Use(tenant="acme", model="m", tokens=100)) is None
        others = [Use(tenant="acme", model="n", thread=str(n)) for n in range(100, 250)]
        assert sum([await passes(limiter, use) is not None for use in others]) == 90

    async def test_release_gives_everything_back(self, desk: Desk) -> None:
        """Work that never began took nothing, in whatever order it is released."""
        limiter = desk.limiter(
            Quota(3, on="model"),
            Quota(300, unit="tokens", key=OF_MODEL),
            Quota(3, unit="concurrent", on="model"),
        )
        for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2)):
            held = await many(limiter, MODEL, 9)
            assert len(held) == 3
            for index in order:
                await held[index].release()
        assert len(await many(limiter, MODEL, 9)) == 3

    async def test_ending_twice_counts_once(self, desk: Desk) -> None:
        """Only the first of settle and release has an effect."""
        limiter = desk.limiter(
            Quota(300, unit="tokens", key=OF_MODEL),
            Quota(2, unit="concurrent", on="model", key=()),
        )
        a, b = await many(limiter, MODEL, 2)
        for _ in range(3):
            await a.settle(50)
            await a.release()
        assert len(await many(limiter, MODEL, 5)) == 1
        await b.release()
        await b.settle(10_000)
        assert len(await many(limiter, MODEL, 5)) == 1

    async def test_a_surplus_comes_back_and_a_debt_is_paid(self, desk: Desk) -> None:
        """100 estimated, 40 used: 60 are there again. 1000 used of 100: 15 s of 60/s are owed."""
        limiter = desk.limiter(Quota(60, unit="tokens", per=1.0, burst=100.0, key=OF_MODEL))
        permit = await limiter.acquire(MODEL)
        await permit.settle(40)
        small = Use(model="m", tokens=60)
        permit = await limiter.acquire(small)
        assert await passes(limiter, Use(model="m", tokens=1)) is None
        await permit.settle(60 + 900)
        with pytest.raises(RateLimited) as caught:
            await limiter.acquire(Use(model="m", tokens=0))
        assert caught.value.retry_after == pytest.approx(15.0, abs=1e-3)
        await desk.time.run(14.9)
        assert await passes(limiter, Use(model="m", tokens=0)) is None
        await desk.time.run(0.2)
        assert await passes(limiter, Use(model="m", tokens=0)) is not None

    async def test_a_use_above_the_burst_waits_for_a_full_bucket(self, desk: Desk) -> None:
        """It passes once, and what comes next pays for it."""
        limiter = desk.limiter(Quota(10, unit="tokens", per=1.0, burst=50.0, key=OF_MODEL))
        assert await passes(limiter, Use(model="m", tokens=1)) is not None
        assert await passes(limiter, MODEL) is None
        await desk.time.run(0.11)
        assert await passes(limiter, MODEL) is not None
        await desk.time.run(4.9)
        assert await passes(limiter, Use(model="m", tokens=1)) is None
        await desk.time.run(0.3)
        assert await passes(limiter, Use(model="m", tokens=1)) is not None

    async def test_what_time_has_paid_for_is_not_given_back_too(self, desk: Desk) -> None:
        """An estimate that stood while the bucket filled up again, then released: still only one
        burst passes at once."""
        limiter = desk.limiter(Quota(1, unit="tokens", per=1.0, burst=100.0, key=OF_MODEL))
        old = await limiter.acquire(MODEL)
        await desk.time.run(100.0)
        assert await passes(limiter, MODEL) is not None
        await old.release()
        assert await passes(limiter, Use(model="m", tokens=1)) is None

    async def test_places_are_held_and_freed(self, desk: Desk) -> None:
        """So many at once; settled and released are both free."""
        limiter = desk.limiter(Quota(3, unit="concurrent", key=("specialist",)))
        held = await many(limiter, TENANT, 9)
        assert len(held) == 3
        await held[0].settle()
        await held[1].release()
        assert len(await many(limiter, TENANT, 9)) == 2

    async def test_a_place_of_a_dead_process_is_free_after_its_lease(self, desk: Desk) -> None:
        """Not before; and its late release frees nobody else's place."""
        limiter = desk.limiter(Quota(1, unit="concurrent", lease=60.0))
        lost = await limiter.acquire(TENANT)
        await desk.time.run(59.9)
        assert await passes(limiter, TENANT) is None
        await desk.time.run(0.2)
        assert await passes(limiter, TENANT) is not None
        await lost.release()
        assert await passes(limiter, TENANT) is None

    async def test_who_waits_gets_his_turn(self, desk: Desk) -> None:
        """In the order of priority, and of arrival within one; one each second."""
        limiter = desk.limiter(Quota(1, per=1.0))
        await limiter.acquire(TENANT)
        done: list[str] = []

        async def one(name: str, priority: int) -> None:
            use = Use(tenant="acme", priority=priority)
            await limiter.acquire(use, wait=100.0)
            done.append(name)

        # A quota of requests that cannot be met in time is refused at once; these can.
        names = [("a", 5), ("b", 5), ("low", 9), ("c", 5), ("urgent", 0)]
        tasks: list[asyncio.Task[None]] = []
        for name, priority in names:
            tasks.append(asyncio.ensure_future(one(name, priority)))
            await desk.time.settle()
        for n in range(1, 6):
            await desk.time.run(1.01)
            assert len(done) == n
        assert done == ["urgent", "a", "b", "c", "low"]
        await asyncio.gather(*tasks)
        assert limiter.waiting == 0

    async def test_a_place_given_back_is_handed_on_at_once(self, desk: Desk) -> None:
        """No time has to pass."""
        limiter = desk.limiter(Quota(1, unit="concurrent"))
        held = await limiter.acquire(TENANT)
        waits = asyncio.ensure_future(limiter.acquire(TENANT, wait=100.0))
        await desk.time.settle()
        assert not waits.done()
        await held.settle()
        await desk.time.settle()
        assert waits.done()
        await (await waits).release()

    async def test_nobody_new_goes_past_who_waits(self, desk: Desk) -> None:
        """A large use is not starved by small ones; other keys are not held up by it."""
        limiter = desk.limiter(
            Quota(10, unit="tokens", per=1.0, burst=100.0, key=OF_MODEL),
            Quota(100, unit="tokens", per=1.0, burst=10_000.0, key=("team",)),
        )
        await limiter.acquire(MODEL)
        large = asyncio.ensure_future(limiter.acquire(MODEL, wait=100.0))
        await desk.time.settle()
        small, other = Use(model="m", tokens=1), Use(model="n", tokens=100)
        for _ in range(9):
            await desk.time.run(1.0)
            assert await passes(limiter, small) is None
            assert await passes(limiter, other) is not None or not large.done()
        await desk.time.run(1.1)
        assert large.done()
        await large

    async def test_the_queue_is_bounded(self, desk: Desk) -> None:
        """One more is refused at once, and has taken nothing."""
        limiter = desk.limiter(Quota(1, unit="concurrent"), waiting=2)
        held = await limiter.acquire(TENANT)
        tasks = [asyncio.ensure_future(limiter.acquire(TENANT, wait=50.0)) for _ in range(2)]
        await desk.time.settle()
        with pytest.raises(RateLimited, match="no more may wait"):
            await limiter.acquire(TENANT, wait=50.0)
        await held.release()
        for task in tasks:
            await desk.time.settle()
            await (await task).release()
        assert limiter.waiting == 0

    async def test_a_wait_in_vain_ends_in_time(self, desk: Desk) -> None:
        """RateLimited, after the seconds given; nobody is left in the queue."""
        limiter = desk.limiter(Quota(1, unit="concurrent"))
        held = await limiter.acquire(TENANT)
        task = asyncio.ensure_future(limiter.acquire(TENANT, wait=5.0))
        await desk.time.run(4.9)
        assert not task.done()
        await desk.time.run(0.2)
        await desk.time.settle()
        with pytest.raises(RateLimited, match="in vain"):
            await task
        assert limiter.waiting == 0
        await held.release()
        assert await passes(limiter, TENANT) is not None

    async def test_a_wait_that_cannot_help_is_refused_at_once(self, desk: Desk) -> None:
        """Time alone brings requests back: if it is too little, nobody waits."""
        limiter = desk.limiter(Quota(1, per=60.0))
        await limiter.acquire(TENANT)
        with pytest.raises(RateLimited):
            await limiter.acquire(TENANT, wait=30.0)

    @pytest.mark.parametrize("steps", [0, 1, 3])
    async def test_cancellation_takes_nothing(self, desk: Desk, steps: int) -> None:
        """Whenever it comes: while it takes, while it waits, or when it is its turn."""
        limiter = desk.limiter(Quota(2, unit="concurrent"), Quota(1000, per=1000.0))
        held = await limiter.acquire(TENANT)
        for _ in range(5):
            task = asyncio.ensure_future(limiter.acquire(TENANT, wait=50.0))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            try:
                await (await task).release()
            except asyncio.CancelledError:
                await desk.time.settle()
        second = await limiter.acquire(TENANT)
        waits = [asyncio.ensure_future(limiter.acquire(TENANT, wait=50.0)) for _ in range(3)]
        await desk.time.settle()
        waits[0].cancel()
        await held.release()
        await desk.time.settle()
        assert [task.done() for task in waits] == [True, True, False]
        waits[2].cancel()
        await desk.time.settle()
        assert limiter.waiting == 0
        await second.release()
        await (await waits[1]).release()
        assert len(await many(limiter, TENANT, 5)) == 2

    async def test_a_herd_looks_one_at_a_time(self, desk: Desk) -> None:
        """Fifty wait; each departure costs the books one look, not fifty."""
        limiter = desk.limiter(Quota(1, unit="concurrent", lease=1e6))
        (books,) = desk.time.watched
        held = await limiter.acquire(TENANT)
        tasks = [asyncio.ensure_future(limiter.acquire(TENANT, wait=500.0)) for _ in range(50)]
        await desk.time.settle()
        books.looks = 0
        await held.release()
        for task in tasks:
            await desk.time.settle()
            assert task.done()
            await (await task).release()
        assert books.looks <= 2 * len(tasks)

    async def test_two_limiters_hold_one_limit(self, desk: Desk) -> None:
        """As two processes do; what one gives back the other gets."""
        quotas = (Quota(5, on="model"), Quota(2, unit="concurrent", on="model"))
        a, b = desk.limiter(*quotas), desk.limiter(*quotas)
        held = [*await many(a, MODEL, 9), *await many(b, MODEL, 9)]
        assert len(held) == (2 if desk.shared else 4)
        if desk.shared:
            waits = asyncio.ensure_future(b.acquire(MODEL, wait=20.0))
            await desk.time.settle()
            await held[0].settle()
            await desk.time.run(2.0)
            await desk.time.settle()
            assert waits.done()
            await waits

    async def test_equal_quotas_are_refused(self, desk: Desk) -> None:
        """One of them could never be reached."""
        with pytest.raises(Misconfigured):
            desk.limiter(Quota(1), Quota(1))
