"""Effects: the one place where a write happens. Intended on disk before, done or failed after.

Never a blind retry: a row that was begun and has no result is asked about, first the tool's own
`reconcile`, then a person.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from pointsman.errors import RunBusy, TicketClosed, ToolFailed, ToolTimeout
from pointsman.nodes import telemetry
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.event import TicketDecided, ToolCalled
from pointsman.nodes.message import Outcome
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import AnyTool
from pointsman.teams.approvals.lifecycle import run_move
from pointsman.teams.claim import misfit
from pointsman.teams.followup import ambiguous_ticket, now
from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.protocol import EffectRow, Store
from pointsman.teams.tickets import Ticket, TicketStatus, action_digest

log = logging.getLogger("pointsman.effects")

POLL_SECONDS = 0.05

_SAID: tuple[TicketStatus, ...] = ("approved", "executed", "rejected", "answered", "expired")

_Ended = Literal["done", "failed", "ambiguous"]
_Status = Literal["done", "failed", "rejected", "answered", "refused", "ambiguous"]


@dataclass(frozen=True)
class _Write:
    """A write as the ledger sees it: the action, or the undoing, that a ticket stands for."""

    ticket: Ticket
    tool: AnyTool
    args: JsonObject
    key: str
    call: Callable[[], Awaitable[str]]
    found: Callable[[], Awaitable[str | None]]
    """Whether it has happened. Raises ToolFailed when that cannot be told."""

    @property
    def digest(self) -> str:
        return action_digest(self.tool.name, self.args)


class Ledger:
    """Acts on the decided tickets of one run, each once."""

    def __init__(self, spec: TeamSpec, store: Store, run: Run, *, may_ask: bool = True) -> None:
        """`may_ask`: whether the run can wait for a person."""
        self._spec = spec
        self._store = store
        self._run = run
        self._may_ask = may_ask

    async def settle(self, ticket: Ticket) -> Outcome | Ticket:
        """Act on a decided ticket, once, and say what came of it; or the open ticket that it waits
        for now, since nobody knows whether its write happened. Never raises for a tool's failure.
        """
        if ticket.by and ticket.settled is None:
            self._run.emit(TicketDecided(ticket=ticket.id, decision=ticket.decision, by=ticket.by))
        if ticket.kind == "ambiguous" and ticket.status in _SAID:
            return await self._about(ticket)
        match ticket.status:
            case "approved" | "ambiguous" if ticket.kind in ("action", "compensate"):
                return await self._perform(ticket)
            case "approved":
                text = str(ticket.runs["text"])
                await self._move(ticket, "execute", "executed", text)
                return _outcome(ticket, "done", text)
            case "rejected" | "answered" | "expired":
                await self._settled(ticket)
                return _unapproved(ticket)
            case "executed":
                return _outcome(ticket, "done", ticket.outcome)
            case "failed":
                return _outcome(ticket, "failed", ticket.outcome)
            case _:
                return _outcome(ticket, "refused", ticket.outcome or f"It is {ticket.status}.")

    async def _perform(self, ticket: Ticket) -> Outcome | Ticket:
        """Do an approved action (or undo one) through the ledger."""
        why = misfit(self._spec, ticket) if ticket.status == "approved" else ""
        write = None if why else await self._write(ticket)
        if isinstance(write, str) or write is None:
            text = f"Not done: {why or write}"
            await self._move(ticket, "supersede", "superseded", text)
            return _outcome(ticket, "refused", text)
        if write.tool.effect == "read":
            return await self._end(ticket, *await self._call(write))
        async with self._alone(write):
            return await self._once(write)

    async def _once(self, write: _Write) -> Outcome | Ticket:
        ticket = write.ticket
        before = await self._store.intend(
            write.key, ticket.id, ticket.run, write.tool.name, write.digest
        )
        if before is None:
            return await self._begin(write, attempt=1)
        if before.digest not in ("", write.digest):
            text = (
                f"Not done: the idempotency key of {write.tool.name!r} was used for other"
                f" arguments, by ticket {before.ticket}."
            )
            return await self._refuse(ticket, text)
        match before.state:
            case "done":
                return await self._end(ticket, "done", before.result)
            case "failed" if before.ticket == ticket.id:
                return await self._end(ticket, "failed", before.result)
            case "failed":
                return await self._again(write, before)
            case "undone":
                return await self._refuse(ticket, "Not done: it was done before, and undone.")
            case "intended":
                return await self._unknown(write, before)

    async def _unknown(self, write: _Write, before: EffectRow) -> Outcome | Ticket:
        """Begun, and no result: somebody must find out. The tool first, then a person."""
        try:
            found = await write.found()
        except ToolFailed as error:
            log.info("ticket %s: %s", write.ticket.id, error)
            return await self._ask(write, before.attempt)
        if found is None:
            return await self._again(write, before)
        await self._store.effect_ended(write.key, "done", found)
        return await self._end(write.ticket, "done", found)

    async def _again(self, write: _Write, before: EffectRow) -> Outcome | Ticket:
        """Begin a write of which it is known that it has not happened."""
        if not await self._store.intend_again(write.key, before.attempt):
            raise RunBusy(f"The effect of ticket {write.ticket.id} is begun elsewhere just now.")
        return await self._begin(write, attempt=before.attempt + 1)

    async def _begin(self, write: _Write, *, attempt: int) -> Outcome | Ticket:
        # A write that has begun is seen through even when the run is cancelled meanwhile: stopping
        # it would leave nobody knowing whether it happened. Bounded by the tool's time-out.
        call = asyncio.create_task(self._write_down(write))
        try:
            ended, text = await asyncio.shield(call)
        except asyncio.CancelledError:
            await call
            raise
        if ended == "ambiguous":
            return await self._ask(write, attempt)
        return await self._end(write.ticket, ended, text)

    async def _write_down(self, write: _Write) -> tuple[_Ended, str]:
        ended, text = await self._call(write)
        if ended != "ambiguous":
            await self._store.effect_ended(write.key, ended, text)
        return ended, text

    async def _call(self, write: _Write) -> tuple[_Ended, str]:
        began = time.perf_counter()
        ended: _Ended = "done"
        text = ""
        attributes = {
            telemetry.OPERATION: "execute_tool",
            telemetry.TOOL: write.tool.name,
            telemetry.TICKET: write.ticket.id,
        }
        with telemetry.span(f"execute_tool {write.tool.name}", attributes) as span:
            try:
                text = await write.call()
            except ToolFailed as error:
                ended, text = await _after_failure(write, error)
                span.set_attribute(telemetry.ERROR_TYPE, ended)
        self._run.emit(
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

    async def _about(self, asked: Ticket) -> Outcome | Ticket:
        """Somebody has said, or nobody did in time, what became of a write."""
        ticket = await self._store.find_ticket(asked.about)
        if ticket is None:
            return _outcome(asked, "refused", f"There is no ticket {asked.about}.")
        outcome = await self._resolved(asked, ticket)
        if asked.settled is None:
            done = asked.status == "approved"
            await self._move(
                asked, "execute" if done else "settle", "executed" if done else asked.status,
                outcome.outcome if isinstance(outcome, Ticket) else outcome.text,
            )  # fmt: skip
        return outcome

    async def _resolved(self, asked: Ticket, ticket: Ticket) -> Outcome | Ticket:
        write = await self._write(ticket)
        if isinstance(write, str):
            return _outcome(ticket, "ambiguous", f"{unknown(ticket)} {write}")
        async with self._alone(write):
            row = await self._store.intend(
                write.key, ticket.id, ticket.run, ticket.tool, write.digest
            )
            if row is not None and row.state == "intended" and row.attempt == asked.attempt:
                match asked.status:
                    case "approved":
                        return await self._checked_again(write, row)
                    case "answered":
                        await self._store.effect_ended(write.key, "done", asked.response)
                    case "rejected":
                        said = f"{asked.by} says that it did not happen. {asked.decision_reason}"
                        await self._store.effect_ended(write.key, "failed", said.strip())
                    case _:
                        return _outcome(ticket, "ambiguous", unknown(ticket))
            return await self._once(write)

    async def _checked_again(self, write: _Write, row: EffectRow) -> Outcome | Ticket:
        """A person says it did not happen. The tool, where it can look, has the last word."""
        with suppress(ToolFailed):
            found = await write.found()
            if found is not None:
                await self._store.effect_ended(write.key, "done", found)
                return await self._end(write.ticket, "done", found)
        return await self._again(write, row)

    async def _ask(self, write: _Write, attempt: int) -> Outcome | Ticket:
        """The ticket by which a person says what became of the write."""
        ticket = write.ticket
        if ticket.status != "ambiguous":
            await self._move(ticket, "execute", "ambiguous", unknown(ticket))
        if not self._may_ask:
            return _outcome(ticket, "ambiguous", unknown(ticket))
        asked = ambiguous_ticket(self._spec, ticket, attempt, self._run)
        (row,) = await self._store.freeze([asked])
        return row if row.open else await self.settle(row)

    async def _write(self, ticket: Ticket) -> _Write | str:
        """The ticket's write; or why there is none any more."""
        tool = self._spec.tool(ticket.specialist, ticket.tool)
        if tool is None:
            return f"{ticket.specialist!r} has no tool {ticket.tool!r} any more."
        args = ticket.runs
        try:
            own = await tool.key_of(args)
        except ToolFailed as error:
            return str(error)
        action = ticket.about if ticket.kind == "compensate" else ticket.id
        key = effect_key(ticket, action, own)
        if ticket.kind == "action":
            return _Write(
                ticket, tool, args, key, lambda: tool.invoke(args), lambda: tool.found(args)
            )
        undone = next((e for e in await self._store.effects(ticket.run) if e.key == key), None)
        result = undone.result if undone else ""
        return _Write(
            ticket, tool, args, undo_key(key), lambda: tool.undo(args, result), _cannot_tell
        )

    @asynccontextmanager
    async def _alone(self, write: _Write) -> AsyncGenerator[None]:
        """Nobody else performs this effect meanwhile. One run is worked on by one process anyway;
        but two runs may share a tool's own idempotency key."""
        if write.tool.idempotency_key is None:
            yield
            return
        name, ttl = f"effect:{write.key}", write.tool.timeout + 10
        owner = f"{write.ticket.id}:{id(self)}"
        for _ in range(int(2 * ttl / POLL_SECONDS)):
            if await self._store.lease(name, owner, ttl) is not None:
                break
            await asyncio.sleep(POLL_SECONDS)
        else:
            raise RunBusy(f"The effect of ticket {write.ticket.id} is begun elsewhere just now.")
        try:
            yield
        finally:
            await self._store.release(name, owner)

    async def _refuse(self, ticket: Ticket, text: str) -> Outcome:
        if ticket.status == "approved":
            await self._move(ticket, "supersede", "superseded", text)
        return _outcome(ticket, "refused", text)

    async def _end(self, ticket: Ticket, status: _Ended, text: str) -> Outcome:
        tool = self._spec.tool(ticket.specialist, ticket.tool)
        if ticket.kind == "compensate" and status == "done" and tool is not None:
            own = await tool.key_of(ticket.runs)
            await self._store.effect_ended(effect_key(ticket, ticket.about, own), "undone", text)
        await self._move(ticket, "execute", "executed" if status == "done" else "failed", text)
        return _outcome(ticket, status, text)

    async def _settled(self, ticket: Ticket) -> None:
        await self._move(ticket, "settle", ticket.status, "")

    async def _move(
        self,
        ticket: Ticket,
        step: Literal["settle", "execute", "supersede"],
        to: TicketStatus,
        text: str,
    ) -> None:
        """Note on the ticket what came of it. It stands there already after a crash."""
        with suppress(TicketClosed):
            await self._store.amend(ticket.id, run_move(step, to, now(self._run), outcome=text))


async def _after_failure(write: _Write, error: ToolFailed) -> tuple[_Ended, str]:
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


async def _cannot_tell() -> str | None:
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


def _unapproved(ticket: Ticket) -> Outcome:
    match ticket.status:
        case "answered":
            return _outcome(ticket, "answered", ticket.response)
        case "rejected":
            return _outcome(
                ticket, "rejected", f"{ticket.by} said no. {ticket.decision_reason}".strip()
            )
        case _:
            return _outcome(ticket, "rejected", ticket.decision_reason)


def _outcome(ticket: Ticket, status: _Status, text: str) -> Outcome:
    return Outcome(
        call_id=ticket.call_id, tool=ticket.tool, args=ticket.runs, status=status, text=text
    )
