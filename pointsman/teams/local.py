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
from typing import cast

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, StateSnapshot

from pointsman.errors import PointsmanError, RunBusy
from pointsman.nodes import telemetry
from pointsman.nodes.digest import JsonObject, canonical
from pointsman.nodes.event import RunStarted
from pointsman.nodes.message import new_id, request_of
from pointsman.teams.graph import Border, TeamState, recursion_limit
from pointsman.teams.services import Services
from pointsman.teams.store.faults import store_error
from pointsman.teams.store.protocol import RunRow

log = logging.getLogger("pointsman.teams")

LEASE_SECONDS = 30.0
POLL_SECONDS = 0.05
Compiled = CompiledStateGraph[TeamState, None, Border, Border]


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
        """Take the run as far as it goes: begin, go on after a crash, or act on decided tickets.

        The one way a run moves, whoever calls: a new message, a decision, recovery at start.
        """
        row = await self.services.store.find_run(run)
        if row is None or row.nested:
            return
        while await self._has_work(row):
            async with self._lease(row):
                await self._drive_alone(row)

    async def recover(self) -> None:
        """Pick up runs whose tickets were decided and that nobody woke: a crash in between."""
        now_or_never = replace(self, lease_wait=0.0)  # a thread that is worked on needs no help
        for run in await self.services.store.decided_runs(self.services.spec.name):
            with suppress(RunBusy):
                await now_or_never.drive(run)

    async def _has_work(self, row: RunRow) -> bool:
        now = await self.services.store.find_run(row.run)
        if now is None or now.state not in ("running", "waiting"):
            return False
        if now.state == "running":
            return True
        snapshot = await self.graph.aget_state(self._config(row))
        if not snapshot.interrupts:
            # Stopped between noting that it waits and reaching the gate.
            return snapshot.created_at is None or bool(snapshot.next)
        return await self._decided(snapshot) is not None

    async def _drive_alone(self, row: RunRow) -> None:
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
        with telemetry.span(f"invoke_workflow {row.team}", attributes) as span:
            while True:
                snapshot = await self.graph.aget_state(config)
                given = await self._given(row, snapshot)
                if given is None:
                    break
                try:
                    await self.graph.ainvoke(given.value, config, durability="sync")
                except sqlite3.Error as error:
                    raise store_error(error, self.services.home / "checkpoints.db") from error
            now = await store.find_run(row.run)
            span.set_attribute(telemetry.STATUS, now.state if now else "")

    async def _given(self, row: RunRow, snapshot: StateSnapshot) -> "_Given | None":
        """What to invoke the graph with next; None when the run can go no further now."""
        if snapshot.created_at is None:
            self.services.recorder.emit(row.run, RunStarted(run=row.run, thread=row.thread))
            request = request_of(row.request)
            message = HumanMessage(request.text, id=row.request.id)
            return _Given({"messages": [message]})
        if snapshot.interrupts:
            decided = await self._decided(snapshot)
            if decided is None:
                return None
            interrupt_id, ticket = decided
            return _Given(Command(resume={interrupt_id: {"ticket": ticket}}))
        return _Given(None) if snapshot.next else None

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


@dataclass(frozen=True)
class _Given:
    value: Border | Command[str] | None


def _asked(value: object) -> Sequence[str]:
    """The tickets that a gate's interrupt lists."""
    return [str(ask["id"]) for ask in cast("Mapping[str, list[JsonObject]]", value)["tickets"]]
