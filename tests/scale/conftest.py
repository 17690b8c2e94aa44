"""Parts for the tests of many machines: a Temporal server, workers in processes of their own."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pointsman.teams.settings import Settings
from pointsman.teams.team import Team
from tests.flow.shop import Shop, shop_team
from tests.scale.server import Server
from tests.scale.worker import LIMITS

ROOT = Path(__file__).parents[2]
POOLS = "router,billing,tech"


@dataclass
class Site:
    """A server, its workers, and the shop's team as a client of them."""

    home: Path
    server: Server
    workers: list[asyncio.subprocess.Process] = field(
        default_factory=list[asyncio.subprocess.Process]
    )

    @property
    def wrote(self) -> list[str]:
        """The writes that really happened."""
        return Shop(self.home).wrote()

    def team(self) -> Team:
        """The team; each has services of its own, as in a process of its own."""
        team = shop_team(self.home)
        there = Settings.read({"POINTSMAN_TEMPORAL": self.server.address})
        team._sessions.settings = lambda: there
        team._sessions.limits = LIMITS
        return team

    async def work(self, pools: str = POOLS, *, kill: str = "") -> asyncio.subprocess.Process:
        """Start a worker; returns when it takes work."""
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.scale.worker", str(self.home), self.server.address, pools,
            kill, cwd=ROOT, stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        self.workers.append(worker)
        assert worker.stdout is not None
        async with asyncio.timeout(30):
            assert await worker.stdout.readline() == b"ready\n"
        return worker

    async def died(self, worker: asyncio.subprocess.Process) -> None:
        """Wait until a worker has killed itself."""
        async with asyncio.timeout(30):
            assert await worker.wait() == -signal.SIGKILL


@pytest.fixture
async def site(tmp_path: Path) -> AsyncGenerator[Site]:
    """A server of its own, with no workers yet."""
    server = Server(tmp_path)
    await server.start()
    made = Site(tmp_path, server)
    try:
        yield made
    finally:
        for worker in made.workers:
            with suppress(ProcessLookupError):
                worker.kill()
            await worker.wait()
        await server.kill()
