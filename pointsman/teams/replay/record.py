"""A run's record: messages, routes, verdicts, calls, tools, tickets, effects, errors and times,
step by step, with those of the runs that it gave work to. Made of what is stored anyway."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from pydantic import AwareDatetime, Field

from pointsman.nodes.digest import JsonObject
from pointsman.nodes.event import ModelCalled, Recorded
from pointsman.nodes.gateway.parts import whole
from pointsman.nodes.gateway.transport import ModelReply
from pointsman.nodes.message import Frozen, Message
from pointsman.nodes.tape import Met
from pointsman.teams.replay.recording import Recording, load
from pointsman.teams.result import Result
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import RunRow
from pointsman.teams.tape import StepRow
from pointsman.teams.tickets import Ticket

RECORD_SCHEMA = "pointsman.record@1"


class CallRecord(Frozen):
    """One model call of a step."""

    call: str = ""
    """Its name in the run, as in its `model_called`."""
    purpose: str
    tier: str
    digest: str
    """The request in the journal's key."""
    asked: JsonObject
    """The request: turns, tools, schema, settings. What is not stored any more is None."""
    model: str = ""
    source: str = ""
    """model, cache, flight or journal; empty for a call without an answer."""
    answer: str = ""
    tool_calls: tuple[JsonObject, ...] = ()
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = 0.0
    seconds: float = 0.0
    error: str = ""
    """Class and sentence of the error, where there was no answer."""


class ReadRecord(Frozen):
    """One call of a tool that reads, as the specialist saw it."""

    tool: str
    args: JsonObject
    text: str = ""
    held: bool = False
    """A guard wanted a person to look."""
    error: str = ""


class StepRecord(Frozen):
    """One execution of a step."""

    name: str
    """`--at` of a fork takes it."""
    specialist: str = ""
    at: float
    """Seconds since the run began."""
    seconds: float = 0.0
    sender: str = ""
    message: JsonObject = Field(default_factory=dict)
    """The message that the step was given; empty for the first step."""
    calls: tuple[CallRecord, ...] = ()
    reads: tuple[ReadRecord, ...] = ()
    events: tuple[Recorded, ...] = ()


class EffectRecord(Frozen):
    """A write, as the ledger knows it."""

    ticket: str
    tool: str
    state: str
    result: str
    attempt: int
    intended: float
    """Seconds since the epoch."""


class RunRecord(Frozen):
    """All that is known of a run."""

    schema_version: str = RECORD_SCHEMA
    run: str
    team: str
    thread: str
    tenant: str
    state: str
    task: str = ""
    """Which task of its parent it does; empty for a run that a message began."""
    attempt: int = 1
    release: str = ""
    fork_of: str = ""
    fork_at: str = ""
    simulated: bool = False
    began: AwareDatetime | None = None
    seconds: float = 0.0
    """Time it was worked on, without that in which people thought."""
    request: Message
    result: Result | None = None
    steps: tuple[StepRecord, ...] = ()
    before: tuple[Recorded, ...] = ()
    """Events that belong to no step: the run's beginning; all of them in an older run."""
    tickets: tuple[Ticket, ...] = ()
    effects: tuple[EffectRecord, ...] = ()
    children: tuple["RunRecord", ...] = ()

    def tree(self) -> "Sequence[RunRecord]":
        """This one and all below, parents before their children."""
        return (self, *(one for child in self.children for one in child.tree()))


async def record_of(store: Store, row: RunRow) -> RunRecord:
    """The record of a run and of all below it."""
    return await _record(store, await load(store, row, parts=True))


async def _record(store: Store, held: Recording) -> RunRecord:
    row = held.row
    steps = [await _step(store, held, n) for n in range(len(held.steps))]
    first = held.steps[0].body.first if held.steps else len(held.events)
    began = min([e.at for e in held.events[:1]] + [s.at for s in held.steps[:1]], default=None)
    return RunRecord(
        run=row.run, team=row.team, thread=row.thread, tenant=row.tenant, state=row.state,
        task=row.task, attempt=row.attempt, release=row.release, fork_of=row.fork_of,
        fork_at=row.fork_at, simulated=row.simulated, seconds=row.seconds, request=row.request,
        result=row.result, steps=tuple(steps), before=held.events[:first], tickets=held.tickets,
        began=None if began is None else datetime.fromtimestamp(began, UTC),
        effects=tuple(
            EffectRecord(
                ticket=e.ticket, tool=e.tool, state=e.state, result=e.result, attempt=e.attempt,
                intended=e.intended,
            )
            for e in held.effects
        ),
        children=tuple([await _record(store, child) for child in held.children]),
    )  # fmt: skip


async def _step(store: Store, held: Recording, n: int) -> StepRecord:
    row = held.steps[n]
    last = held.steps[n + 1].body.first if n + 1 < len(held.steps) else len(held.events)
    events = held.events[row.body.first : last]
    begins = held.events[0].at if held.events else held.steps[0].at
    given = row.body.given
    calls = [
        await _call(store, row, met, held.parts, events)
        for met in row.body.met
        if met.kind == "model"
    ]
    return StepRecord(
        name=row.step, specialist=row.body.specialist, at=max(row.at - begins, 0.0),
        seconds=row.body.seconds, sender=str(given.get("sender", "")), message=given,
        calls=tuple(calls), reads=tuple(_read(m) for m in row.body.met if m.kind == "read"),
        events=events,
    )  # fmt: skip


async def _call(
    store: Store, row: StepRow, met: Met, parts: Mapping[str, str], events: Sequence[Recorded]
) -> CallRecord:
    reply = await store.journal_get(row.run, met.step, met.n, met.digest)
    called = [e.event for e in events if isinstance(e.event, ModelCalled)]
    event = next((c for c in called if c.call == met.name), None)
    made = CallRecord(
        call=met.name,
        purpose=str(met.asked.get("purpose", "")), tier=str(met.asked.get("tier", "")),
        digest=met.digest, asked=whole(met.asked, parts), error=_error(met),
    )  # fmt: skip
    return made.model_copy(update={**_answered(reply), **_counted(event)})


def _answered(reply: ModelReply | None) -> Mapping[str, object]:
    if reply is None:
        return {}
    calls = tuple(call.model_dump(mode="json") for call in reply.tool_calls)
    return {"model": reply.model, "answer": reply.text, "tool_calls": calls}


def _counted(event: ModelCalled | None) -> Mapping[str, object]:
    if event is None:
        return {}
    new = event.source == "model"
    return {
        "model": event.model, "source": event.source, "usd": event.usd,
        "input_tokens": event.input_tokens, "output_tokens": event.output_tokens,
        "seconds": event.seconds if new else event.saved_seconds,
    }  # fmt: skip


def _read(met: Met) -> ReadRecord:
    came = cast("JsonObject", json.loads(met.text)) if met.text else {}
    held = came.get("kind") == "escalation"
    text = str(came.get("reason" if held else "text", ""))
    return ReadRecord(tool=met.name, args=met.asked, text=text, held=held, error=_error(met))


def _error(met: Met) -> str:
    if met.outcome == "cut":
        return "cut off before it ended"
    if met.outcome != "error":
        return ""
    return f"{met.error.get('error')}: {met.error.get('text')}"


def as_record(record: RunRecord) -> JsonObject:
    """The record as JSON."""
    return cast("JsonObject", record.model_dump(mode="json"))
