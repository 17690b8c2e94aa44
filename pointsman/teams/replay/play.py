"""Playing a run again: each step meets what it met then, and nothing outside is asked."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Literal, NoReturn

from pointsman.errors import Diverged
from pointsman.nodes.tape import Ended, Met
from pointsman.teams.replay.recording import Recording
from pointsman.teams.store.rows import EffectRow, RunRow
from pointsman.teams.tape import SIMULATED, Beginning, StepRow, StepTape
from pointsman.teams.tickets import Ticket

_visits: ContextVar[tuple[asyncio.Timeout, ...]] = ContextVar("pointsman_visits", default=())


@dataclass
class Play:
    """What is played: recorded runs, each under the id of the run that plays it."""

    runs: dict[str, Recording]
    begun: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    tries: Counter[str] = field(default_factory=Counter[str])
    now: float = 0.0
    fork: str = ""
    """The run that goes its own way; empty: a replay, which goes none."""
    at: str = ""
    """The step from which on it does."""
    answers: Literal["recorded", "live"] = "recorded"
    simulated: bool = False
    """Whether what it writes only seems to happen."""
    live: bool = False
    """Whether that step has begun."""
    strayed: bool = False
    """Whether anything was asked for since that was not asked for then."""
    tickets: dict[str, Ticket] = field(default_factory=dict[str, Ticket])
    """By ticket that is played: the recorded one."""

    def ticket(self, ticket: Ticket) -> Ticket | None:
        """The recorded ticket that a ticket plays: of its id; in a fork, of the same action."""
        known = self.tickets.get(ticket.id)
        recording = self.runs.get(ticket.run)
        if known is not None or recording is None:
            return known
        found = recording.ticket(ticket.id)
        taken = {one.id for one in self.tickets.values()}
        if found is None and ticket.run != recording.row.run:
            found = next(
                (
                    one
                    for one in recording.tickets
                    if one.id not in taken and _action(one) == _action(ticket)
                ),
                None,
            )
        if found is not None:
            self.tickets[ticket.id] = found
        return found

    def clock(self) -> float:
        """The time of the step that began last, as recorded."""
        return self.now

    def adopted(self, row: RunRow) -> Recording | None:
        """The recorded run that a new child run plays: the same task of the same parent."""
        if row.run in self.runs:
            return self.runs[row.run]
        above = self.runs.get(row.parent)
        if above is None:
            return None
        taken = {played.row.run for played in self.runs.values()}
        for child in above.children:
            same = child.row.task == row.task and child.row.team == row.team
            if same and child.row.run not in taken:
                self.runs[row.run] = child
                return child
        return None

    def of(
        self, row: RunRow, beginning: Beginning, *, at: float, first: int, known: set[str]
    ) -> StepTape:
        """The tape of a step that begins. Implements `Tapes`."""
        recording = self.runs.get(row.run)
        name = beginning.step
        self.live = self.live or (row.run == self.fork and name == self.at)
        nth = self.begun[row.run, name]
        self.begun[row.run, name] += 1
        rows = recording.groups.get(name, ()) if recording else ()
        then = rows[min(nth, len(rows) - 1)] if rows else None
        tape = PlayTape(
            beginning, at, first, known, simulated=row.simulated, then=then, play=self,
            recording=recording,
        )  # fmt: skip
        if self.live:
            return tape
        tape.plays = True
        if self.fork and recording is not None:
            tape.release = recording.row.release
        if then is not None:
            tape.beginning = replace(beginning, facts=then.body.facts)
            if not self.fork:
                self.now = tape.at = then.at
                tape.clock = _still(then.at)
        return tape


def _still(at: float) -> Callable[[], float]:
    return lambda: at


@dataclass
class PlayTape(StepTape):
    """Plays what a recorded step met."""

    play: Play = field(kw_only=True)
    then: StepRow | None = None
    recording: Recording | None = None
    used: set[int] = field(default_factory=set[int])

    def played(self, met: Met) -> Met | None:
        """What came then of the same; else of what was asked in its place. Raises Diverged."""
        held = self.then.body.met if self.then else ()
        if not self.plays:
            return self._while_equal(met, held)
        found = self._same(met, held)
        if found is None and met.kind in ("bound", "memory"):
            return None  # no guard said no; what was recalled stands in the log
        if found is None:
            found = self._in_its_place(met, held)
        if found is None:
            raise Diverged(
                f"Step {met.step} of the recorded run made no such call ({met.kind}"
                f" {_called(met)})."
            )
        return found

    def _same(self, met: Met, held: tuple[Met, ...]) -> Met | None:
        free = [
            (n, one) for n, one in enumerate(held)
            if (one.kind, one.step, one.digest) == (met.kind, met.step, met.digest)
        ]  # fmt: skip
        for n, one in free:
            if one.n == met.n:
                self.used.add(n)
                return one
        return None

    def _while_equal(self, met: Met, held: tuple[Met, ...]) -> Met | None:
        """In a fork: what came then, for as long as the same is asked for."""
        play = self.play
        if play.strayed or play.answers == "live" or met.kind not in ("model", "read"):
            return None
        found = self._same(met, held)
        if found is None or found.outcome == "cut":
            play.strayed = True
            return None
        return found

    def _in_its_place(self, met: Met, held: tuple[Met, ...]) -> Met | None:
        for n, one in enumerate(held):
            if n not in self.used and one.kind == met.kind and _called(one) == _called(met):
                self.used.add(n)
                return one
        return None

    def wrote(self, key: str, ticket: str) -> tuple[Ended, str] | None:
        """What came then of a write, by the ledger."""
        if not self.plays and not self.simulated:
            return None
        came = self._wrote_then(key, ticket)
        if self.plays or (came[0] == "done" and not self.play.strayed):
            return came
        return "done", SIMULATED

    def _wrote_then(self, key: str, ticket: str) -> tuple[Ended, str]:
        self.play.tries[key] += 1
        if self.recording is None:
            return "failed", "The recorded run did nothing like it."
        then = self.play.tickets.get(ticket) or self.recording.ticket(ticket)
        name = then.id if then else ticket
        asked = any(
            one.about == name and one.kind == "ambiguous" and one.attempt == self.play.tries[key]
            for one in self.recording.tickets
        )
        if asked:
            return "ambiguous", "It was not known then whether it happened."
        effects = self.recording.effects
        effect = next((one for one in effects if one.key == key), None)
        effect = effect or next((one for one in effects if one.ticket == name), None)
        return came_of(effect, then)

    def timeout(self, seconds: float) -> asyncio.Timeout:
        """See `Tape.timeout`; remembered, since it may have to end at once."""
        made = asyncio.timeout(seconds)
        _visits.set((*_visits.get(), made))
        return made

    async def cut(self) -> NoReturn:
        """End the visit under way, as it ended then."""
        for visit in reversed(_visits.get()):
            with suppress(RuntimeError):  # one that is over
                visit.reschedule(asyncio.get_running_loop().time())
                await asyncio.Event().wait()
        raise Diverged("It was cut off then, from outside of its run.")


def came_of(effect: EffectRow | None, ticket: Ticket | None) -> tuple[Ended, str]:
    """How a write ended, by the ledger's row and its ticket."""
    told = ticket.outcome if ticket else ""
    match effect:
        case EffectRow(state="done", result=text):
            return "done", text
        case EffectRow(state="undone"):
            return "done", told
        case EffectRow(state="failed", result=text):
            return "failed", text
        case EffectRow():
            return "ambiguous", "It was not known then whether it happened."
        case None if ticket is not None and ticket.status == "executed":
            return "done", told
        case None if ticket is not None and ticket.status == "failed":
            return "failed", told
        case _:
            return "failed", "The recorded run did nothing like it."


def _action(ticket: Ticket) -> tuple[str, ...]:
    return (ticket.kind, ticket.specialist, ticket.tool, ticket.digest, ticket.call_id)


def _called(met: Met) -> str:
    """What a thing that was met is called, whatever it was asked."""
    return str(met.asked.get("purpose", "")) if met.kind == "model" else met.name
