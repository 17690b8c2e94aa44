"""The rate limiter: several quotas, taken all or none, with a fair and bounded wait.

One class for every place where the state may be: `books.MemoryBooks` for one process, the books of
`teams.store` for several.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pointsman.errors import Misconfigured, RateLimited
from pointsman.guardrails.books import Ask, Books, Held, MemoryBooks, Return, Short
from pointsman.guardrails.quota import Quota, level_of
from pointsman.guardrails.turns import Turns, Waiter
from pointsman.nodes.limits import Use
from pointsman.nodes.message import new_id

MAX_WAITING = 100
"""How many may wait for one key."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """A quota, with what it costs to work out once."""

    quota: Quota
    id: str
    every: float
    room: float

    def ask(self, use: Use) -> Ask:
        quota, key = self.quota, _key(self.quota.key_of(use))
        if quota.unit == "concurrent":
            return Ask(self.id, key, self.room, lease=quota.lease)
        tokens = quota.unit == "tokens"
        cost = float(max(0, use.tokens)) if tokens else 1.0
        return Ask(self.id, key, self.room, every=self.every, cost=cost, estimate=tokens)


class QuotaLimiter:
    """Quotas held together; implements `nodes.limits.Limiter`.

    Who waits goes first come first served within its priority, in this process; other processes on
    the same books take their chance when there is room. `clock` gives seconds, `sleep` waits them.
    """

    def __init__(
        self,
        quotas: Sequence[Quota],
        books: Books | None = None,
        *,
        waiting: int = MAX_WAITING,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`waiting`: how many may wait for one key; none for 0.

        Raises Misconfigured for two equal quotas: one could never be reached.
        """
        rules = [_Rule(q, q.id, q.every, q.room) for q in quotas]
        if len({rule.id for rule in rules}) < len(rules) or waiting < 0:
            raise Misconfigured(
                f"These {len(rules)} quotas cannot be held together with {waiting} waiting.",
                hint="No two may be equal, and waiting is 0 or more.",
            )
        self._rules = rules
        self._books: Books = MemoryBooks(clock=clock) if books is None else books
        self._turns = Turns(waiting)
        self._clock = clock
        self._sleep = sleep
        self._arrivals = itertools.count()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._turns)

    async def acquire(self, use: Use, *, wait: float = 0.0) -> "HeldPermit":
        """Take what every quota that counts the use asks, waiting at most `wait` seconds.

        Raises RateLimited with `retry_after` in seconds; then nothing was taken.
        """
        rules = [rule for rule in self._rules if rule.quota.counts(use)]
        claim = _Claim(
            use, rules, [rule.ask(use) for rule in rules], new_id(),
            (use.priority, next(self._arrivals)),
        )  # fmt: skip
        got = await self._try(claim)
        if isinstance(got, HeldPermit):
            return got
        if wait <= 0 or claim.hopeless(got, wait):
            raise claim.refused(got)
        waiter = Waiter(claim.order)
        try:
            return await self._in_turn(claim, waiter, got, self._clock() + wait)
        finally:
            self._turns.leave(waiter)

    async def aclose(self) -> None:
        """Close the books."""
        await self._books.aclose()

    async def end(self, held: Sequence[Held], permit: str, *, tokens: int | None) -> None:
        """Settle a permit's work at `tokens` (None: as estimated); below 0, it never began."""
        returns = [back for one in held if (back := _return(one, tokens)) is not None]
        if returns:
            await self._books.give(returns, permit)
            self._turns.look(_lane(back.held.ask) for back in returns)

    async def _try(self, claim: "_Claim") -> "HeldPermit | _Missed":
        if not claim.asks:
            return HeldPermit(self, (), claim.permit)
        if ahead := self._turns.ahead(claim.lanes, claim.order):
            return _Missed(ahead, behind=True)
        got = await self._books.take(claim.asks, claim.permit)
        if isinstance(got, Short):
            waits = zip(claim.lanes, got.waits, strict=True)
            return _Missed({lane: seconds for lane, seconds in waits if seconds > 0})
        return HeldPermit(self, got, claim.permit)

    async def _in_turn(
        self, claim: "_Claim", waiter: Waiter, missed: "_Missed", ends: float
    ) -> "HeldPermit":
        while True:
            left = ends - self._clock()
            if left <= 0:
                raise claim.refused(missed, "and the wait was in vain")
            waiter.arm()
            waiter.seconds = max(missed.waits.values())
            if not self._turns.join(waiter, missed.waits):
                raise claim.refused(missed, "and no more may wait")
            look = min(waiter.seconds, self._books.poll)
            if self._turns.ahead(claim.lanes, claim.order):
                look = left
            elif missed.behind:  # who was first has gone since
                look = 0.0
            await self._nap(waiter, min(left, look))
            got = await self._try(claim)
            if isinstance(got, HeldPermit):
                return got
            missed = got

    async def _nap(self, waiter: Waiter, seconds: float) -> None:
        """Until it is woken, or the seconds are over."""
        sleeper = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait({waiter.turn, sleeper}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()


@dataclass
class HeldPermit:
    """What a limiter gave; implements `nodes.limits.Permit`."""

    _limiter: QuotaLimiter
    _held: Sequence[Held]
    _id: str

    async def settle(self, tokens: int | None = None) -> None:
        held, self._held = self._held, ()
        await self._limiter.end(held, self._id, tokens=None if tokens is None else max(0, tokens))

    async def release(self) -> None:
        held, self._held = self._held, ()
        await self._limiter.end(held, self._id, tokens=-1)


@dataclass(frozen=True, slots=True)
class _Missed:
    """The lanes to wait in, with the seconds to wait."""

    waits: dict[str, float]
    behind: bool = False
    """Whether for somebody's turn, and not for room."""


@dataclass(frozen=True)
class _Claim:
    """A use on its way through the limiter."""

    use: Use
    rules: Sequence[_Rule]
    asks: Sequence[Ask]
    permit: str
    order: tuple[int, int]

    @property
    def lanes(self) -> list[str]:
        return [_lane(ask) for ask in self.asks]

    def hopeless(self, missed: _Missed, wait: float) -> bool:
        """Whether no wait of that length can help. Places and tokens may be given back any time."""
        return any(
            missed.waits.get(_lane(ask), 0.0) > wait
            for ask, rule in zip(self.asks, self.rules, strict=True)
            if rule.quota.unit == "requests"
        )

    def refused(self, missed: _Missed, why: str = "") -> RateLimited:
        """The error, in the name of the quota that has to be waited for longest."""
        lane, seconds = max(missed.waits.items(), key=lambda item: item[1])
        quota = next(
            r.quota for r, a in zip(self.rules, self.asks, strict=True) if _lane(a) == lane
        )
        level = level_of(self.use)
        who = {"visit": "Specialist", "tool": "Tool", "model": "Model"}[level]
        name = {"visit": self.use.specialist, "tool": self.use.tool, "model": self.use.model}[level]
        return RateLimited(
            f"{who} {name!r} of team {self.use.team!r} is over a limit: {quota}"
            + (f", {why}." if why else "."),
            hint=f"Try again in {max(1, round(seconds))} s, or raise the quota.",
            retry_after=seconds,
        )


def _key(values: tuple[str, ...]) -> str:
    """One text for each tuple of values, whatever stands in them."""
    return values[0] if len(values) == 1 else repr(values)


def _lane(ask: Ask) -> str:
    return f"{ask.quota} {ask.key}"


def _return(held: Held, tokens: int | None) -> Return | None:
    """What to give back; None for nothing."""
    ask = held.ask
    if held.slot is None:
        return Return(held)
    if tokens is None or (tokens >= 0 and not ask.estimate) or tokens == ask.cost:
        return None
    return Return(held, float(max(0, tokens)))
