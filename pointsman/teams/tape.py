"""The tape of each step of a run: where it began, what it was given, and what it met outside."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NoReturn, Protocol

from pydantic import Field

from pointsman.errors import Diverged
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import Frozen
from pointsman.nodes.tape import Ended, Met
from pointsman.teams.store.rows import RunRow

SIMULATED = "Simulated: nothing was done. Take it as done."
"""What a write gives in a run whose writes only seem to happen."""
STEP_SCHEMA = "pointsman.step@1"


class Facts(Frozen):
    """What of the world a step looks at when it begins."""

    previous: str = ""
    """Who answered last in the thread."""
    cancelled: str = ""
    """Who wants the run cancelled; empty: nobody."""
    left: float | None = None
    """Seconds to the deadline; None: there is none."""
    durable: bool = True
    """Whether the run can wait for a person."""
    stopped: str = ""
    """Who wanted it cancelled while the step ran, before it would have waited."""


class StepBody(Frozen):
    """One execution of a step, as stored. One that a crash cut short stands there too, and is
    followed by another one with the same name that was given the same."""

    schema_version: Literal["pointsman.step@1"] = STEP_SCHEMA
    specialist: str = ""
    given: JsonObject = Field(default_factory=dict)
    """The message that the step was given."""
    open: tuple[str, ...] = ()
    """The tickets of the run that it had not acted on."""
    facts: Facts = Facts()
    met: tuple[Met, ...] = ()
    """In the order in which it ended."""
    first: int = 0
    """The place of its first event in the run's record."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step of a run as stored, at its place among all of them."""

    run: str
    n: int
    step: str
    at: float
    """Seconds since the epoch."""
    body: StepBody


@dataclass(frozen=True, slots=True)
class Beginning:
    """A step that begins."""

    step: str
    specialist: str = ""
    given: JsonObject = field(default_factory=dict)
    open: tuple[str, ...] = ()
    facts: Facts = field(default_factory=Facts)


@dataclass
class StepTape:
    """Keeps what one step meets. Implements `nodes.tape.Tape`."""

    beginning: Beginning
    at: float
    first: int
    known: set[str]
    """Digests of the parts of this run that are stored, or about to be."""
    met: list[Met] = field(default_factory=list[Met])
    parts: dict[str, str] = field(default_factory=dict[str, str])
    keeps: bool = True
    plays: bool = False
    clock: Callable[[], float] | None = None
    """The step's own clock; None: the session's."""
    simulated: bool = False
    """Whether the run's writes only seem to happen."""
    release: str | None = None
    """The release that the step runs on; None: its run's."""
    seconds: float = 0.0

    @property
    def facts(self) -> Facts:
        """What the step is to take for the state of the world."""
        return self.beginning.facts

    def keep(self, met: Met, parts: Mapping[str, str] | None = None) -> None:
        """See `Tape.keep`."""
        self.met.append(met)
        for name, body in (parts or {}).items():
            if name not in self.known:
                self.known.add(name)
                self.parts[name] = body

    def played(self, met: Met) -> Met | None:
        """See `Tape.played`."""
        return None

    def wrote(self, key: str, ticket: str) -> tuple[Ended, str] | None:
        """See `Tape.wrote`."""
        return ("done", SIMULATED) if self.simulated else None

    def cancelled(self, by: str) -> str:
        """See `Tape.cancelled`."""
        if self.plays:
            return self.facts.stopped
        if by:
            self._learn(stopped=by)
        return by

    def late(self) -> None:
        """Note that the run's time was over when the step began."""
        self._learn(left=0.0)

    def _learn(self, **facts: float | str) -> None:
        learnt = self.facts.model_copy(update=dict(facts))
        self.beginning = replace(self.beginning, facts=learnt)

    def timeout(self, seconds: float) -> asyncio.Timeout:
        """See `Tape.timeout`."""
        return asyncio.timeout(seconds)

    async def cut(self) -> NoReturn:
        """See `Tape.cut`."""
        raise Diverged("Nothing is played here.")

    def row(self, run: str) -> StepRow:
        """It as a row; the store gives it its number."""
        began = self.beginning
        body = StepBody.model_construct(
            specialist=began.specialist, given=began.given, open=began.open, facts=began.facts,
            met=tuple(self.met), first=self.first, seconds=self.seconds,
        )  # fmt: skip
        return StepRow(run, 0, began.step, self.at, body)


class Tapes(Protocol):
    """Makes the tapes of a session's steps."""

    def of(
        self, row: RunRow, beginning: Beginning, *, at: float, first: int, known: set[str]
    ) -> StepTape:
        """The tape of a step that begins."""
        ...


class LiveTapes:
    """Tapes that keep and never play."""

    def of(
        self, row: RunRow, beginning: Beginning, *, at: float, first: int, known: set[str]
    ) -> StepTape:
        """See `Tapes.of`."""
        return StepTape(beginning, at, first, known, simulated=row.simulated)


def without_met(row: StepRow) -> StepRow:
    """The row without what it met: enough to list steps."""
    return replace(row, body=row.body.model_copy(update={"met": ()}))


def in_attempt(step: str, row: RunRow) -> str:
    """The step's name in the record. A later attempt asks its models anew: it finds nothing in the
    journal of the first."""
    return step if row.attempt == 1 else f"{row.attempt}~{step}"
