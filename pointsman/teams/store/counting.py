"""What events come to, counted as they are stored: rows of the table `usage`.

Durations are counted in slots, each 10 % longer than the one below (DDSketch: C. Masson, J. E. Rim,
H. K. Lee, "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees",
VLDB 2019). Slots of any stretches, tenants or models add up, which a sample of durations does not.
"""

import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from pointsman.nodes.counting import called_out
from pointsman.nodes.event import (
    BoundHit,
    BreakerMoved,
    Event,
    FellBack,
    Hedged,
    Judged,
    ModelCalled,
    ModelFailed,
    Recorded,
    Routed,
    RunEnded,
    RunStarted,
    TicketDecided,
    TicketOpened,
    ToolCalled,
)
from pointsman.teams.usage import AT_ONCE, DAY, FINE, GROWTH, NO_SLOT, ROUTER, UsageKind

WIDTHS = (FINE, DAY)
"""Seconds of the stretches that are counted: for the last hours, and for weeks and months."""
_LEAST, _MOST = 1e-4, 1e7
_LOG = math.log(GROWTH)
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)
_BY_HANDOFF = ("handoff", "bound")
"""Tiers of a route that somebody other than the router asked for."""
_COLUMNS = (
    "team, width, kind, start, tenant, specialist, model, key, outcome, slot, count, seconds, usd,"
    " unpriced, saved_usd, input_tokens, cached_tokens, output_tokens"
)
_ADD = (
    f"INSERT INTO usage ({_COLUMNS}) VALUES ({','.join('?' * 18)}) ON CONFLICT DO UPDATE SET "  # noqa: S608 (constants)
    + ", ".join(
        f"{name} = {name} + excluded.{name}"
        for name in (
            "count", "seconds", "usd", "unpriced", "saved_usd", "input_tokens", "cached_tokens",
            "output_tokens",
        )
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What an event does not say of its run."""

    team: str
    tenant: str
    seconds: float
    """Time it was worked on so far."""
    parent: str
    fork_of: str = ""
    """A fork's calls of models count, which cost money; nothing else of it does."""


@dataclass(slots=True)
class Sums:
    """What one event adds, or what several add up to."""

    count: int = 0
    seconds: float = 0.0
    usd: float = 0.0
    unpriced: int = 0
    saved_usd: float = 0.0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0

    def add(self, more: "Sums") -> None:
        """Add up."""
        self.count += more.count
        self.seconds += more.seconds
        self.usd += more.usd
        self.unpriced += more.unpriced
        self.saved_usd += more.saved_usd
        self.input_tokens += more.input_tokens
        self.cached_tokens += more.cached_tokens
        self.output_tokens += more.output_tokens

    def values(self) -> tuple[float, ...]:
        """In the order of the columns."""
        return (
            self.count, self.seconds, self.usd, self.unpriced, self.saved_usd,
            self.input_tokens, self.cached_tokens, self.output_tokens,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counted:
    """One event as it is counted: what it is about, and what it adds."""

    kind: UsageKind
    adds: Sums
    specialist: str = ""
    model: str = ""
    key: str = ""
    outcome: str = ""
    slot: int = NO_SLOT


def slot_of(seconds: float) -> int:
    """The slot of a duration: durations over GROWTH ** (slot - 1) up to GROWTH ** slot."""
    return math.ceil(math.log(min(max(seconds, _LEAST), _MOST)) / _LOG - 1e-9)


def counted(event: Event, facts: RunFacts, came_from: str = "") -> Iterator[Counted]:
    """What an event is counted as; nothing for events that no figure is made of. `came_from`: who
    had the work before a hand-off."""
    match event:
        case RunStarted():
            yield Counted("run_started", Sums(1), outcome="child" if facts.parent else "")
        case RunEnded():
            yield _ended(event, facts)
        case ModelCalled():
            yield _called(event)
        case ModelFailed():
            yield Counted(event.kind, Sums(1), event.specialist, event.model, outcome=event.error)
        case Hedged() if event.lost:
            yield Counted(event.kind, Sums(1, unpriced=1), event.specialist, event.lost)
        case ToolCalled():
            outcome = "ok" if event.ok else event.error or "failed"
            yield Counted(
                event.kind, Sums(1, event.seconds), event.specialist, "", event.tool, outcome,
                slot_of(event.seconds),
            )  # fmt: skip
        case Routed():
            for to in event.parts or (event.to,):
                yield Counted(event.kind, Sums(1), came_from or ROUTER, "", to, event.tier)
        case _:
            yield from _marked(event)


def _marked(event: Event) -> Iterator[Counted]:
    match event:
        case Judged() if not event.shadow:
            rule = event.rule or event.guard
            yield Counted(event.kind, Sums(1), event.specialist, "", rule, event.verdict)
        case TicketOpened():
            yield Counted(event.kind, Sums(1), event.specialist, "", event.tool)
        case TicketDecided():
            key = "" if event.asked else AT_ONCE
            yield Counted(event.kind, Sums(1), event.specialist, "", key, event.decision)
        case FellBack():
            yield Counted(event.kind, Sums(1), event.specialist, outcome=event.error)
        case BoundHit():
            yield Counted(event.kind, Sums(1), key=event.bound, outcome=event.then)
        case _:
            return


def _ended(event: RunEnded, facts: RunFacts) -> Counted:
    key = "child" if facts.parent else ""
    if event.status == "waiting":
        return Counted(event.kind, Sums(1), event.specialist, "", key, event.status)
    adds = Sums(1, facts.seconds)
    slot = slot_of(facts.seconds)
    return Counted(event.kind, adds, event.specialist, "", key, event.status, slot)


def _called(call: ModelCalled) -> Counted:
    if call.source == "journal":
        return Counted(call.kind, Sums(1), call.specialist, call.model, "", call.source)
    if call.source != "model":
        saved = Sums(1, saved_usd=call.saved_usd or 0.0, unpriced=call.saved_usd is None)
        return Counted(call.kind, saved, call.specialist, call.model, "", call.source)
    adds = Sums(
        1, call.seconds, call.usd or 0.0, call.usd is None, 0.0, call.input_tokens,
        call.cached_tokens, call.output_tokens,
    )  # fmt: skip
    slot = slot_of(call.seconds)
    return Counted(call.kind, adds, call.specialist, call.model, "", call.source, slot)


Stretch = tuple[str | int, ...]
"""What a row is about: the columns of the table's primary key, in their order."""


def summed(
    facts: RunFacts,
    events: Sequence[Recorded],
    *,
    before: Callable[[Recorded, str], str],
    moved: Callable[[BreakerMoved, float], None],
) -> dict[Stretch, Sums]:
    """What events of one run add to the table. `before` is asked who had the work before a hand-off
    (given the run's parent), `moved` told of a breaker that moved, and when."""
    sums: dict[Stretch, Sums] = {}
    for recorded in events:
        event = recorded.event
        if facts.fork_of and not called_out(event):
            continue
        if isinstance(event, BreakerMoved):
            moved(event, recorded.at)
            continue
        came_from = before(recorded, facts.parent) if _handed(event) else ""
        for one in counted(event, facts, came_from):
            for width in WIDTHS:
                start = int(recorded.at // width) * width
                place = (
                    facts.team, width, one.kind, start, facts.tenant, one.specialist, one.model,
                    one.key, one.outcome, one.slot,
                )  # fmt: skip
                sums.setdefault(place, Sums()).add(one.adds)
    return sums


def count(db: sqlite3.Connection, facts: RunFacts, events: Sequence[Recorded]) -> None:
    """Add events of one run, which were stored just now, to the table."""
    _add(db, _rows(db, facts, events).items())


def count_all(db: sqlite3.Connection) -> None:
    """Count every event of the store; for one that did not count before."""
    sql = (
        "SELECT r.team, r.tenant, r.seconds, r.parent, r.fork_of, e.run, e.seq, e.at, e.event"
        " FROM events e JOIN runs r ON r.run = e.run ORDER BY e.place"
    )
    sums: dict[Stretch, Sums] = {}
    for team, tenant, seconds, parent, fork_of, run, seq, at, text in db.execute(sql):
        recorded = Recorded(run=run, seq=seq, at=at, event=_EVENT.validate_json(text))
        facts = RunFacts(team, tenant, seconds, parent, fork_of)
        for place, adds in _rows(db, facts, [recorded]).items():
            sums.setdefault(place, Sums()).add(adds)
    _add(db, sums.items())


def _rows(
    db: sqlite3.Connection, facts: RunFacts, events: Sequence[Recorded]
) -> dict[Stretch, Sums]:
    return summed(
        facts, events,
        before=lambda recorded, parent: _before(db, recorded, parent),
        moved=lambda event, at: _move_breaker(db, facts.team, event, at),
    )  # fmt: skip


def _add(db: sqlite3.Connection, rows: Iterable[tuple[Stretch, Sums]]) -> None:
    db.executemany(_ADD, [(*place, *sums.values()) for place, sums in rows])


def _handed(event: Event) -> bool:
    return isinstance(event, Routed) and event.tier in _BY_HANDOFF


def _before(db: sqlite3.Connection, recorded: Recorded, parent: str) -> str:
    """Who had a run's work before it was handed on; for its first route, who had its parent's."""
    sql = (
        "SELECT json_extract(event, '$.to') FROM events WHERE run = ? AND seq < ?"
        " AND json_extract(event, '$.kind') = 'routed' ORDER BY seq DESC LIMIT 1"
    )
    found = db.execute(sql, (recorded.run, recorded.seq)).fetchone()
    if not found and parent:
        found = db.execute(sql, (parent, 1 << 62)).fetchone()
    return found[0] or "" if found else ""


def _move_breaker(db: sqlite3.Connection, team: str, event: BreakerMoved, at: float) -> None:
    db.execute(
        "INSERT INTO breakers VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " state = excluded.state, at = excluded.at WHERE excluded.at >= breakers.at",
        (team, event.of, event.key, event.state, at),
    )
