"""The engine of one machine: runs a team's graph in this process, one run of a thread at a time."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportTypedDictNotRequiredAccess=false
# LangGraph ships partial types; intake sets every channel of the state.

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, cast

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, StateSnapshot

from pointsman.errors import PointsmanError, RunBusy, StoreBroken, TicketClosed
from pointsman.nodes import telemetry
from pointsman.nodes.digest import JsonObject, canonical
from pointsman.nodes.event import RunStarted
from pointsman.nodes.message import new_id, request_of
from pointsman.teams import closing
from pointsman.teams.approvals.lifecycle import run_move
from pointsman.teams.claim import claim, refresh
from pointsman.teams.graph import Border, TeamState, recursion_limit
from pointsman.teams.result import Result
from pointsman.teams.services import Services
from pointsman.teams.store.faults import store_error
from pointsman.teams.store.protocol import RunRow
from pointsman.teams.summary import known_run, result_of
from pointsman.teams.sweep import sweep
from pointsman.teams.tickets import DECIDED, Decision, Ticket

log = logging.getLogger("pointsman.teams")

LEASE_SECONDS = 30.0
POLL_SECONDS = 0.05
Compiled = CompiledStateGraph[TeamState, None, Border, Border]
Parent = CompiledStateGraph[Any, Any, Any, Any]
"""Somebody else's graph that holds the team's, compiled with a checkpointer."""


@dataclass(frozen=True)
class LocalEngine:
    """Drives the runs of one team. Made anew for each session; holds nothing that matters."""

    services: Services
    graph: Compiled
    lease_seconds: float = LEASE_SECONDS
    """How long a thread stays taken by a process that died. Renewed three times in that time."""
    lease_wait: float = 60.0
    """Seconds to wait for another run of the same thread to end or pause."""

    async def submit(self, row: RunRow) -> None:
        """Run it until it ends or waits. The same run again is not run twice."""
        await self.services.store.add_run(row)
        await self.drive(row.run)

    async def drive(self, run: str) -> None:
        """Take the run as far as it goes: begin, go on after a crash, act on decided tickets, undo
        what was done in vain.

        The one way a run moves, whoever calls: a new message, a decision, recovery at start.
        """
        row = await self.services.store.find_run(run)
        if row is None:
            return
        went_on = not row.nested
        while went_on and await self._has_work(row):
            async with self._lease(row):
                went_on = await self._drive_alone(row)
        if await closing.has_offers(self.services, run):
            async with self._lease(row):
                await closing.compensate(self.services, row)

    async def decide(
        self, ticket: str, decision: Decision, graph: "Parent | None"
    ) -> Result | Command[str]:
        """Record a decision and take the run on; in somebody else's graph through that graph, or
        give the `Command` to invoke it with. Raises what `claim` does."""
        services = self.services
        there, shut = await refresh(services.spec, services.store, ticket, services.now(), decision)
        row = await known_run(services, there.run)
        unheard = row.nested and there.status in DECIDED and there.settled is None
        if shut or unheard:
            await self._wake(row, there, graph)  # its run is told before the reviewer
        elif row.nested and graph is not None and there.kind != "compensate":
            await self._supersede_unlisted(row, there, graph)
        claimed = await claim(services.spec, services.store, ticket, decision, services.now())
        if row.nested and graph is None and claimed.kind != "compensate":
            return Command(resume={"ticket": claimed.id})
        await self._wake(row, claimed, graph)
        return await result_of(services, row.run)

    async def _wake(self, row: RunRow, ticket: Ticket, graph: "Parent | None") -> None:
        if ticket.open:
            return
        if row.nested and graph is not None and ticket.kind != "compensate":
            config: RunnableConfig = {"configurable": {"thread_id": row.root_thread}}
            waits = await _pending(graph, config, ticket.id)
            if waits is not None:
                await graph.ainvoke(Command(resume={waits: {"ticket": ticket.id}}), config)
            return
        with suppress(RunBusy):  # the decision stands; whoever holds the thread looks again
            await self.drive(row.run)

    async def _supersede_unlisted(self, row: RunRow, ticket: Ticket, graph: "Parent") -> None:
        """New input on the parent's thread while a ticket waits: nothing would ever act on it."""
        config: RunnableConfig = {"configurable": {"thread_id": row.root_thread}}
        if ticket.open and await _pending(graph, config, ticket.id) is None:
            why = "Its conversation went on without it: no pending interrupt lists it any more."
            move = run_move("supersede", "superseded", self.services.now(), outcome=why)
            with suppress(TicketClosed):
                await self.services.store.amend(ticket.id, move)

    async def recover(self) -> tuple[Ticket, ...]:
        """Apply what time decided, and pick up runs whose tickets were decided and that nobody
        woke: a crash in between. Gives the tickets that time changed."""
        swept = await sweep(self.services)
        now_or_never = replace(self, lease_wait=0.0)  # a thread that is worked on needs no help
        for run in await self.services.store.decided_runs(self.services.spec.name):
            with suppress(RunBusy):
                await now_or_never.drive(run)
        return swept

    async def _has_work(self, row: RunRow) -> bool:
        now = await self.services.store.find_run(row.run)
        if now is None or now.state not in ("running", "waiting"):
            return False
        if now.state == "running":
            return True
        snapshot = await self.graph.aget_state(self._config(row))
        if not snapshot.interrupts:
            # Stopped between noting that it waits and reaching the gate.
            return snapshot.created_at is None or bool(snapshot.tasks)
        return await self._decided(snapshot) is not None

    async def _drive_alone(self, row: RunRow) -> bool:
        """Invoke the graph until it can go no further now. Whether it was invoked at all."""
        store = self.services.store
        config = self._config(row)
        await self.services.recorder.begin(row.run)
        attributes = {
            telemetry.OPERATION: "invoke_workflow",
            telemetry.WORKFLOW: row.team,
            telemetry.CONVERSATION: row.thread,
            telemetry.RUN: row.run,
            telemetry.TENANT: row.tenant,
        }
        invoked = begun = 0
        with telemetry.span(f"invoke_workflow {row.team}", attributes) as span:
            while True:
                snapshot = await self.graph.aget_state(config)
                given = await self._given(row, snapshot)
                if given is None:
                    break
                invoked, begun = invoked + 1, begun + given.begins
                if begun > 1:
                    raise StoreBroken(
                        f"Run {row.run} stands at 'running', and its graph has ended without it.",
                        hint="Its checkpoints and its row are not of one store; cancel it.",
                    )
                try:
                    await self.graph.ainvoke(given.value, config, durability="sync")
                except sqlite3.Error as error:
                    raise store_error(error, self.services.home / "checkpoints.db") from error
            now = await store.find_run(row.run)
            span.set_attribute(telemetry.STATUS, now.state if now else "")
        return invoked > 0

    async def _given(self, row: RunRow, snapshot: StateSnapshot) -> "_Given | None":
        """What to invoke the graph with next; None when the run can go no further now."""
        if snapshot.created_at is None:
            self.services.recorder.emit(row.run, RunStarted(run=row.run, thread=row.thread))
            return _Given({"messages": [_first(row)]}, begins=True)
        if snapshot.interrupts:
            decided = await self._decided(snapshot)
            if decided is None:
                return None
            interrupt_id, ticket = decided
            return _Given(Command(resume={interrupt_id: {"ticket": ticket}}))
        # Not `next`: it is empty too when a step's result is stored and the step after it is not.
        if snapshot.tasks:
            return _Given(None)
        # A crash came after LangGraph had stored its input and before it had stored what that
        # starts: nothing is next, and the run has not ended. The same input begins it once more.
        now = await self.services.store.find_run(row.run)
        begun = now is not None and now.state == "running"
        return _Given({"messages": [_first(row)]}, begins=True) if begun else None

    async def _decided(self, snapshot: StateSnapshot) -> tuple[str, str] | None:
        """A pending interrupt and one of its tickets that is no longer pending."""
        for pending in snapshot.interrupts:
            for ticket in _asked(pending.value):
                row = await self.services.store.find_ticket(ticket)
                if row is not None and row.status != "pending":
                    return pending.id, ticket
        return None

    def _config(self, row: RunRow) -> RunnableConfig:
        return {
            "configurable": {"thread_id": row.root_thread},
            "recursion_limit": recursion_limit(self.services.spec),
        }

    @asynccontextmanager
    async def _lease(self, row: RunRow) -> AsyncGenerator[None]:
        """One run of a thread at a time, across processes. Renewed while the block runs."""
        name, owner = canonical([row.team, row.tenant, row.thread]).decode(), new_id()
        store = self.services.store
        tries = max(1, int(self.lease_wait / POLL_SECONDS))
        for _ in range(tries):
            if await store.lease(name, owner, self.lease_seconds) is not None:
                break
            await asyncio.sleep(POLL_SECONDS)
        else:
            raise RunBusy(
                f"Thread {row.thread!r} of team {row.team!r} is worked on by another process.",
                hint="Try again when it has ended or waits for a person.",
            )

        working = asyncio.current_task()
        lost: list[PointsmanError] = []

        async def renew() -> None:
            try:
                while True:
                    await asyncio.sleep(self.lease_seconds / 3)
                    if await store.lease(name, owner, self.lease_seconds) is None:
                        raise RunBusy(
                            f"Run {row.run} lost thread {row.thread!r}: this process stood still,"
                            " and another one took it over.",
                            hint="Look at the run again; the other process goes on with it.",
                        )
            except PointsmanError as error:
                lost.append(error)
                if working is not None:
                    working.cancel()

        renewing = asyncio.create_task(renew())
        try:
            yield
        except asyncio.CancelledError:
            if not lost or working is None:
                raise
            working.uncancel()
            raise lost[0] from None
        finally:
            renewing.cancel()
            await store.release(name, owner)


async def _pending(graph: Parent, config: RunnableConfig, ticket: str) -> str | None:
    """The id of the graph's pending interrupt that lists the ticket. It is new in every round."""
    snapshot = await graph.aget_state(config)
    for waits in snapshot.interrupts:
        if isinstance(waits.value, dict) and ticket in _asked(cast("object", waits.value)):
            return waits.id
    return None


def _first(row: RunRow) -> HumanMessage:
    return HumanMessage(request_of(row.request).text, id=row.request.id)


@dataclass(frozen=True)
class _Given:
    value: Border | Command[str] | None
    begins: bool = False


def _asked(value: object) -> Sequence[str]:
    """The tickets that a gate's interrupt lists."""
    listed = cast("Mapping[str, list[JsonObject]]", value).get("tickets", ())
    return [str(ask["id"]) for ask in listed]
