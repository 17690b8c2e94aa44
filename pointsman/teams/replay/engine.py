"""The engine of a replay: the team's own graph and steps, over what is played."""

# pyright: reportUnknownMemberType=false
# LangGraph ships partial types.

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from pointsman.nodes.gateway.transports import Transports
from pointsman.teams.bounds import Bounds
from pointsman.teams.checkpoint import Saver, memory_saver
from pointsman.teams.family import nested
from pointsman.teams.graph import build
from pointsman.teams.local import LocalEngine
from pointsman.teams.record import Recorder
from pointsman.teams.replay.gateway import PlayGateway
from pointsman.teams.replay.play import Play
from pointsman.teams.replay.store import PlayStore
from pointsman.teams.services import Opened, Services, open_services
from pointsman.teams.sessions import Sessions, with_crew
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import RunRow


@dataclass(frozen=True)
class PlayEngine(LocalEngine):
    """Takes a played run as far as it goes."""

    async def play(self, row: RunRow) -> None:
        """Until it ends or waits. Nobody else works on it: it is in this store alone."""
        await self._take_on(row)


@asynccontextmanager
async def play_engine(
    sessions: Sessions, play: Play, source: Store
) -> AsyncGenerator[tuple[PlayEngine, PlayStore]]:
    """An engine that plays, on a store in memory that is gone afterwards."""
    store = PlayStore(play, source=source, clock=play.clock)
    recorder = Recorder(store, clock=play.clock)
    recorder.tapes = play
    opened = Opened(store=store, gateway=PlayGateway, recorder=recorder)
    async with AsyncExitStack() as stack:
        services = await asyncio.to_thread(
            play_services, sessions, source, opened, clock=play.clock
        )
        stack.push_async_callback(services.aclose)
        yield engine_on(services, memory_saver()), store


def engine_on(services: Services, saver: Saver) -> PlayEngine:
    """An engine that keeps its checkpoints there."""
    made: list[PlayEngine] = []

    @asynccontextmanager
    async def crew(row: RunRow) -> AsyncGenerator[PlayEngine]:
        yield made[0]

    services = with_crew(services, crew)
    graphs = {
        one.spec.name: build(one.spec, _given(one)).compile(checkpointer=saver, name=one.spec.name)
        for one in (services, *services.kin.values())
    }
    made.append(PlayEngine(services, graphs.pop(services.spec.name), graphs))
    return made[0]


def play_services(
    sessions: Sessions,
    source: Store,
    opened: Opened,
    *,
    clock: Callable[[], float],
    tells: bool = False,
    within: Services | None = None,
) -> Services:
    """The services of a team, and of those inside it, over what is played. `tells`: whether
    reviewers are told of tickets."""
    settings = sessions.settings()
    spec = sessions.spec if within is None else replace(sessions.spec, home=within.home)
    services = open_services(
        spec, settings, on_ticket=sessions.on_ticket if tells else None,
        transports=sessions.transports or Transports(),
        bounds=Bounds.of(spec, settings, clock=clock), clock=clock, within=within, opened=opened,
    )  # fmt: skip
    if isinstance(services.gateway, PlayGateway):
        services.gateway.source = source
    kin: dict[str, Services] = {}
    for one in nested(spec).values():
        inner = play_services(
            one.sessions, source, opened, clock=clock, tells=tells, within=services
        )
        kin |= {one.spec.name: inner, **inner.kin}
    return replace(services, kin=kin)


def _given(services: Services) -> Callable[[], Awaitable[Services]]:
    async def same() -> Services:
        return services

    return same
