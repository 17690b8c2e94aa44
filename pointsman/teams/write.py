"""A write as the ledger sees it: its key, and the one call that makes it happen."""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pointsman.errors import ToolFailed, ToolTimeout
from pointsman.nodes import conventions as names
from pointsman.nodes import telemetry, transcribed
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.event import ToolCalled
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import AnyTool
from pointsman.nodes.tape import Ended
from pointsman.nodes.toolnode import tool_attributes
from pointsman.teams.tickets import Ticket, action_digest

log = logging.getLogger("pointsman.effects")


@dataclass(frozen=True)
class Write:
    """A write as the ledger sees it: the action, or the undoing, that a ticket stands for."""

    ticket: Ticket
    tool: AnyTool
    args: JsonObject
    key: str
    call: Callable[[], Awaitable[str]]
    found: Callable[[], Awaitable[str | None]]
    """Whether it has happened. Raises ToolFailed when that cannot be told."""
    undoes: str = ""
    """Key of the effect that this one undoes."""

    @property
    def digest(self) -> str:
        """SHA-256 over the tool and what it is called with."""
        return action_digest(self.tool.name, self.args)


async def called(write: Write, run: Run) -> tuple[Ended, str]:
    """Call the tool, and record that it ran: how it ended, and its result or the error."""
    began = time.perf_counter()
    ended: Ended = "done"
    text = ""
    attributes = {
        **tool_attributes(write.tool, write.ticket.call_id or write.ticket.id, run),
        names.AGENT: write.ticket.specialist,
        names.TICKET: write.ticket.id,
    }
    with telemetry.operation("execute_tool", attributes) as span:
        telemetry.content(span, run.shown, transcribed.arguments(write.args))
        then = run.tape.wrote(write.key, write.ticket.id)
        try:
            ended, text = then or ("done", await write.call())
        except ToolFailed as error:
            ended, text = await _after_failure(write, error)
        span.set_attribute(names.EFFECT_ENDED, ended)
        if ended != "done":
            telemetry.fail(span, "ToolFailed" if ended == "failed" else "Ambiguous")
        telemetry.content(span, run.shown, transcribed.result(text))
    run.emit(
        ToolCalled(
            tool=write.tool.name,
            specialist=write.ticket.specialist,
            effect=write.tool.effect,
            args_digest=write.digest,
            ok=ended == "done",
            error="" if ended == "done" else text,
            seconds=time.perf_counter() - began,
        )
    )
    return ended, text


async def _after_failure(write: Write, error: ToolFailed) -> tuple[Ended, str]:
    """A tool that raised has not acted, unless it can look and says otherwise. One that timed out
    may act yet, so only a find counts."""
    late = isinstance(error, ToolTimeout)
    log.warning("ticket %s: %s", write.ticket.id, error)
    if write.tool.reconcile is not None and write.tool.effect == "write":
        try:
            found = await write.found()
        except ToolFailed:
            return "ambiguous", str(error)
        if found is not None:
            return "done", found
    unsure = late and write.tool.effect == "write"
    return ("ambiguous" if unsure else "failed"), str(error)


async def cannot_tell() -> str | None:
    """For a call that nothing can look up."""
    raise ToolFailed("Nothing can tell whether it was undone.")


def effect_key(ticket: Ticket, action: str, own: str | None) -> str:
    """The ledger's key of an action: the tool's own idempotency key, or one for this ticket."""
    if own is not None:
        return digest("effect", ticket.team, ticket.tenant, ticket.tool, own)
    return digest("effect", ticket.run, action)


def undo_key(key: str) -> str:
    """The ledger's key of undoing the effect with this key."""
    return digest("undo", key)


def unknown(ticket: Ticket) -> str:
    """What is known of a write that was begun and has no result."""
    return (
        f"It is not known whether {ticket.tool!r} happened: it was begun, and no result was"
        " recorded. It was not tried again. Look in the system it acts on."
    )
