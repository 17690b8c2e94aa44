"""Accounts: what a team's runs cost and saved, by run, specialist, model, tenant and day."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from decimal import Context, Decimal
from functools import lru_cache
from typing import Literal

from pointsman.nodes.event import FellBack, Hedged, ModelCalled, ModelFailed, Recorded, RunStarted
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import BEGINNING, Wanted

Dimension = Literal["run", "specialist", "model", "tenant", "day"]
DIMENSIONS: tuple[Dimension, ...] = ("run", "specialist", "model", "tenant", "day")
COUNTED = ("run_started", "model_called", "model_failed", "hedged", "fell_back")
"""Kinds of events that stand in the accounts."""

PAGE = 2000
_DAY = 86_400

_EXACT = Context(prec=800)
"""No sum of binary doubles, as decimals of up to 17 digits, needs more: nothing is rounded."""
_OF_THE_RUN = frozenset[Dimension]({"run", "tenant", "day"})


@dataclass(slots=True)
class Account:
    """Sums over events, none of them rounded. Money is in US dollars, times are in seconds."""

    runs: int = 0
    """Runs with an event in it, each once. A run may stand in several groups."""
    calls: int = 0
    """Calls that a model answered, from neither cache nor journal, and those that were cut off
    because another model had answered first."""
    unknown_calls: int = 0
    """Those of `calls` of which nobody knows what they cost: they are not in `usd`."""
    usd: Decimal = Decimal(0)
    input_tokens: int = 0
    cached_tokens: int = 0
    """Those of `input_tokens` that providers read from their own prompt caches."""
    output_tokens: int = 0
    seconds: Decimal = Decimal(0)
    """Time that models took."""
    cache_hits: int = 0
    """Answers from the response cache, and those shared with an identical call under way."""
    saved_usd: Decimal = Decimal(0)
    """What those answers cost when they were made."""
    saved_unknown: int = 0
    """Those of `cache_hits` whose price is unknown: they are not in `saved_usd`."""
    saved_seconds: Decimal = Decimal(0)
    replayed: int = 0
    """Answers from the run's own journal, after a crash or a pause."""
    failed_calls: int = 0
    """Calls to a model that gave no usable answer. The provider may charge for them all the same;
    what, nobody knows here."""
    fallbacks: int = 0
    """Failed calls after which another model was asked, and specialists whose rule-based fallback
    took over."""

    @property
    def known_usd(self) -> Decimal | None:
        """The cost; None where no call's price is known."""
        return None if self.calls and self.calls == self.unknown_calls else self.usd

    @property
    def known_saved_usd(self) -> Decimal | None:
        """What the cache saved; None where no hit's price is known."""
        return None if self.cache_hits and self.cache_hits == self.saved_unknown else self.saved_usd

    def add(self, event: ModelCalled | ModelFailed | Hedged | FellBack) -> None:
        """Count one event."""
        match event:
            case ModelCalled(source="model"):
                self._paid(event)
            case ModelCalled(source="journal"):
                self.replayed += 1
            case ModelCalled():
                self._saved(event)
            case Hedged():
                self.calls += 1
                self.unknown_calls += 1
            case ModelFailed():
                self.failed_calls += 1
                self.fallbacks += event.next not in ("", event.model)
            case FellBack():
                self.fallbacks += 1

    def merge(self, other: "Account") -> None:
        """Add another account up into this one."""
        for name in FIGURES:
            mine, theirs = getattr(self, name), getattr(other, name)
            both = _EXACT.add(mine, theirs) if isinstance(mine, Decimal) else mine + theirs
            setattr(self, name, both)

    def _paid(self, call: ModelCalled) -> None:
        self.calls += 1
        self.input_tokens += call.input_tokens
        self.cached_tokens += call.cached_tokens
        self.output_tokens += call.output_tokens
        self.seconds = _EXACT.add(self.seconds, exact(call.seconds))
        if call.usd is None:
            self.unknown_calls += 1
        else:
            self.usd = _EXACT.add(self.usd, exact(call.usd))

    def _saved(self, call: ModelCalled) -> None:
        self.cache_hits += 1
        self.saved_seconds = _EXACT.add(self.saved_seconds, exact(call.saved_seconds))
        if call.saved_usd is None:
            self.saved_unknown += 1
        else:
            self.saved_usd = _EXACT.add(self.saved_usd, exact(call.saved_usd))


FIGURES = tuple(field.name for field in fields(Account))


@dataclass(frozen=True, slots=True)
class Group:
    """An account and what it is of: a name for each dimension, in the order they were asked for.
    The specialist is empty for the router's own calls."""

    key: tuple[str, ...]
    account: Account


