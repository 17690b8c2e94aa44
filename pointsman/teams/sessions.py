"""Opening and closing what a team works with: for one call, or for a while."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# LangGraph ships partial types.

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from pointsman.errors import Misconfigured, PointsmanError
from pointsman.nodes.gateway.transports import Transports
from pointsman.teams import gauges
from pointsman.teams.bounds import Bounds
from pointsman.teams.children import Crew, OpenCrew
from pointsman.teams.engine import Engine
from pointsman.teams.family import members, nested
from pointsman.teams.keyfiles import Keys
from pointsman.teams.releases.rollout import Rollout
from pointsman.teams.services import Notify, Services, open_services
from pointsman.teams.settings import Settings
from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.rows import RunRow
from pointsman.teams.temporal.names import Limits

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from pointsman.teams.local import LocalEngine
    from pointsman.teams.temporal.segments import SegmentEngine

log = logging.getLogger("pointsman.teams")

SWEEP_SECONDS = 15.0
"""How often a team that is kept open looks what time has decided."""


@dataclass
class Sessions:
    """Gives services and engines of one team. Opened with `open`, every call shares them."""

    spec: TeamSpec
    on_ticket: Notify | None = None
    transports: Transports | None = None
    clock: Callable[[], float] = time.time
    sweep_seconds: float = SWEEP_SECONDS
    settings: Callable[[], Settings] = Settings.read
    rollout: Rollout | None = None
    """How releases are served; None: as the settings say."""
    limits: Limits = field(default_factory=Limits)
    """How long and how often workers try, where there are some."""
    _engine: Engine | None = field(default=None, init=False)
    _stack: AsyncExitStack | None = field(default=None, init=False)
    _exported: Services | None = field(default=None, init=False)
    _bounds: Bounds | None = field(default=None, init=False)
    _inner: "Mapping[str, Sessions] | None" = field(default=None, init=False)
    """Those of the teams that are specialists of this one, by the team's name."""
    _making: Lock = field(default_factory=Lock, init=False)

    def apart(self, spec: TeamSpec) -> "Sessions":
        """Sessions made like these that share nothing open with them."""
        return Sessions(
            spec, self.on_ticket, self.transports, self.clock, self.sweep_seconds, self.settings,
            self.rollout,
        )  # fmt: skip

    async def open(self) -> None:
        """Keep an engine open until `close`. Raises Misconfigured when one is."""
        if self._engine is not None:
            raise Misconfigured(
                f"Team {self.spec.name!r} is open already.",
                hint="One `async with team:` at a time.",
            )
        async with AsyncExitStack() as stack:
            engine = await stack.enter_async_context(self.engine())
            await stack.enter_async_context(_sweeping(engine, self.sweep_seconds))
            self._engine = engine
            self._stack = stack.pop_all()

    async def close(self) -> None:
        """Close what `open` and `lasting` opened. Safe to call twice."""
        stack, self._stack, self._engine = self._stack, None, None
        if stack is not None:
            await stack.aclose()
        services, self._exported = self._exported, None
        if services is not None:
            await services.aclose()

    async def lasting(self) -> Services:
        """Services for a graph that others invoke: opened at first use."""
        if self._engine is not None:
            return self._engine.services
        if self._exported is None:
            made = await asyncio.to_thread(self._new_services)  # reads prompt files
            self._exported = self._exported or with_crew(made, partial(self._alone, made))
        return self._exported

    @asynccontextmanager
    async def _alone(self, services: Services, row: RunRow) -> AsyncGenerator[Crew]:
        """An engine of our own for what a run in somebody else's graph gave to others."""
        async with self._engine_on(services) as engine, engine.alone(row) as crew:
            yield crew

    @asynccontextmanager
    async def services(self) -> AsyncGenerator[Services]:
        """The open engine's services, or some for this block."""
        if self._engine is not None:
            yield self._engine.services
            return
        services = await asyncio.to_thread(self._new_services)
        try:
            yield services
        finally:
            await services.aclose()

    @asynccontextmanager
    async def engine(self, *, recover: bool = True) -> AsyncGenerator[Engine]:
        """The open engine, or one for this block; a new one first applies what time decided, and
        recovers what a crash left decided and not resumed."""
        if self._engine is not None:
            yield self._engine
            return
        async with self.services() as services, self._engine_on(services) as engine:
            if recover:
                await engine.recover()
            yield engine

    @asynccontextmanager
    async def segments(self) -> AsyncGenerator["SegmentEngine"]:
        """An engine for a worker process, for this block: it takes pieces of runs that the engine
        of many machines hands out."""
        from pointsman.teams.graph import build
        from pointsman.teams.steps import Steps
        from pointsman.teams.temporal.segments import SegmentEngine

        made: list[LocalEngine] = []
        async with self.services() as services, self._local_on(services, made) as (local, saver):
            given = _given(local.services)
            graph = build(self.spec, given, dispatched=True)
            handing = graph.compile(checkpointer=saver, name=self.spec.name)
            made[0] = engine = SegmentEngine(
                local.services, local.graph, local.inner,
                handing=handing, steps=Steps(self.spec, given),
                keys=Keys.read(self.settings()),
            )  # fmt: skip
            yield engine

    @asynccontextmanager
    async def _engine_on(self, services: Services) -> AsyncGenerator[Engine]:
        """The engine that the settings name."""
        settings = self.settings()
        async with self._local_on(services, []) as (local, _):
            if not settings.temporal:
                yield local
                return
            from pointsman.teams.temporal.server import connect

            client = await connect(settings.temporal, settings.lookup)
            from pointsman.teams.temporal.engine import TemporalEngine

            yield TemporalEngine(
                local.services,
                local.graph,
                local.inner,
                client=client,
                limits=self.limits,
                keys=Keys.read(settings),
            )

    @asynccontextmanager
    async def _local_on(
        self, services: Services, made: "list[LocalEngine]"
    ) -> AsyncGenerator["tuple[LocalEngine, BaseCheckpointSaver[str]]"]:
        """An engine of this machine and its checkpointer. Child runs go to the one in `made`."""
        from pointsman.teams.checkpoint import open_checkpoints
        from pointsman.teams.graph import build
        from pointsman.teams.local import LocalEngine

        @asynccontextmanager
        async def crew(row: RunRow) -> AsyncGenerator[LocalEngine]:
            yield made[0]  # whose caller has the tree to itself

        opening = open_checkpoints(self.settings(), services.home, clock=self.clock)
        async with opening as saver:
            services = with_crew(services, crew)
            graphs = {
                one.spec.name: build(one.spec, _given(one)).compile(
                    checkpointer=saver, name=one.spec.name
                )
                for one in (services, *services.kin.values())
            }
            made.append(LocalEngine(services, graphs.pop(self.spec.name), graphs))
            yield made[0], saver

    def _new_services(self, within: Services | None = None) -> Services:
        settings = self.settings()
        home = self.spec.home or settings.home
        with self._making:  # called in threads
            if self._bounds is None:
                self._bounds = Bounds.of(self.spec, settings, clock=self.clock)
            if self._inner is None:
                members(self.spec)  # refuses two of one name
                self._inner = {
                    one.spec.name: one.sessions.inside(self, home)
                    for one in nested(self.spec).values()
                }
        services = open_services(
            self.spec, settings, on_ticket=self.on_ticket, transports=self.transports,
            bounds=self._bounds, clock=self.clock, within=within,
        )  # fmt: skip
        kin: dict[str, Services] = {}
        for name, sessions in self._inner.items():
            inner = sessions._new_services(services)  # noqa: SLF001 (its own class)
            kin |= {name: inner, **inner.kin}
        return replace(services, kin=kin, rollout=self.rollout or services.rollout)

    def inside(self, outer: "Sessions", home: Path) -> "Sessions":
        """Sessions like these, of the team as a specialist of another: in that one's folder, by its
        clock, and with its reviewers told where this one has nobody to tell."""
        spec = replace(self.spec, home=home)
        told = self.on_ticket or outer.on_ticket
        return Sessions(
            spec, told, self.transports, outer.clock, outer.sweep_seconds, outer.settings
        )


def with_crew(services: Services, crew: OpenCrew) -> Services:
    """The services with what takes their child runs on, and those of the teams inside."""
    kin = {name: replace(one, crew=crew) for name, one in services.kin.items()}
    return replace(services, crew=crew, kin=kin)


def _given(services: Services) -> Callable[[], Awaitable[Services]]:
    async def same() -> Services:
        return services

    return same


@asynccontextmanager
async def _sweeping(engine: Engine, seconds: float) -> AsyncGenerator[None]:
    """Reminders, expiries and escalations happen in time while the block runs."""

    async def sweep() -> None:
        await gauges.refresh(engine.services)
        while True:
            await asyncio.sleep(seconds)
            try:
                await engine.recover()
            except PointsmanError as error:
                log.warning("looking what time decided failed: %s", error)
            await gauges.refresh(engine.services)

    task = asyncio.create_task(sweep())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        gauges.forget(engine.services)
