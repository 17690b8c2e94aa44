"""Effects: the one place where a write happens. Intended on disk before, done or failed after.

Never a blind retry: a row that was begun and has no result is asked about, first the tool's own
`reconcile`, then a person.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Literal

from pointsman.errors import RunBusy, TicketClosed, ToolFailed
from pointsman.guardrails.door import Door
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.event import TicketDecided
from pointsman.nodes.message import Outcome
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.nodes.tape import Ended
from pointsman.teams.approvals.lifecycle import CLOCK, run_move
from pointsman.teams.claim import misfit
from pointsman.teams.doors import Doors, team_doors
from pointsman.teams.fence import check_fence
from pointsman.teams.followup import ambiguous_ticket, held_id, held_ticket, now
from pointsman.teams.passing import Stopped, at_door
from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import EffectRow
from pointsman.teams.tickets import Ticket, TicketStatus
from pointsman.teams.write import (
    Write,
    called,
    cannot_tell,
    effect_key,
    undo_key,
    unknown,
)

log = logging.getLogger("pointsman.effects")

POLL_SECONDS = 0.05

_SAID: tuple[TicketStatus, ...] = ("approved", "executed", "rejected", "answered", "expired")

_Status = Literal["done", "failed", "rejected", "answered", "refused", "ambiguous"]


class Ledger:
    """Acts on the decided tickets of one run, each once."""

    def __init__(
        self,
        spec: TeamSpec,
        store: Store,
        run: Run,
        *,
        may_ask: bool = True,
        doors: Doors | None = None,
    ) -> None:
        """`may_ask`: whether the run can wait for a person. `doors`: the team's, where it has
        guards of its own on tools."""
        self._spec = spec
        self._store = store
        self._run = run
        self._may_ask = may_ask
        self._doors = doors or team_doors(spec)

    async def settle(self, ticket: Ticket) -> Outcome | Ticket:
        """Act on a decided ticket, once, and say what came of it; or the open ticket that it waits
        for now, since nobody knows whether its write happened. Never raises for a tool's failure.
        """
        if ticket.by and ticket.settled is None:
            decided = TicketDecided(
                ticket=ticket.id, decision=ticket.decision, by=ticket.by, waited=_waited(ticket),
                specialist=ticket.specialist, asked=not _at_once(ticket),
            )  # fmt: skip
            self._run.emit(decided)
        if ticket.kind == "ambiguous" and ticket.status in _SAID:
            return await self._about(ticket)
        match ticket.status:
            case "approved" | "ambiguous" if ticket.kind in ("action", "compensate"):
                return await self._perform(ticket)
            case "approved":
                why = misfit(self._spec, ticket)
                if why:
                    return await self._refuse(ticket, f"Not done: {why}")
                text = _agreed(ticket)
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
                again = await self._store.find_ticket(held_id(ticket))
                if again is not None:
                    return again if again.open else await self.settle(again)
                return _outcome(ticket, "refused", ticket.outcome or f"It is {ticket.status}.")

    async def _perform(self, ticket: Ticket) -> Outcome | Ticket:
        """Do an approved action (or undo one) through the tool's door and the ledger."""
        why = misfit(self._spec, ticket) if ticket.status == "approved" else ""
        door = self._doors.find(ticket.specialist, ticket.tool)
        if door is None or why:
            text = f"Not done: {why or _no_tool(ticket)}"
            await self._move(ticket, "supersede", "superseded", text)
            return _outcome(ticket, "refused", text)
        rows = await self._store.effects(ticket.run)
        if any(row.ticket == ticket.id for row in rows):
            behind = door.filtered  # Begun before: the guards let it through then.
        else:
            behind = door.undoing if ticket.kind == "compensate" else door.around
        came = await self._passed(ticket, door, behind, partial(self._do, ticket))
        if isinstance(came, Stopped):
            return await self._stopped(ticket, came)
        if door.tool.effect == "read" and isinstance(came, Outcome):
            done = "executed" if came.status == "done" else "failed"
            await self._move(ticket, "execute", done, came.text)
        return came

    async def _do(self, ticket: Ticket, args: JsonObject) -> Outcome | Ticket:
        write = await self._write(ticket, args)
        if isinstance(write, str):
            text = f"Not done: {write}"
            await self._move(ticket, "supersede", "superseded", text)
            return _outcome(ticket, "refused", text)
        if write.tool.effect == "read":
            return _outcome(ticket, *await called(write, self._run))
        async with self._alone(write):
            return await self._once(write)

    async def _passed(
        self,
        ticket: Ticket,
        door: Door,
        behind: Callable[[Node], Node],
        perform: Callable[[JsonObject], Awaitable[Outcome | Ticket]],
    ) -> Outcome | Ticket | Stopped:
        """Through the door. What a person approved, a guard's wish for a person does not stop."""
        run = replace(self._run, specialist=ticket.specialist)
        while True:
            came = await at_door(door, behind, ticket, run, perform)
            held = came.held if isinstance(came, Stopped) else ""
            if not held or held in run.admitted or not _by_person(ticket):
                return came
            run = replace(run, admitted=run.admitted | {held})

    async def _stopped(self, ticket: Ticket, came: Stopped) -> Outcome | Ticket:
        """A guard said no, and nothing was begun. One that wants a person gets a ticket for it."""
        if not came.held or not self._may_ask or ticket.kind != "action" or _by_person(ticket):
            return await self._refuse(ticket, f"Not done: {came.text}")
        (asked,) = await self._store.freeze([held_ticket(ticket, came.held, came.text, self._run)])
        await self._refuse(ticket, f"Not done yet: ticket {asked.id} asks a person. {came.text}")
        return asked if asked.open else await self.settle(asked)

    async def _once(self, write: Write) -> Outcome | Ticket:
        ticket = write.ticket
        await check_fence()
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
                return await self._end(write, "done", before.result)
            case "failed" if before.ticket == ticket.id:
                return await self._end(write, "failed", before.result)
            case "failed":
                return await self._again(write, before)
            case "undone":
                return await self._refuse(ticket, "Not done: it was done before, and undone.")
            case "intended":
                return await self._unknown(write, before)

    async def _unknown(self, write: Write, before: EffectRow) -> Outcome | Ticket:
        """Begun, and no result: somebody must find out. The tool first, then a person."""
        try:
            found = await write.found()
        except ToolFailed as error:
            log.info("ticket %s: %s", write.ticket.id, error)
            return await self._ask(write, before.attempt)
        if found is None:
            return await self._again(write, before)
        await self._store.effect_ended(write.key, "done", found)
        return await self._end(write, "done", found)

    async def _again(self, write: Write, before: EffectRow) -> Outcome | Ticket:
        """Begin a write of which it is known that it has not happened."""
        if not await self._store.intend_again(write.key, before.attempt):
            raise RunBusy(f"The effect of ticket {write.ticket.id} is begun elsewhere just now.")
        return await self._begin(write, attempt=before.attempt + 1)

    async def _begin(self, write: Write, *, attempt: int) -> Outcome | Ticket:
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
        return await self._end(write, ended, text)

    async def _write_down(self, write: Write) -> tuple[Ended, str]:
        ended, text = await called(write, self._run)
        if ended != "ambiguous":
            await self._store.effect_ended(write.key, ended, text)
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
        door = self._doors.find(ticket.specialist, ticket.tool)
        if door is None:
            return _outcome(ticket, "ambiguous", f"{unknown(ticket)} {_no_tool(ticket)}")
        # Only what may call the tool again is for the guards to judge.
        behind = door.undoing if asked.status == "approved" else door.filtered
        came = await self._passed(asked, door, behind, partial(self._found_out, asked, ticket))
        if isinstance(came, Stopped):
            return _outcome(ticket, "ambiguous", f"{unknown(ticket)} {came.text}")
        return came

    async def _found_out(self, asked: Ticket, ticket: Ticket, args: JsonObject) -> Outcome | Ticket:
        write = await self._write(ticket, args)
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

    async def _checked_again(self, write: Write, row: EffectRow) -> Outcome | Ticket:
        """A person says it did not happen. The tool, where it can look, has the last word."""
        with suppress(ToolFailed):
            found = await write.found()
            if found is not None:
                await self._store.effect_ended(write.key, "done", found)
                return await self._end(write, "done", found)
        return await self._again(write, row)

    async def _ask(self, write: Write, attempt: int) -> Outcome | Ticket:
        """The ticket by which a person says what became of the write."""
        ticket = write.ticket
        if ticket.status != "ambiguous":
            await self._move(ticket, "execute", "ambiguous", unknown(ticket))
        if not self._may_ask:
            return _outcome(ticket, "ambiguous", unknown(ticket))
        asked = ambiguous_ticket(self._spec, ticket, attempt, self._run)
        (row,) = await self._store.freeze([asked])
        return row if row.open else await self.settle(row)

    async def _write(self, ticket: Ticket, args: JsonObject) -> Write | str:
        """The ticket's write, with the arguments as the tool may see them; or why there is none."""
        tool = self._spec.tool(ticket.specialist, ticket.tool)
        if tool is None:
            return _no_tool(ticket)
        try:
            own = await tool.key_of(args)
        except ToolFailed as error:
            return str(error)
        same = ticket.repeats if ticket.shows == ticket.digest else ""
        action = ticket.about if ticket.kind == "compensate" else same or ticket.id
        key = effect_key(ticket, action, own)
        if self._run.simulated:  # what only seemed to happen must not stand for what is to happen
            key = digest("simulated", self._run.id, key)
        if ticket.kind == "action":
            look = cannot_tell if self._run.tape.plays else partial(tool.found, args)
            return Write(ticket, tool, args, key, lambda: tool.invoke(args), look)
        undone = next((e for e in await self._store.effects(ticket.run) if e.key == key), None)
        result = undone.result if undone else ""
        return Write(
            ticket, tool, args, undo_key(key), lambda: tool.undo(args, result), cannot_tell,
            undoes=key,
        )  # fmt: skip

    @asynccontextmanager
    async def _alone(self, write: Write) -> AsyncGenerator[None]:
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

    async def _end(self, write: Write, status: Ended, text: str) -> Outcome:
        ticket = write.ticket
        if write.undoes and status == "done":
            await self._store.effect_ended(write.undoes, "undone", text)
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


def _waited(ticket: Ticket) -> float | None:
    """Seconds from its opening to its decision."""
    return (ticket.decided - ticket.created).total_seconds() if ticket.decided else None


def _agreed(ticket: Ticket) -> str:
    """What the approval of a ticket that runs no tool comes to, in words."""
    match ticket.kind:
        case "route":
            return f"{ticket.by} sent it to {ticket.runs['to']}. {ticket.decision_reason}".strip()
        case "plan":
            return f"{ticket.by} approved the tasks. {ticket.decision_reason}".strip()
        case _:
            return str(ticket.runs["text"])


def _no_tool(ticket: Ticket) -> str:
    return f"{ticket.specialist!r} has no tool {ticket.tool!r} any more."


def _by_person(ticket: Ticket) -> bool:
    """Whether a person decided on this very ticket, and no policy, grant or clock."""
    return bool(ticket.by) and not (_at_once(ticket) or ticket.by == CLOCK)


def _at_once(ticket: Ticket) -> bool:
    """Whether it was born decided, by the policy or a grant."""
    return bool(ticket.grant) or ticket.by.startswith("policy:")


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
