"""A run's way in pieces: segments of the team's graph, and single steps of it, each in a process of
its own."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# LangGraph ships partial types.

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from pointsman.errors import StoreBroken
from pointsman.nodes.event import RunEnded
from pointsman.nodes.message import Failure, Message
from pointsman.teams import closing
from pointsman.teams.approvals.lifecycle import next_due
from pointsman.teams.children import tickets_below, with_children
from pointsman.teams.fence import fenced
from pointsman.teams.graph import DISPATCH
from pointsman.teams.keyfiles import Keys
from pointsman.teams.lease import leased
from pointsman.teams.local import Compiled, LocalEngine
from pointsman.teams.state import RunState
from pointsman.teams.steps import Steps
from pointsman.teams.store.rows import RunRow
from pointsman.teams.summary import summarise
from pointsman.teams.temporal.names import shard_of


@dataclass(frozen=True)
class Wanted:
    """A step that a run waits for, the specialist whose pool takes it (empty: nobody's, the
    router's), and the checkpoint that asks for it."""

    step: str
    pool: str
    at: str
    shard: int = -1
    """Which shard of the pool, where the specialist has some."""


@dataclass(frozen=True)
class SegmentEngine(LocalEngine):
    """Works on a piece of a run at a time. Whoever calls it says whose turn it is.

    The runs that a message began go along `handing`, whose steps are taken apart; what they give to
    others runs as a whole where the step that gives it is taken.
    """

    handing: Compiled | None = None
    steps: Steps | None = None
    keys: Keys = field(default_factory=Keys)
    """Whose runs it takes on, and how it signs those that it wakes."""

    def _graph(self, row: RunRow) -> Compiled:
        if self.handing is not None and not row.parent and row.team == self.services.spec.name:
            return self.handing
        return super()._graph(row)

    @asynccontextmanager
    async def holding(self, row: RunRow) -> AsyncGenerator[None]:
        """The run's thread, taken from whoever had it: they cannot checkpoint any more."""
        store = self.services.store
        name, words = self._lease_on(row)
        ttl = self.lease_seconds
        async with leased(store, name, row.run, ttl=ttl, wait=None, words=words) as token:
            with fenced(store, token):
                await self.services.recorder.renew(row.run)
                yield

    async def advance(self, row: RunRow) -> None:
        """Take the run as far as it goes without a step that is taken elsewhere."""
        while await self.has_work(row) and await self._drive_alone(row):
            pass
        if await closing.has_offers(self.services, row.run):
            await closing.compensate(self.services, row)

    async def wanted(self, row: RunRow) -> tuple[Wanted, ...]:
        """The steps that the run waits for."""
        snapshot = await self._graph(row).aget_state(self._config(row))
        at = str(snapshot.config.get("configurable", {}).get("checkpoint_id", ""))
        state = cast("RunState", snapshot.values)
        steps = [t.name for t in snapshot.tasks if any(_dispatches(i.value) for i in t.interrupts)]
        found = [(step, self._pool(step, state)) for step in steps]
        return tuple(Wanted(step, pool, at, self._shard(pool, row)) for step, pool in found)

    def _shard(self, pool: str, row: RunRow) -> int:
        shards = self.services.spec.specialist(pool).shards if pool else 0
        return shard_of(f"{row.tenant}\x1f{row.thread}", shards)

    async def take_step(self, row: RunRow, step: str, *, at: str) -> None:
        """Take one step and checkpoint what it gave. No change when the run went on since `at`."""
        graph, config = self._graph(row), self._config(row)
        snapshot = await graph.aget_state(config)
        if at not in [one.at for one in await self.wanted(row) if one.step == step]:
            return
        update = await self._taken(step, cast("RunState", snapshot.values))
        await graph.aupdate_state(config, update, as_node=step)

    async def next_due(self, row: RunRow) -> float | None:
        """When time changes a ticket of the run, or of what it gave to others, next."""
        store = self.services.store
        tickets = await store.tickets(row.team, status="pending", run=row.run)
        times = [next_due(one) for one in (*tickets, *await tickets_below(store, row.run))]
        return min((at.timestamp() for at in times if at is not None), default=None)

    async def fail(self, row: RunRow, failure: Failure) -> None:
        """End a run that cannot be taken on. No change when it has ended."""
        services = self.services
        result = summarise(
            row, services.recorder.events(row.run), status="failed", seconds=row.seconds,
            answer=failure.text, error=failure.error,
        )  # fmt: skip
        result = await with_children(services.store, result)
        if await services.store.move_run(
            row.run, "failed", frm=("running", "waiting"), result=result
        ):
            await closing.close_tickets(services, row, "failed")
            await closing.end_below(services, row)
            await closing.offer_compensation(services, row, "failed")
            ended = RunEnded(run=row.run, status="failed", text=failure.text)
            services.recorder.emit(row.run, ended)
        await services.recorder.flush(row.run, 0.0)

    async def _taken(self, step: str, state: RunState) -> RunState:
        assert self.steps is not None  # noqa: S101 (an engine that hands steps out has them)
        match step:
            case "execute":
                return await self.steps.execute(state)
            case "delegate":
                return await self.steps.delegate(state)
            case name:
                return await self.steps.visit(name, state)

    def _pool(self, step: str, state: RunState) -> str:
        names = {s.name for s in self.services.spec.specialists}
        if step in names:
            return step
        if step not in ("execute", "delegate") or "carried" not in state:
            raise StoreBroken(f"Step {step!r} is none that a pool could take.")
        sender = Message.model_validate(state["carried"]).sender
        return sender if sender in names else ""


def _dispatches(value: object) -> bool:
    return (
        isinstance(value, Mapping) and cast("Mapping[str, object]", value).get("kind") == DISPATCH
    )
