"""Budgets that runs share, as a user writes them, and what the gateway sees of them.

Reserve before, settle after: a call sets its worst case aside in every budget that counts it, in
all or in none, and its end says what it took. Kept in whole units, so that sums are exact.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, Protocol

from pointsman.errors import Misconfigured
from pointsman.nodes.digest import digest
from pointsman.nodes.limits import Use
from pointsman.nodes.run import Budget, Run

Part = Literal["run", "thread", "specialist", "team", "tenant"]
Window = Literal["day", "all"]
MOST = 1e9
"""No bound is larger, in its own unit: what is counted stays in 64 bits."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call takes, at most or in the end. None is not known."""

    usd: float | None = None
    tokens: int | None = None
    """Input and output."""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be spent for each key: US dollars, tokens, model calls, seconds of model time.

        Allowance(usd=20, window="day")                       # each tenant, each day
        Allowance(usd=500, per=())                            # all together, for ever
        Allowance(tokens=50_000, calls=40, per=("run",))
        Allowance(usd=100, window="day", only=Use(tenant="acme"))

    None is no bound. Raises Misconfigured for one that bounds nothing or lets nothing through.
    """

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    seconds: float | None = None
    """Sum of what the calls took. A call is cut off where these end, and those at once share them:
    each sets its whole time-out aside."""
    per: tuple[Part, ...] = ("tenant",)
    """Each combination of these has its own; () is one for all. Teams with the same home share
    what does not name the team."""
    window: Window = "all"
    """`day`: anew each calendar day in UTC; a call counts for the day it began."""
    only: Use = field(default_factory=Use)
    """Only for the team, tenant, thread or specialist that stands here."""
    unpriced: Literal["refuse", "count"] = "refuse"
    """Calls of a model whose price is not known, where `usd` is given: refused, or let through
    while money is left and counted by number."""
    why: str = field(default="", compare=False, repr=False, kw_only=True)
    """The reason for it, for the team's design page. Changes nothing else."""

    def __post_init__(self) -> None:
        bounds = (self.usd, self.tokens, self.calls, self.seconds)
        given = [bound for bound in bounds if bound is not None]
        if not given or not all(0 < bound <= MOST for bound in given):
            raise Misconfigured(
                f"{self!r} is no budget.",
                hint=f"Give at least one bound, each above 0 and at most {MOST:g}.",
            )
        if self.only.tool or self.only.model:
            raise Misconfigured(
                f"{self!r} is for a tool or a model, which have no budgets.",
                hint="only= names a team, a tenant, a thread or a specialist.",
            )

    @property
    def id(self) -> str:
        """The same for those that count alike, whatever their bounds: what was spent stays when a
        bound is changed."""
        only = {part: getattr(self.only, part) for part in _NAMED}
        return digest("budget", list(self.per), self.window, only)[:16]

    @property
    def name(self) -> str:
        """Short, for people: `tenant/day`. Not unique where `only` differs."""
        return f"{'+'.join(self.per) or 'all'}/{self.window}"

    def counts(self, run: Run) -> bool:
        """Whether it counts the calls of a run's step."""
        only = self.only
        return all(
            not (wanted := getattr(only, part)) or wanted == getattr(run, part) for part in _NAMED
        )

    def key_of(self, run: Run) -> tuple[str, ...]:
        """The run's values of `per`; for `run` that at the top of its tree."""
        return tuple(
            (run.root or run.id) if part == "run" else getattr(run, part) for part in self.per
        )

    def period(self, now: float) -> str:
        """The day, e.g. `2026-01-31`; empty where the window never ends. `now` is in seconds since
        the epoch."""
        return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d") if self.window == "day" else ""

    def __str__(self) -> str:
        each = f" for each {' and '.join(self.per)}" if self.per else ""
        return f"{wording(self)}{each}{' a day' if self.window == 'day' else ''}"


_NAMED = ("team", "tenant", "thread", "specialist")


def wording(bounds: "Allowance | Budget", share: float = 1.0) -> str:
    """The bounds in words, or a share of them: `2.5 USD and 10 calls`."""
    seconds = bounds.seconds if isinstance(bounds, Allowance) else None
    tokens = bounds.tokens if isinstance(bounds, Allowance) else None
    parts = [
        f"{bound * share:g} {unit}"
        for bound, unit in (
            (bounds.usd, "USD"), (tokens, "tokens"), (bounds.calls, "calls"), (seconds, "seconds")
        )
        if bound is not None
    ]  # fmt: skip
    return " and ".join(parts) or "nothing"


class Hold(Protocol):
    """What a call holds of shared budgets. Ended once, by one of these; none of them raises for a
    caller that is cancelled meanwhile: it is done all the same."""

    @property
    def seconds(self) -> float:
        """What the call may take by these budgets; infinite without a bound."""
        ...

    async def settle(self, used: Cost) -> None:
        """The call took so much. What is not known counts at its worst."""
        ...

    async def release(self) -> None:
        """The call was never made, or cost nothing."""
        ...


class Budgets(Protocol):
    """Several shared budgets, taken all or none."""

    async def reserve(self, run: Run, model: str, worst: Cost) -> Hold:
        """Set a call's worst case aside.

        Raises BudgetExceeded where it does not fit, Misconfigured for a model without a known price
        under a budget in USD, and StoreError. Then nothing was set aside.
        """
        ...


@dataclass(frozen=True, slots=True)
class Extension:
    """More of a budget than it held, once a person has said so. Its text is the rule of the
    ticket's escalation, so that what counts is what the person saw."""

    budget: str
    """`run`, or the id of an allowance."""
    period: str
    share: float
    """Of the budget's own bounds: 0.5 is half as much again."""
    number: int
    """1 for the first of this budget in this run."""
    step: str
    """Where the money ran out."""

    def __str__(self) -> str:
        period = f" {self.period}" if self.period else ""
        return f"{self.budget}{period} +{self.share:g} #{self.number} @{self.step}"

    @classmethod
    def read(cls, rule: str) -> "Extension | None":
        """The extension of such a text; None for any other."""
        found = _EXTENSION.fullmatch(rule)
        if found is None:
            return None
        budget, period, share, number, step = found.groups(default="")
        return cls(budget, period, float(share), int(number), step)


_EXTENSION = re.compile(
    r"(\w+)(?: (\d{4}-\d\d-\d\d))? \+(\d+(?:\.\d+)?(?:e[+-]?\d+)?) #(\d+) @(.*)", re.DOTALL
)
GUARD = "over-budget"
"""The name under which a person is asked for more."""


def extensions(admitted: Collection[str], budget: str, period: str = "") -> tuple[Extension, ...]:
    """What people have added to a budget in a run, by its admitted `guard:rule` pairs."""
    prefix = f"{GUARD}:"
    read = (Extension.read(one[len(prefix) :]) for one in admitted if one.startswith(prefix))
    mine = (e for e in read if e is not None and (e.budget, e.period) == (budget, period))
    return tuple(sorted(mine, key=lambda one: one.number))


def extended(budget: Budget, admitted: Collection[str]) -> Budget:
    """A run's own budget with what people have added to it."""
    more = 1.0 + sum(extension.share for extension in extensions(admitted, "run"))
    if more == 1.0:
        return budget
    return replace(
        budget,
        usd=None if budget.usd is None else budget.usd * more,
        calls=None if budget.calls is None else int(budget.calls * more),
    )
