"""A call of the effect ledger through its tool's door.

The ledger's work stands where the tool stands for a read: a guard that says no says it before
anything is intended, and a breaker sees how it went.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import cast

from pointsman.errors import (
    PointsmanError,
    RunBusy,
    StoreError,
    ToolFailed,
    ToolTimeout,
    is_control_flow,
)
from pointsman.guardrails.door import Door
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.event import Event
from pointsman.nodes.message import (
    Escalation,
    Invocation,
    Message,
    Outcome,
    Refusal,
    Returned,
    ToolCall,
)
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.nodes.tape import Met
from pointsman.nodes.tool import AnyTool
from pointsman.nodes.toolnode import invocation, returned
from pointsman.teams.tickets import Ticket

log = logging.getLogger("pointsman.effects")

Came = Outcome | Ticket
Wrap = Callable[[Node], Node]
Perform = Callable[[JsonObject], Awaitable[Came]]
"""Does the work with the arguments as the tool may see them. Safe to call again: the ledger knows
what was begun."""


@dataclass(frozen=True)
class Stopped:
    """A guard of the tool stopped a call, and nothing was begun; or it holds a read's result."""

    text: str
    held: str = ""
    """`guard:rule`, where the guard wants a person to look."""


@dataclass
class _Work:
    """The ledger's work as a node, and what came of it."""

    tool: AnyTool
    perform: Perform
    begun: list[JsonObject] = field(default_factory=list[JsonObject])
    came: Came | None = None

    async def __call__(self, message: Message, run: Run) -> Message:
        call = cast("Invocation", message.payload).call
        self.begun.append(call.args)
        self.came = came = await self.perform(call.args)
        # Guards see a failure as what it is for a read too. What came of it is kept here.
        if isinstance(came, Ticket) or came.status == "ambiguous":
            raise ToolTimeout(f"It is not known whether {self.tool.name!r} happened.")
        if came.status == "failed":
            raise ToolFailed(came.text)
        return message.reply(returned(self.tool, call, came.text), sender=self.tool.name)


async def at_door(
    door: Door, behind: Wrap, ticket: Ticket, run: Run, perform: Perform
) -> Came | Stopped:
    """`through`, on the step's tape: that a guard stopped the call is kept, and a replay asks no
    guard that looks at what others did meanwhile."""
    key = digest("door", door.tool.name, ticket.shows)
    met = Met(kind="bound", step=run.step, name=door.tool.name, digest=key, n=run.occurrences[key])
    run.occurrences[key] += 1
    then = run.tape.played(met)
    if then is not None and then.outcome == "held":
        came = await through(door.filtered, ticket, door.tool, run, perform)
        run.tape.keep(then)
        return came.model_copy(update={"text": then.text}) if isinstance(came, Outcome) else came
    if then is not None:
        run.tape.keep(then)
        for event in then.events:
            run.emit(event)
        text, held = then.text.split("\n", 1)[::-1]
        return Stopped(text, held)
    if run.tape.plays:
        return await through(door.filtered, ticket, door.tool, run, perform)
    told: list[Event] = []

    def both(event: Event) -> None:
        told.append(event)
        run.emit(event)

    plain: list[str] = []

    async def performed(args: JsonObject) -> Came:
        came = await perform(args)
        plain[:] = [] if isinstance(came, Ticket) else [came.text]
        return came

    came = await through(behind, ticket, door.tool, replace(run, emit=both), performed)
    if isinstance(came, Outcome) and [came.text] != plain:  # a guard changed what it gave back
        run.tape.keep(met.model_copy(update={"outcome": "held", "text": came.text}))
    if isinstance(came, Stopped):
        text = f"{came.held}\n{came.text}"
        run.tape.keep(met.model_copy(update={"text": text, "events": tuple(told)}))
    return came


async def through(
    behind: Callable[[Node], Node], ticket: Ticket, tool: AnyTool, run: Run, perform: Perform
) -> Came | Stopped:
    """Do the ticket's work `behind` a door; or what a guard said that stopped it.

    What has been begun is told as it came out, whatever a guard says to it after; only its text may
    be changed or withheld. Raises what the work raises, and LangGraph's control flow.
    """
    call = ToolCall(id=ticket.call_id or ticket.id, name=tool.name, args=ticket.runs)
    work = _Work(tool, perform)
    try:
        reply = await behind(work)(invocation(tool, call, run), run)
    except PointsmanError as error:
        if work.came is not None:
            return work.came
        if isinstance(error, StoreError | RunBusy):
            raise
        if work.begun:
            # A guard's time-out broke in, and the ledger saw the write through: what came of it?
            return await perform(work.begun[0])
        return Stopped(str(error))
    except Exception as error:
        if is_control_flow(error):
            raise
        if work.came is None:
            raise
        # Not the error's text: it may hold what was being checked.
        log.error("a guard of tool %r broke after the call: %s", tool.name, type(error).__name__)
        return work.came
    return _told(reply, work)


def _told(reply: Message, work: _Work) -> Came | Stopped:
    came, payload = work.came, reply.payload
    if came is None:
        match payload:
            case Escalation(guard=guard, rule=rule, reason=reason):
                return Stopped(reason, f"{guard}:{rule}")
            case Refusal(text=text):
                return Stopped(text)
            case _:
                return Stopped(f"A guard of {work.tool.name!r} answered in its place.")
    if isinstance(came, Ticket) or came.status != "done":
        return came
    if isinstance(payload, Escalation) and work.tool.effect == "read":
        # A read may be made again, once a person has said yes.
        return Stopped(payload.reason, f"{payload.guard}:{payload.rule}")
    match payload:
        case Returned(text=text):
            return came if text == came.text else came.model_copy(update={"text": text})
        case Escalation(reason=text) | Refusal(text=text):
            said = f"It was done. What it gave back is withheld: {text}"
            return came.model_copy(update={"text": said})
        case _:
            return came.model_copy(update={"text": "It was done. What it gave back is withheld."})