class Accounts:
    """Adds events up, in groups and in all. Memory grows with the groups, not with the events.

    Give a run's events one after another and each event once, as `Store.page` does: so a run is
    counted once however often it waited and went on. A run without any call counts in groups by
    run, tenant and day only.
    """

    def __init__(self, by: Sequence[Dimension] = ()) -> None:
        self.by = tuple(dict.fromkeys(by))
        self.total = Account()
        self._groups: dict[tuple[str, ...], Account] = {}
        self._begun = not _OF_THE_RUN.issuperset(self.by)
        self._run = ""
        self._in: set[tuple[str, ...]] = set()

    def add(self, tenant: str, recorded: Recorded) -> None:
        """Count an event of a tenant's run. Events that cost nothing are left out."""
        event = recorded.event
        if not isinstance(event, RunStarted | ModelCalled | ModelFailed | Hedged | FellBack):
            return
        if isinstance(event, Hedged) and not event.lost:
            return
        if recorded.run != self._run or not self.total.runs:
            self._run = recorded.run
            self._in.clear()
            self.total.runs += 1
        if isinstance(event, RunStarted):
            if not self._begun:
                self._account(self._key(tenant, recorded, "", ""))
            return
        self._account(self._key(tenant, recorded, event.specialist, _model(event))).add(event)
        self.total.add(event)

    def groups(self) -> list[Group]:
        """The groups: by day in time, else the dearest first and what has no known price last."""
        made = [Group(key, account) for key, account in self._groups.items()]
        if "day" in self.by:
            day = self.by.index("day")
            return sorted(made, key=lambda group: (group.key[day], *_rank(group)))
        return sorted(made, key=_rank)

    def _account(self, key: tuple[str, ...]) -> Account:
        account = self._groups.setdefault(key, Account())
        if key not in self._in:
            self._in.add(key)
            account.runs += 1
        return account

    def _key(self, tenant: str, recorded: Recorded, specialist: str, model: str) -> tuple[str, ...]:
        return tuple([_of(dimension, tenant, recorded, specialist, model) for dimension in self.by])


def _model(event: ModelCalled | ModelFailed | Hedged | FellBack) -> str:
    match event:
        case Hedged():
            return event.lost
        case FellBack():
            return ""
        case _:
            return event.model


def _of(dimension: Dimension, tenant: str, recorded: Recorded, specialist: str, model: str) -> str:
    match dimension:
        case "run":
            return recorded.run
        case "specialist":
            return specialist
        case "model":
            return model
        case "tenant":
            return tenant
        case "day":
            return day_of(recorded.at)


def _rank(group: Group) -> tuple[Decimal, int, tuple[str, ...]]:
    return -group.account.usd, -group.account.calls, group.key


def exact(value: float) -> Decimal:
    """The shortest decimal that reads back as this double: how the record writes it."""
    return Decimal(repr(value))


def day_of(at: float) -> str:
    """The day in UTC, as in `2026-11-21`."""
    return _day(int(at // _DAY))


@lru_cache(maxsize=512)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * _DAY, UTC).strftime("%Y-%m-%d")


async def account(
    store: Store,
    team: str,
    *,
    by: Sequence[Dimension] = (),
    wanted: Wanted | None = None,
    inside: Iterable[str] = (),
) -> Accounts:
    """Add up the record of a team's runs, page by page. Raises StoreError.

    `inside` are the names of teams inside it: what their runs did for runs of this one counts too.
    Each call counts once, in the run that made it. Of forks only what was asked of models counts,
    which costs money; all of it where `wanted` is one run's.
    """
    made, wanted = Accounts(by), wanted or Wanted()
    async for tenant, recorded in _events(store, team, wanted):
        made.add(tenant, recorded)
    ours: dict[str, bool] = {}
    for name in set(inside) - {team}:
        async for tenant, recorded in _events(store, name, wanted):
            if recorded.run not in ours:
                ours[recorded.run] = await _works_for(store, team, recorded.run)
            if ours[recorded.run]:
                made.add(tenant, recorded)
    return made


async def _works_for(store: Store, team: str, run: str) -> bool:
    row = await store.find_run(run)
    top = await store.find_run(row.root) if row is not None and row.root else None
    return top is not None and top.team == team


async def _events(store: Store, team: str, wanted: Wanted) -> AsyncGenerator[tuple[str, Recorded]]:
    counted = replace(wanted, kinds=COUNTED, forks=bool(wanted.run))
    place = BEGINNING
    while place is not None:
        page = await store.page(team, counted, after=place, limit=PAGE)
        for found in page.events:
            yield found
        place = page.next
