"""The budgets that a team's runs share: each call asks all that count it, in one step."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from pointsman.errors import BudgetExceeded, Misconfigured
from pointsman.nodes.budgets import Allowance, Budgets, Cost, Hold, extensions
from pointsman.nodes.message import new_id
from pointsman.nodes.run import Run
from pointsman.teams.store.budgetbooks import BudgetBooks
from pointsman.teams.store.budgetrows import (
    Amount,
    Balance,
    BudgetAsk,
    More,
    Short,
    milli,
    nano,
)

MARGIN = 60.0
"""Seconds after a call's own time-out in which it is settled, or else taken for dead."""
LONGEST = 3600.0
"""Seconds that a call without a time-out may take before it is taken for dead."""
DAYS_KEPT = 7
"""Days after its own for which the row of a day is kept."""
RUN_DAYS_KEPT = 90
"""Days for which the budget of a run or a thread that asks nothing is kept."""


class SharedBudgets:
    """Implements `nodes.budgets.Budgets` for a team's allowances.

    `clock` gives seconds since the epoch. Raises Misconfigured for two allowances that count alike:
    they belong in one.
    """

    def __init__(
        self,
        allowances: Sequence[Allowance],
        books: BudgetBooks,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        twice = [a for n, a in enumerate(allowances) if a.id in {b.id for b in allowances[:n]}]
        if twice:
            raise Misconfigured(
                f"Two budgets count alike: {twice[0]}.", hint="Put their bounds into one Allowance."
            )
        self._allowances = tuple(allowances)
        self._books = books
        self._clock = clock

    async def reserve(self, run: Run, model: str, worst: Cost) -> "SharedHold":
        mine = [a for a in self._allowances if a.counts(run)]
        now = self._clock()
        asks = [self._ask(a, run, model, worst, now) for a in mine]
        hold = SharedHold(self._books, new_id(), [ask.key for ask in asks])
        if not asks:
            return hold
        lease = (LONGEST if worst.seconds is None else worst.seconds) + MARGIN
        got = await self._books.reserve(asks, hold.id, lease=lease)
        if isinstance(got, Short):
            raise _short(mine[got.ask], got, run, model, mine[got.ask].period(now))
        hold.seconds = got
        return hold

    async def balance(self, allowance: Allowance, run: Run) -> Balance:
        """How the budget stands that counts the run's calls now."""
        return await self._books.balance(_key(allowance, run, allowance.period(self._clock())))

    async def aclose(self) -> None:
        """Close what the budgets are kept in; the next call opens it again."""
        await self._books.aclose()

    def _ask(
        self, allowance: Allowance, run: Run, model: str, worst: Cost, now: float
    ) -> BudgetAsk:
        if allowance.usd is not None and worst.usd is None and allowance.unpriced == "refuse":
            raise Misconfigured(
                f"Run {run.id} of team {run.team!r} has a budget of {allowance}, and the price of"
                f" model {model} is not known.",
                hint=f'Give prices={{"{model}": Price(input=..., output=...)}} or'
                ' Allowance(unpriced="count").',
            )
        period = allowance.period(now)
        bound = _bounds(allowance)
        more = tuple(
            More(f"{run.id} {extension}", _share(bound, extension.share))
            for extension in extensions(run.admitted, allowance.id, period)
        )
        return BudgetAsk(
            key=_key(allowance, run, period),
            bound=bound,
            worst=Amount(
                usd=None if worst.usd is None else nano(worst.usd),
                tokens=worst.tokens or 0,
                calls=1,
                ms=milli(LONGEST if worst.seconds is None else worst.seconds),
            ),
            more=more,
            ends=_ends(allowance, now),
        )


@dataclass
class SharedHold:
    """Implements `nodes.budgets.Hold`."""

    _books: BudgetBooks
    id: str
    _keys: Sequence[str]
    seconds: float = float("inf")

    async def settle(self, used: Cost) -> None:
        keys, self._keys = self._keys, ()
        if keys:
            known = used.tokens is not None or used.usd is not None or used.seconds is not None
            await self._books.settle(
                keys,
                self.id,
                Amount(
                    usd=None if used.usd is None else nano(used.usd),
                    tokens=used.tokens,
                    calls=1 if known else None,
                    ms=None if used.seconds is None else milli(used.seconds),
                ),
            )

    async def release(self) -> None:
        keys, self._keys = self._keys, ()
        if keys:
            await self._books.release(self.id)


@dataclass(frozen=True)
class NestedBudgets:
    """Implements `nodes.budgets.Budgets` for a team inside another: each call counts in what the
    outer team's runs share, as a call of that team, and in what its own do."""

    outer: Budgets
    team: str
    """The outer team."""
    own: Budgets | None

    async def reserve(self, run: Run, model: str, worst: Cost) -> Hold:
        """See `Budgets.reserve`."""
        first = await self.outer.reserve(replace(run, team=self.team), model, worst)
        if self.own is None:
            return first
        try:
            return _Holds((first, await self.own.reserve(run, model, worst)))
        except BaseException:
            await first.release()
            raise


@dataclass(frozen=True)
class _Holds:
    holds: tuple[Hold, ...]

    @property
    def seconds(self) -> float:
        return min(hold.seconds for hold in self.holds)

    async def settle(self, used: Cost) -> None:
        await asyncio.gather(*(hold.settle(used) for hold in self.holds))

    async def release(self) -> None:
        await asyncio.gather(*(hold.release() for hold in self.holds))


def _bounds(allowance: Allowance) -> Amount:
    return Amount(
        usd=None if allowance.usd is None else nano(allowance.usd),
        tokens=allowance.tokens,
        calls=allowance.calls,
        ms=None if allowance.seconds is None else milli(allowance.seconds),
    )


def _share(bound: Amount, share: float) -> Amount:
    return Amount(
        *(None if units is None else math.ceil(units * share) for units in astuple(bound))
    )


def _key(allowance: Allowance, run: Run, period: str) -> str:
    """Names of people stay out of the file."""
    text = repr((allowance.id, allowance.key_of(run), period))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _ends(allowance: Allowance, now: float) -> float | None:
    if allowance.window == "day":
        day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return (day + timedelta(days=1 + DAYS_KEPT)).timestamp()
    passing = {"run", "thread"} & set(allowance.per)
    return now + RUN_DAYS_KEPT * 86_400 if passing else None


_SCALE = {"usd": 1e9, "tokens": 1.0, "calls": 1.0, "seconds": 1000.0}
_UNIT = {"usd": "USD", "tokens": "tokens", "calls": "model calls", "seconds": "seconds"}


def _short(allowance: Allowance, short: Short, run: Run, model: str, period: str) -> BudgetExceeded:
    scale, unit = _SCALE[short.unit], _UNIT[short.unit]
    left = max(short.left, 0) / scale
    whose = ", ".join(
        f"{part} {value!r}"
        for part, value in zip(allowance.per, allowance.key_of(run), strict=True)
    )
    day = f" on {period}" if period else ""
    return BudgetExceeded(
        f"Run {run.id} of team {run.team!r} cannot ask model {model}: of the budget of"
        f" {short.bound / scale:g} {unit}{f' of {whose}' if whose else ''}{day} {left:g} are left.",
        hint="Give a larger Allowance, or wait until the next day." if period
        else "Give a larger Allowance.",
        budget=allowance.id,
        period=period,
    )  # fmt: skip
