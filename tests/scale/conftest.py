"""Parts for the tests of many machines: a Temporal server, workers in processes of their own."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pointsman.teams.settings import Settings
from pointsman.teams.team import Team
from pointsman.teams.temporal.names import Limits
from tests.flow.shop import Shop, shop_team
from tests.scale.nursery import Child, Nursery
from tests.scale.server import Server
from tests.scale.worker import LIMITS

POOLS = "router,billing,tech"
SPACES = tuple(f"s{number}" for number in range(80))


@dataclass
class Site:
    """A namespace of a server, its workers, and the shop's team as a client of them."""

    home: Path
    address: str
    """With the namespace."""
    nursery: Nursery
    workers: list[Child] = field(default_factory=list[Child])

    @property
    def wrote(self) -> list[str]:
        """The writes that really happened."""
        return Shop(self.home).wrote()

    def team(self, *, limits: Limits = LIMITS, address: str = "", **options: object) -> Team:
        """The team; each has services of its own, as in a process of its own."""
        return told(shop_team(self.home, **options), address or self.address, limits)

    async def work(
        self, pools: str = POOLS, *, kill: str = "", address: str = "", code: str = ""
    ) -> Child:
        """Start a worker; returns when it takes work."""
        worker = self.nursery.bear(str(self.home), address or self.address, pools, kill, code)
        self.workers.append(worker)
        await worker.ready()
        return worker

    async def died(self, worker: Child) -> None:
        """Wait until a worker has killed itself."""
        assert await worker.wait() == -signal.SIGKILL

    async def close(self) -> None:
        """Kill the workers that are left."""
        for worker in self.workers:
            worker.signal(signal.SIGKILL)
            await worker.wait()


def told(team: Team, address: str, limits: Limits = LIMITS) -> Team:
    """The team, told where its runs go."""
    there = Settings.read({"POINTSMAN_TEMPORAL": address})
    team._sessions.settings = lambda: there
    team._sessions.limits = limits
    return team


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that leave it alive."""
    made = Server(tmp_path_factory.mktemp("temporal"), SPACES)
    asyncio.run(made.start())
    yield made
    made.kill()


@pytest.fixture(scope="session")
def spaces() -> Iterator[str]:
    """Namespaces that no test has used yet."""
    return iter(SPACES)


@pytest.fixture
def address(server: Server, spaces: Iterator[str]) -> str:
    """A namespace of its own on that server."""
    return f"{server.address}/{next(spaces)}"


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Where workers come from."""
    made = Nursery(tmp_path_factory.mktemp("workers"))
    yield made
    made.close()


@pytest.fixture
async def site(tmp_path: Path, address: str, nursery: Nursery) -> AsyncGenerator[Site]:
    """A site with no workers yet."""
    made = Site(tmp_path, address, nursery)
    yield made
    await made.close()
