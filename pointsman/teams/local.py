"""The engine of one machine: runs a team's graph in this process, one run of a thread at a time."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportTypedDictNotRequiredAccess=false
# LangGraph ships partial types; intake sets every channel of the state.

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from typing import Any, cast

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, StateSnapshot

from pointsman.errors import Misconfigured, RunBusy, StoreBroken, TicketClosed
from pointsman.nodes.digest import JsonObject, canonical
from pointsman.nodes.message import request_of
from pointsman.teams import closing
from pointsman.teams.approvals.lifecycle import run_move
from pointsman.teams.children import Above
from pointsman.teams.claim import claim, refresh
from pointsman.teams.fence import fenced
from pointsman.teams.graph import Border, TeamState, recursion_limit
from pointsman.teams.journey import journey, started
from pointsman.teams.lease import Wording, leased
from pointsman.teams.releases.rollout import assigned
from pointsman.teams.result import Result
from pointsman.teams.services import Services
from pointsman.teams.store.faults import store_error
from pointsman.teams.store.rows import RunRow
from pointsman.teams.summary import known_run, result_of
from pointsman.teams.sweep import sweep
from pointsman.teams.tickets import DECIDED, Decision, Ticket

log = logging.getLogger("pointsman.teams")

LEASE_SECONDS = 30.0
Compiled = CompiledStateGraph[TeamState, None, Border, Border]
Parent = CompiledStateGraph[Any, Any, Any, Any]
"""Somebody else's graph that holds the team's, compiled with a checkpointer."""


@dataclass(frozen=True)
class LocalEngine:
    """Drives the runs of one team. Made anew for each session; holds nothing that matters."""

    services: Services
    graph: Compiled
    inner: Mapping[str, Compiled] = field(default_factory=dict[str, Compiled])
    """The graphs of the teams inside it, by name."""
    lease_seconds: float = LEASE_SECONDS
    """How long a thread stays taken by a process that died. Renewed three times in that time."""
    lease_wait: float = 60.0
    """Seconds to wait for another run of the same thread to end or pause."""

    @property
    def elsewhere(self) -> bool:
        """See `Engine`."""
        return False

    async def post(self, row: RunRow) -> None:
        """See `Engine`."""
        raise Misconfigured(
            f"Team {row.team!r} has no workers that would take a message on later.",
            hint="Use `pointsman run`, or name a Temporal server in POINTSMAN_TEMPORAL.",
        )

    async def submit(self, row: RunRow) -> None:
        """Run it until it ends or waits. The same run again is not run twice."""
        await self.services.store.add_run(await assigned(self.services, row))
        await self.drive(row.run)

    async def drive(self, run: str) -> None:
        """Take the run as far as it goes: begin, go on after a crash, act on decided tickets, undo
        what was done in vain.

        The one way a run moves, whoever calls: a new message, a decision, recovery at start. A run
        that works for another one moves with the whole tree, from its top down: so one process
        works on a tree at a time. A tree of another team is left alone.
        """
        row = await self.services.store.find_run(run)
        top = await self._top(row) if row is not None else None
        if row is None or top is None or top.team != self.services.spec.name:
            return
        went_on = not top.nested
        while went_on and await self.has_work(top):
            went_on = await self._move_line(top)
        services = self.services.of(row.team)
        if await closing.has_offers(services, run):
            async with self._lease(top):
                await closing.compensate(services, row)

    async def _move_line(self, row: RunRow) -> bool:
        """Take whoever is first in the run's thread as far as it goes, be it this run or one before
        it: messages of a thread run in order, also those whose process died. Whether to go on."""
        store = self.services.store
        while True:
            ahead = await self._ahead(row)
            try:
                async with self._lease(row):
                    now = await store.find_run(row.run)
                    line = await store.line(row, limit=1)
                    # One that waited and is decided is not in line: people waited long enough.
                    if now is not None and now.state == "running" and line:
                        first = line[0]
                        if first.run != row.run and await self._drive_alone(first):
                            return True
                    return await self._drive_alone(row)
            except RunBusy:
                # Others were served meanwhile: it is worth waiting on.
                if not self.lease_wait or await self._ahead(row) >= ahead:
                    raise

    async def _ahead(self, row: RunRow) -> int:
        """How many are before the run in its thread's line."""
        line = [one.run for one in await self.services.store.line(row)]
        return line.index(row.run) if row.run in line else len(line)

    async def take_on(self, row: RunRow, above: Above) -> None:
        """Take a child run as far as it goes. Its caller works on its tree alone. See `Crew`."""
        over = self.services.above
        over[row.run] = above
        context = copy_context()
        # LangGraph would take the child for a part of the graph whose step this is, and keep its
        # checkpoints there.
        context.run(var_child_runnable_config.set, None)
        try:
            await asyncio.create_task(self._take_on(row), context=context)
        finally:
            over.pop(row.run, None)

    async def _take_on(self, row: RunRow) -> None:
        went_on = True
        while went_on and await self.has_work(row):
            went_on = await self._drive_alone(row)

    async def _top(self, row: RunRow) -> RunRow:
        if not row.parent:
            return row
        top = await self.services.store.find_run(row.top)
        if top is None:
            raise StoreBroken(
                f"Run {row.top} is not in the store {self.services.home} any more, and run"
                f" {row.run} works for it."
            )
        return top

    def impatient(self) -> "LocalEngine":
        """See `Engine`."""
        return replace(self, lease_wait=0.0)

    @asynccontextmanager
    async def alone(self, row: RunRow) -> AsyncGenerator["LocalEngine"]:
        """This, with the run's whole tree to itself. See `OpenCrew`."""
        async with self._lease(await self._top(row)):
            yield self

    async def cancel(self, row: RunRow, who: str) -> None:
        """Cancel a run and all that it gave to others, and let the one that it works for go on."""
        await closing.cancel(self.services.of(row.team), row, who)
        if row.parent:
            with suppress(RunBusy):  # whoever holds the tree looks again
                await self.drive(row.run)

    async def decide(
        self, ticket: str, decision: Decision, graph: "Parent | None"
    ) -> Result | Command[str]:
        """Record a decision and take the run on; in somebody else's graph through that graph, or
        give the `Command` to invoke it with. Raises what `claim` does."""
        services = self.services
        there, shut = await refresh(services.spec, services.store, ticket, services.now(), decision)
        row = await self._top(await known_run(services, there.run))
        unheard = row.nested and there.status in DECIDED and there.settled is None
        if shut or unheard:
            await self._wake(row, there, graph)  # its run is told before the reviewer
        elif row.nested and graph is not None and there.kind != "compensate":
            await self._supersede_unlisted(row, there, graph)
        claimed = await claim(services.spec, services.store, ticket, decision, services.now())
        if row.nested and graph is None and claimed.kind != "compensate":
            return Command(resume={"ticket": claimed.id})
        await self._wake(row, claimed, graph)
        ours = row.team == services.spec.name  # else a team around this one goes on with it
        return await result_of(services, row.run if ours else claimed.run)

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
            await self.drive(ticket.run)

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
        swept: list[Ticket] = []
        now_or_never = self.impatient()  # a thread that is worked on needs no help
        for team in (self.services, *self.services.kin.values()):
            swept += await sweep(team)
            for run in await self.services.store.decided_runs(team.spec.name):
                with suppress(RunBusy):
                    await now_or_never.drive(run)
        return tuple(swept)

    async def has_work(self, row: RunRow) -> bool:
        """Whether the run can go on now. See `Crew`."""
        now = await self.services.store.find_run(row.run)
        if now is None or now.state not in ("running", "waiting"):
            return False
        if now.state == "running":
            return True
        snapshot = await self._graph(row).aget_state(self._config(row))
        if not snapshot.interrupts:
            # Stopped between noting that it waits and reaching the gate.
            return snapshot.created_at is None or bool(snapshot.tasks)
        return await self._decided(snapshot) is not None

    async def _drive_alone(self, row: RunRow) -> bool:
        """Invoke the graph until it can go no further now. Whether it was invoked at all."""
        store, graph = self.services.store, self._graph(row)
        config = self._config(row)
        await self.services.recorder.begin(row.run, row)
        invoked = begun = 0
        with journey(row, self.services) as note:
            while True:
                snapshot = await graph.aget_state(config)
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
                    await graph.ainvoke(given.value, config, durability="sync")
                except sqlite3.Error as error:
                    raise store_error(error, self.services.home / "checkpoints.db") from error
            note(await store.find_run(row.run) if invoked else None)
        return invoked > 0

    async def _given(self, row: RunRow, snapshot: StateSnapshot) -> "_Given | None":
        """What to invoke the graph with next; None when the run can go no further now."""
        if snapshot.created_at is None:
            self.services.recorder.emit(row.run, started(row))
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
        """A pending interrupt and one of its tickets that is no longer pending, or one of the child
        runs it waits for that no longer waits."""
        store = self.services.store
        for pending in snapshot.interrupts:
            for name in _asked(pending.value):
                ticket = await store.find_ticket(name)
                if ticket is not None and ticket.status != "pending":
                    return pending.id, name
            for name in _waited_for(pending.value):
                run = await store.find_run(name)
                if run is not None and run.state != "waiting":
                    return pending.id, name
        return None

    def _graph(self, row: RunRow) -> Compiled:
        return self.graph if row.team == self.services.spec.name else self.inner[row.team]

    def _config(self, row: RunRow) -> RunnableConfig:
        return {
            "configurable": {"thread_id": row.root_thread},
            "recursion_limit": recursion_limit(self.services.of(row.team).spec),
        }

    @asynccontextmanager
    async def _lease(self, row: RunRow) -> AsyncGenerator[None]:
        """One run of a thread at a time, across processes. Renewed while the block runs."""
        name, words = self._lease_on(row)
        store, ttl, wait = self.services.store, self.lease_seconds, self.lease_wait
        async with leased(store, name, row.run, ttl=ttl, wait=wait, words=words) as token:
            with fenced(store, token):
                yield

    def _lease_on(self, row: RunRow) -> tuple[str, Wording]:
        name = canonical([row.team, row.tenant, row.thread]).decode()
        words = Wording(
            busy=RunBusy(
                f"Thread {row.thread!r} of team {row.team!r} is worked on by another process.",
                hint="The message stays in line: whoever works on the thread next goes on with it."
                " Or resume the run when the other has ended or waits for a person.",
            ),
            lost=RunBusy(
                f"Run {row.run} lost thread {row.thread!r}: this process stood still,"
                " and another one took it over.",
                hint="Look at the run again; the other process goes on with it.",
            ),
        )
        return name, words


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


def _waited_for(value: object) -> Sequence[str]:
    """The child runs that the interrupt of a waiting run names; a gate's names none."""
    return cast("Mapping[str, list[str]]", value).get("runs", ())


def _asked(value: object) -> Sequence[str]:
    """The tickets that a gate's interrupt lists."""
    listed = cast("Mapping[str, list[JsonObject]]", value).get("tickets", ())
    return [str(ask["id"]) for ask in listed]
