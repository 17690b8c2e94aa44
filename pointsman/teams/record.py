"""A run's record as it happens: events numbered, stored, and passed to whoever streams."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pointsman.guardrails.streamed import Given
from pointsman.nodes import telemetry
from pointsman.nodes.event import (
    AnswerPiece,
    Cascaded,
    Event,
    Hedged,
    Judged,
    ModelCalled,
    Recorded,
    RunEnded,
    TicketOpened,
)
from pointsman.nodes.run import Spend
from pointsman.teams.store.protocol import Store

log = logging.getLogger("pointsman.teams")

MAX_RUNS = 256
"""Runs whose events are kept in memory; older ones are read from the store when they go on."""
MAX_EVENTS = 2_000
"""Events one run may record. Later ones are dropped, but for its end; the log says so once."""


@dataclass
class _Open:
    seen: list[Recorded]
    unsaved: list[Recorded] = field(default_factory=list[Recorded])
    full: bool = False
    listeners: list[asyncio.Queue[Recorded]] = field(default_factory=list[asyncio.Queue[Recorded]])
    readers: list[asyncio.Queue[Recorded]] = field(default_factory=list[asyncio.Queue[Recorded]])
    """The listeners that want an answer's pieces too."""


class Recorder:
    """Keeps the events of the runs under way; one per set of services."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._open: dict[str, _Open] = {}

    async def begin(self, run: str) -> None:
        """Load what the run has recorded so far. Again: no change."""
        if run not in self._open:
            seen = list(await self._store.events(run))
            self._open.setdefault(run, _Open(seen))
            self._forget()

    async def renew(self, run: str) -> None:
        """`begin` for a run that other processes record too: what they stored is read anew."""
        entry = self._open.get(run)
        if entry is not None and not entry.unsaved:
            entry.seen[:] = await self._store.events(run)
        await self.begin(run)

    def forget(self, run: str) -> None:
        """Drop what is not stored yet of a run that another process goes on with."""
        entry = self._open.get(run)
        if entry is not None:
            del entry.seen[len(entry.seen) - len(entry.unsaved) :]
            entry.unsaved.clear()
            if not entry.listeners:
                del self._open[run]

    def listen(self, run: str, *, pieces: bool = False) -> asyncio.Queue[Recorded]:
        """A queue that gets every further event of a run that has begun. Bounded by MAX_EVENTS, and
        with `pieces` by the length of the answer."""
        queue: asyncio.Queue[Recorded] = asyncio.Queue()
        self._open[run].listeners.append(queue)
        if pieces:
            self._open[run].readers.append(queue)
        return queue

    def reader(self, run: str, specialist: str) -> Given | None:
        """What passes a specialist's answer on while it is written; None where nobody reads."""
        entry = self._open.get(run)
        return Given(_Pieces(self, run, specialist)) if entry and entry.readers else None

    def show(self, run: str, piece: AnswerPiece) -> None:
        """Pass a piece on to those that read. It is not recorded, and counts for nothing."""
        entry = self._open.get(run)
        if entry is not None:
            shown = Recorded(run=run, seq=len(entry.seen), at=self._clock(), event=piece)
            for queue in entry.readers:
                queue.put_nowait(shown)

    def emit(self, run: str, event: Event) -> None:
        """Record an event. Never blocks, never raises."""
        entry = self._open.get(run)
        if entry is None:
            return
        if len(entry.seen) >= MAX_EVENTS and not isinstance(event, RunEnded):
            if not entry.full:
                log.warning("run %s has %s events; no more are recorded", run, MAX_EVENTS)
                entry.full = True
            return
        recorded = Recorded(run=run, seq=len(entry.seen), at=self._clock(), event=event)
        entry.seen.append(recorded)
        entry.unsaved.append(recorded)
        for queue in entry.listeners:
            queue.put_nowait(recorded)
        _trace(event)

    async def flush(self, run: str, seconds: float) -> None:
        """Store what is new, and `seconds` more of work on the run."""
        entry = self._open.get(run)
        unsaved: list[Recorded] = []
        if entry is not None:
            unsaved, entry.unsaved = entry.unsaved, []
        try:
            await self._store.record(run, unsaved, seconds=seconds)
        except BaseException:
            if entry is not None:
                entry.unsaved = [*unsaved, *entry.unsaved]
            raise
        self._drop_if_ended(run)

    def events(self, run: str) -> tuple[Recorded, ...]:
        """Every event of a run that has begun."""
        return tuple(self._open[run].seen)

    def recorded(self, run: str, call: str) -> bool:
        """Whether the record of a run that has begun holds the model call of that name, other than
        as a replay. A record of an older version names none: then it holds them all."""
        return any(_holds(recorded.event, call) for recorded in self._open[run].seen)

    def unlisten(self, run: str, queue: asyncio.Queue[Recorded]) -> None:
        """Stop filling a queue that `listen` gave."""
        entry = self._open.get(run)
        if entry is not None and queue in entry.listeners:
            entry.listeners.remove(queue)
            entry.readers = [one for one in entry.readers if one is not queue]
            self._drop_if_ended(run)

    def _drop_if_ended(self, run: str) -> None:
        """Forget a run that ended or waits: another process may take it on and record more, so it
        is read again when it goes on here."""
        entry = self._open.get(run)
        if entry is None or entry.unsaved or entry.listeners or not entry.seen:
            return
        if isinstance(entry.seen[-1].event, RunEnded):
            del self._open[run]

    def _forget(self) -> None:
        """Drop the runs longest in memory that are stored in full and that nobody streams."""
        idle = [r for r, e in self._open.items() if not e.unsaved and not e.listeners]
        for run in idle[: max(0, len(self._open) - MAX_RUNS)]:
            del self._open[run]


@dataclass(frozen=True)
class _Pieces:
    """A reader that shows pieces to a run's listeners."""

    recorder: Recorder
    run: str
    specialist: str

    def text(self, piece: str) -> None:
        self.recorder.show(self.run, AnswerPiece(specialist=self.specialist, text=piece))

    def restart(self) -> None:
        self.recorder.show(self.run, AnswerPiece(specialist=self.specialist, restart=True))


def spend(events: Sequence[Recorded]) -> Spend:
    """What the model calls among the events have cost so far."""
    total = Spend()
    for recorded in events:
        event = recorded.event
        match event:
            case ModelCalled(source="model"):
                total.calls += 1
                total.unpriced += event.usd is None
                total.usd += event.usd or 0.0
            case Hedged(lost=lost) if lost:
                total.unpriced += 1
                total.lost_usd += event.lost_usd or 0.0
            case _:
                pass
    return total


def _holds(event: Event, call: str) -> bool:
    match event:
        case ModelCalled():
            return event.source != "journal" and event.call in (call, "")
        case Cascaded():
            return event.call in (call, "")
        case _:
            return False


def _trace(event: Event) -> None:
    """Verdicts and tickets happen at one moment: their spans have no length."""
    match event:
        case Judged():
            attributes = {
                telemetry.GUARD: event.guard,
                telemetry.GUARD_RULE: event.rule,
                telemetry.VERDICT: event.verdict,
            }
            with telemetry.span(f"guard {event.guard}", attributes):
                pass
        case TicketOpened():
            attributes = {telemetry.TICKET: event.ticket, telemetry.TOOL: event.tool}
            with telemetry.span(f"ticket {event.tool}", attributes):
                pass
        case _:
            pass
