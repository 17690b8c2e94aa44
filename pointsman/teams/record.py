"""A run's record as it happens: events numbered, stored, and passed to whoever streams."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pointsman.guardrails.streamed import Given
from pointsman.nodes import conventions as names
from pointsman.nodes import counting, telemetry
from pointsman.nodes.event import (
    AnswerPiece,
    Cascaded,
    Event,
    Hedged,
    Judged,
    ModelCalled,
    Recorded,
    RunEnded,
    RunStarted,
    TicketDecided,
    TicketOpened,
)
from pointsman.nodes.metrics import MAX_TENANTS, Whose
from pointsman.nodes.run import Spend
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import RunRow
from pointsman.teams.tape import Beginning, LiveTapes, StepTape, Tapes

log = logging.getLogger("pointsman.teams")

MAX_RUNS = 256
"""Runs whose events are kept in memory; older ones are read from the store when they go on."""
MAX_EVENTS = 2_000
"""Events one run may record. Later ones are dropped, but for its end; the log says so once."""


@dataclass
class _Open:
    seen: list[Recorded]
    whose: Whose
    place: str = ""
    """Traceparent of the span that a run in somebody else's graph is under, while it goes on."""
    leave: Callable[[], None] | None = None
    """Ends that span."""
    unsaved: list[Recorded] = field(default_factory=list[Recorded])
    steps: list[StepTape] = field(default_factory=list[StepTape])
    """Those that are not stored yet."""
    parts: set[str] = field(default_factory=set[str])
    full: bool = False
    listeners: list[asyncio.Queue[Recorded]] = field(default_factory=list[asyncio.Queue[Recorded]])
    readers: list[asyncio.Queue[Recorded]] = field(default_factory=list[asyncio.Queue[Recorded]])
    """The listeners that want an answer's pieces too."""


class Recorder:
    """Keeps the events of the runs under way; one per set of services."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float] = time.time,
        tenants: int = MAX_TENANTS,
    ) -> None:
        """`tenants`: how many the metrics of this process tell apart."""
        self._store = store
        self._clock = clock
        self._tenants = tenants
        self._open: dict[str, _Open] = {}
        self.tapes: Tapes = LiveTapes()

    async def begin(self, run: str, row: RunRow | None = None) -> None:
        """Load what the run has recorded so far. Again: no change. `row`: the run's, where it is at
        hand."""
        if run not in self._open:
            row = row or await self._store.find_run(run)
            seen = list(await self._store.events(run))
            self._open.setdefault(run, _Open(seen, self.whose(row)))
            self._forget()
        elif row is not None:  # it may have got its release since
            self._open[run].whose = self.whose(row)

    def whose(self, row: RunRow | None) -> Whose:
        """Whose a run is, for metrics."""
        if row is None:
            return Whose("", "", tenants=self._tenants)
        fork = bool(row.fork_of)
        return Whose(row.team, row.tenant, row.release, self._tenants, fork)

    def paused(self, run: str) -> str:
        """Traceparent of the span in which a run that has begun ended or began to wait last."""
        for recorded in reversed(self._open[run].seen):
            if isinstance(recorded.event, RunEnded):
                return recorded.event.traceparent
        return ""

    def place(self, run: str) -> str:
        """Traceparent of the span that a run in somebody else's graph is under."""
        return self._open[run].place

    def put_under(self, run: str, place: str, leave: Callable[[], None]) -> None:
        """Note that span, and what ends it, until the run ends or waits."""
        entry = self._open[run]
        entry.place, entry.leave = place, leave

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
        at, event = self._clock(), _placed(event)
        counting.count(event, entry.whose)
        _trace(event, run)
        if len(entry.seen) >= MAX_EVENTS and not isinstance(event, RunEnded):
            if not entry.full:
                log.warning("run %s has %s events; no more are recorded", run, MAX_EVENTS)
                entry.full = True
            return
        recorded = Recorded(run=run, seq=len(entry.seen), at=at, event=event)
        entry.seen.append(recorded)
        entry.unsaved.append(recorded)
        for queue in entry.listeners:
            queue.put_nowait(recorded)

    async def flush(self, run: str, seconds: float) -> None:
        """Store what is new, and `seconds` more of work on the run."""
        entry = self._open.get(run)
        unsaved: list[Recorded] = []
        if entry is not None:
            unsaved, entry.unsaved = entry.unsaved, []
        steps: list[StepTape] = []
        if entry is not None:
            steps, entry.steps = entry.steps, []
            if steps:
                steps[-1].seconds = seconds
        try:
            await self._store.record(run, unsaved, seconds=seconds, steps=steps)
        except BaseException:
            if entry is not None:
                entry.unsaved = [*unsaved, *entry.unsaved]
                entry.steps = [*steps, *entry.steps]
            raise
        self._drop_if_ended(run)

    def step(self, row: RunRow, beginning: Beginning) -> StepTape:
        """The tape of a step of a run that has begun; stored with the step's events."""
        entry = self._open[row.run]
        tape = self.tapes.of(
            row, beginning, at=self._clock(), first=len(entry.seen), known=entry.parts
        )
        entry.steps.append(tape)
        return tape

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
        if entry is None or entry.unsaved or entry.steps or entry.listeners or not entry.seen:
            return
        if isinstance(entry.seen[-1].event, RunEnded):
            self._drop(run)

    def _forget(self) -> None:
        """Drop the runs longest in memory that are stored in full and that nobody streams."""
        idle = [r for r, e in self._open.items() if not e.unsaved and not e.listeners]
        for run in idle[: max(0, len(self._open) - MAX_RUNS)]:
            self._drop(run)

    def _drop(self, run: str) -> None:
        entry = self._open.pop(run)
        if entry.leave is not None:
            entry.leave()


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


def _placed(event: Event) -> Event:
    """The event with where in which trace it happened."""
    if isinstance(event, RunStarted | RunEnded) and (here := telemetry.traceparent()):
        return event.model_copy(update={"traceparent": here})
    return event


def _trace(event: Event, run: str) -> None:
    """Verdicts, tickets and decisions happen at one moment: their spans have no length."""
    match event:
        case Judged():
            attributes: telemetry.Attributes = {
                names.GUARD: event.guard, names.GUARD_RULE: event.rule,
                names.GUARD_STAGE: event.stage, names.VERDICT: event.verdict,
                names.GUARD_COUNT: event.count, names.GUARD_SHADOW: event.shadow,
                names.AGENT: event.specialist, names.RUN: run,
            }  # fmt: skip
            telemetry.moment(names.GUARD_SPAN, event.guard, attributes)
        case TicketOpened():
            attributes = {
                names.TICKET: event.ticket, names.TOOL: event.tool,
                names.AGENT: event.specialist, names.RUN: run,
            }  # fmt: skip
            telemetry.moment(names.TICKET_SPAN, event.tool, attributes)
        case TicketDecided():
            attributes = {
                names.TICKET: event.ticket, names.DECISION: event.decision, names.RUN: run,
            }  # fmt: skip
            telemetry.moment(names.DECIDED_SPAN, "", attributes)
        case _:
            pass
