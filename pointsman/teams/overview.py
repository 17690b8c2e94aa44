"""How a team does now: what is open, what it costs, how fast it is, what is broken."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from pointsman.teams.store.rows import Light, Open, Standing
from pointsman.teams.usage import (
    DAY,
    FINE,
    HOUR,
    Counts,
    Tally,
    UsageDimension,
    UsageKind,
    UsageWanted,
    percentile,
)
from pointsman.teams.ways import COUNTED, TOLD_BY, ways


@dataclass(frozen=True, slots=True)
class Spend:
    """What model calls cost."""

    usd: float
    calls: int
    """Calls that a model answered, and those that were cut off because another had answered."""
    unpriced: int
    """Those of them that cost what nobody knows: that is not in `usd`."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a specialist's runs ended."""

    specialist: str
    """Empty: runs that nobody answered."""
    ended: int
    failed: int
    p50: float | None
    """Seconds that half of them took at most, without the wait for people; up to 4.8 % off."""
    p95: float | None


@dataclass(frozen=True, slots=True)
class Load:
    """How a model answered."""

    model: str
    calls: int
    failed: int
    """Calls that gave no usable answer."""
    errors: tuple[tuple[str, int], ...]
    """Those by the error's class, the most frequent first."""
    p50: float | None
    """Seconds; up to 4.8 % off."""
    p95: float | None


@dataclass(frozen=True, slots=True)
class Edge:
    """How often work went from one to another: specialists, `router`, and where actions go:
    `gate` (the policy or a person decides), `execute`, and `end` for an answer."""

    frm: str
    to: str
    count: int


@dataclass(frozen=True, slots=True)
class Overview:
    """A team at one moment. Today is the present UTC day."""

    team: str
    at: float
    """Seconds since the epoch."""
    running: Open
    queued: Open
    waiting: Open
    tickets: Open
    dead: int
    lights: tuple[Light, ...]
    spend: Spend
    """Today."""
    tenants: tuple[tuple[str, Spend], ...]
    """The same by tenant, the dearest first."""
    ended: tuple[tuple[str, int], ...]
    """Runs that a message began and that ended today, by status."""
    specialists: tuple[Pace, ...]
    """In the last hour, and the five minutes it began in; by name."""
    models: tuple[Load, ...]
    """The same of models."""
    edges: tuple[Edge, ...]
    """Today, the most used first."""


class Looked(Counts, Protocol):
    """What an overview is read from; a store."""

    async def standing(self, team: str) -> Standing: ...


async def overview(store: Looked, team: str, at: float) -> Overview:
    """How a team does at that moment (seconds since the epoch)."""
    standing = await store.standing(team)
    today = int(at // DAY) * DAY
    day = UsageWanted(today, today + DAY, 0, daily=True)
    hour = UsageWanted(int((at - HOUR) // FINE) * FINE, int(at // FINE) * FINE + FINE, 0)

    async def tallies(
        wanted: UsageWanted, kinds: tuple[UsageKind, ...], *by: UsageDimension
    ) -> tuple[Tally, ...]:
        asked = replace(wanted, kinds=kinds, by=by)
        return await store.usage(team, asked)

    calls = await tallies(day, ("model_called", "hedged"), "tenant", "kind", "outcome")
    ended = await tallies(day, ("run_ended",), "outcome", "key")
    went = ways(await tallies(day, COUNTED, *TOLD_BY))
    paces = await tallies(hour, ("run_ended",), "specialist", "outcome")
    loads = await tallies(hour, ("model_called", "model_failed"), "model", "kind", "outcome")
    return Overview(
        team=team,
        at=at,
        running=standing.running,
        queued=standing.queued,
        waiting=standing.waiting,
        tickets=standing.tickets,
        dead=standing.dead,
        lights=standing.lights,
        spend=_spend(calls),
        tenants=_by_tenant(calls),
        ended=tuple((t.of[0], t.count) for t in ended if not t.of[1] and t.of[0] != "waiting"),
        specialists=tuple(_pace(name, some) for name, some in _grouped(paces)),
        models=tuple(_load(name, some) for name, some in _grouped(loads)),
        edges=tuple(
            Edge(frm, to, count)
            for (frm, to), count in sorted(went.items(), key=lambda one: (-one[1], one[0]))
        ),
    )


def _grouped(tallies: Iterable[Tally]) -> list[tuple[str, list[Tally]]]:
    groups: dict[str, list[Tally]] = {}
    for tally in tallies:
        groups.setdefault(tally.of[0], []).append(tally)
    return sorted(groups.items())


def _spend(tallies: Iterable[Tally]) -> Spend:
    paid = [t for t in tallies if t.of[1] == "hedged" or t.of[2] == "model"]
    return Spend(
        sum(t.usd for t in paid), sum(t.count for t in paid), sum(t.unpriced for t in paid)
    )


def _by_tenant(tallies: Iterable[Tally]) -> tuple[tuple[str, Spend], ...]:
    made = [(tenant, _spend(some)) for tenant, some in _grouped(tallies)]
    return tuple(sorted(made, key=lambda one: (-one[1].usd, one[0])))


def _pace(specialist: str, tallies: list[Tally]) -> Pace:
    over = [t for t in tallies if t.of[1] != "waiting"]
    failed = sum(t.count for t in over if t.of[1] == "failed")
    p50, p95 = _percentiles(over)
    return Pace(specialist, sum(t.count for t in over), failed, p50, p95)


def _load(model: str, tallies: list[Tally]) -> Load:
    called = [t for t in tallies if t.of[1] == "model_called" and t.of[2] == "model"]
    failed = [t for t in tallies if t.of[1] == "model_failed"]
    errors = sorted(((t.of[2], t.count) for t in failed), key=lambda one: (-one[1], one[0]))
    p50, p95 = _percentiles(called)
    return Load(
        model,
        sum(t.count for t in called),
        sum(t.count for t in failed),
        tuple(errors),
        p50,
        p95,
    )


def _percentiles(tallies: Iterable[Tally]) -> tuple[float | None, float | None]:
    counts: dict[int, int] = {}
    for tally in tallies:
        for slot, count in tally.slots:
            counts[slot] = counts.get(slot, 0) + count
    return percentile(counts.items(), 0.5), percentile(counts.items(), 0.95)
