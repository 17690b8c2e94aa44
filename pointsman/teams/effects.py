"""Effects: the one place where a write happens. Intended on disk before, done or failed after."""

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import Literal

from pointsman.errors import (
    BadOutput,
    InvalidDecision,
    NotFound,
    TicketClosed,
    ToolFailed,
    ToolTimeout,
)
from pointsman.nodes import telemetry
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.event import TicketDecided, ToolCalled
from pointsman.nodes.message import Outcome
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import AnyTool
from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.protocol import Store
from pointsman.teams.tickets import Decision, Edit, Ticket, TicketStatus, action_digest

log = logging.getLogger("pointsman.effects")

_Ended = Literal["done", "failed", "ambiguous"]
_Status = Literal["done", "failed", "rejected", "answered", "refused", "ambiguous"]


async def claim(spec: TeamSpec, store: Store, ticket: str, decision: Decision) -> Ticket:
    """Record a decision: the one way for every view and for raw resumes.

    Raises NotFound (unknown ticket, or another team's), TicketClosed (decided before; says by whom)
    and InvalidDecision (an edit that does not fit the tool). Then nothing was changed.
    """
    there = await store.find_ticket(ticket)
    if there is None or there.team != spec.name:
        whose = f" It belongs to team {there.team!r}." if there else ""
        raise NotFound(
            f"Team {spec.name!r} has no ticket {ticket!r}.{whose}",
            hint="`pointsman approvals` lists what waits.",
        )
    args = _edited(spec, there, decision) if isinstance(decision, Edit) else None
    return await store.claim(ticket, decision, datetime.now(UTC), args)


def _edited(spec: TeamSpec, ticket: Ticket, edit: Edit) -> JsonObject:
    args = {**ticket.args, **edit.args}
    unknown = sorted(edit.args.keys() - ticket.args.keys())
    if ticket.kind != "action":
        text = args.get("text")
        if ticket.kind == "admit" or unknown or not isinstance(text, str) or not text.strip():
            raise InvalidDecision(
                f"Ticket {ticket.id} holds a text; an edit of it is not possible this way.",
                hint="Edit only `text` of an answer that waits for release; or approve, or reject.",
            )
        return args
    tool = spec.tool(ticket.specialist, ticket.tool)
    if tool is None:
        raise InvalidDecision(
            f"Ticket {ticket.id} cannot be edited: specialist {ticket.specialist!r} has no tool"
            f" {ticket.tool!r} any more.",
            hint="Reject it.",
        )
    if unknown:
        raise InvalidDecision(
            f"Tool {tool.name!r} has no argument {', '.join(map(repr, unknown))}.",
            hint=f"It takes: {', '.join(ticket.args)}.",
        )
    try:
        return tool.frozen(args)
    except BadOutput as error:
        raise InvalidDecision(
            str(error), hint="Nothing was changed; the ticket still waits."
        ) from error


async def settle(ticket: Ticket, spec: TeamSpec, store: Store, run: Run) -> Outcome:
    """Act on a decided ticket, once, and say what came of it. Never raises for a tool's failure."""
    if ticket.by:
        run.emit(TicketDecided(ticket=ticket.id, decision=ticket.decision, by=ticket.by))
    match ticket.status:
        case "rejected":
            reason = f"{ticket.by} said no. {ticket.decision_reason}".strip()
            return _outcome(ticket, "rejected", reason)
        case "answered":
            return _outcome(ticket, "answered", ticket.response)
        case "approved" if ticket.kind != "action":
            return _outcome(ticket, "done", str(ticket.runs["text"]))
        case "approved":
            return await _perform(ticket, spec, store, run)
        case "executed":
            return _outcome(ticket, "done", ticket.outcome)
        case "failed":
            return _outcome(ticket, "failed", ticket.outcome)
        case "ambiguous":
            return _outcome(ticket, "ambiguous", ticket.outcome)
        case _:
            return _outcome(ticket, "refused", f"the ticket is {ticket.status}")


async def _perform(ticket: Ticket, spec: TeamSpec, store: Store, run: Run) -> Outcome:
    tool = spec.tool(ticket.specialist, ticket.tool)
    try:
        if tool is None:
            raise TicketClosed(f"{ticket.specialist!r} has no tool {ticket.tool!r} any more")
        args = tool.frozen(ticket.runs)
        if action_digest(tool.name, args) != ticket.approved_digest:
            raise TicketClosed("the arguments are not those that were approved")
    except (BadOutput, TicketClosed) as error:
        text = f"Not done: {error}."
        await store.settle_ticket(ticket.id, "superseded", frm=("approved",), outcome=text)
        return _outcome(ticket, "refused", text)
    status, text = await _once(ticket, tool, args, store, run)
    ended: TicketStatus = "executed" if status == "done" else status
    await store.settle_ticket(ticket.id, ended, frm=("approved",), outcome=text)
    return _outcome(ticket, status, text)


async def _once(
    ticket: Ticket, tool: AnyTool, args: JsonObject, store: Store, run: Run
) -> tuple[_Ended, str]:
    """Through the ledger: recorded result, or ambiguous, or the tool called now."""
    key = digest("effect", ticket.run, ticket.id)
    before = await store.intend(key, ticket.id, ticket.run, tool.name)
    if before is not None:
        if before.state == "intended":
            return "ambiguous", _UNKNOWN.format(tool=tool.name)
        return before.state, before.result
    # A write that has begun is seen through even when the run is cancelled meanwhile: stopping it
    # in the middle would leave nobody knowing whether it happened. Bounded by the tool's time-out.
    call = asyncio.create_task(_call(key, tool, args, store, run, ticket))
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        await call
        raise


async def _call(
    key: str, tool: AnyTool, args: JsonObject, store: Store, run: Run, ticket: Ticket
) -> tuple[_Ended, str]:
    began = time.perf_counter()
    ended: _Ended = "done"
    text = ""
    attributes = {
        telemetry.OPERATION: "execute_tool",
        telemetry.TOOL: tool.name,
        telemetry.TICKET: ticket.id,
    }
    with telemetry.span(f"execute_tool {tool.name}", attributes) as span:
        try:
            text = await tool.invoke(args)
        except ToolTimeout as error:
            log.warning("ticket %s: %s", ticket.id, error)
            ended, text = "ambiguous", _UNKNOWN.format(tool=tool.name)
        except ToolFailed as error:
            ended, text = "failed", str(error)
        if ended != "done":
            span.set_attribute(telemetry.ERROR_TYPE, ended)
    if ended != "ambiguous":
        await store.effect_ended(key, ended, text)
    run.emit(
        ToolCalled(
            tool=tool.name,
            specialist=ticket.specialist,
            effect="write",
            args_digest=ticket.approved_digest,
            ok=ended == "done",
            error="" if ended == "done" else text,
            seconds=time.perf_counter() - began,
        )
    )
    return ended, text


_UNKNOWN = (
    "It is not known whether {tool!r} happened: it was begun, and no result was recorded. It was"
    " not tried again. Look in the system it acts on."
)


def _outcome(ticket: Ticket, status: _Status, text: str) -> Outcome:
    return Outcome(
        call_id=ticket.call_id, tool=ticket.tool, args=ticket.runs, status=status, text=text
    )
