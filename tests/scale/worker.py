"""A worker of the shop's team in a process of its own, which may kill itself on the way.

    python -m tests.scale.worker HOME ADDRESS POOLS [KILL] [CODE]

POOLS are joined with commas. KILL is a point of KILLS; each is met once in a HOME: the worker that
is started after the killed one lives. CODE is Python that is run before. Prints
`ready` when it takes work, and drains at SIGTERM.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from temporalio import activity

from pointsman.teams.settings import Settings
from pointsman.teams.store import opening
from pointsman.teams.temporal import worker as workers
from pointsman.teams.temporal.activities import Activities
from pointsman.teams.temporal.names import SEGMENT, STEP, Limits, Moved, Work
from pointsman.teams.temporal.server import connect
from tests.flow import driver
from tests.flow.shop import shop_team

LIMITS = Limits(heartbeat=1.5, first_pause=0.1, idle=2.0, task=3.0)
"""Short times: what dies is noticed in a second and a half."""


def _once(home: Path, point: str) -> bool:
    """Whether the point is met for the first time in this home."""
    try:
        (home / f"killed-{point}").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class Killing(Activities):
    """Activities whose process dies when they are done and nobody knows it yet."""

    home = Path()
    point = ""

    def _die(self, point: str) -> None:
        if point == self.point and _once(self.home, point):
            os.kill(os.getpid(), signal.SIGKILL)

    @activity.defn(name=SEGMENT)
    async def segment(self, work: Work) -> Moved:
        moved = await super().segment(work)
        self._die("after-segment")
        return moved

    @activity.defn(name=STEP)
    async def step(self, work: Work) -> None:
        await super().step(work)
        self._die("after-step")


class Store(driver.KillingStore):
    """Dies once."""

    def _die(self, point: str) -> None:
        if point == self.point and _once(Killing.home, point):
            os.kill(os.getpid(), signal.SIGKILL)


async def main(home: Path, address: str, pools: list[str], kill: str) -> None:
    """Work until SIGTERM."""
    Killing.home, Killing.point = home, kill
    Store.point = kill
    opening.SqliteStore = Store
    workers.Activities = Killing
    workers.STICKY_SECONDS = 0.5
    team = shop_team(home)
    settings = Settings.read({})
    team._sessions.settings = lambda: settings
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = await connect(address)
    async with (
        team._sessions.segments() as engine,
        workers.working(client, engine, pools, drain=10.0, limits=LIMITS, recover_seconds=2.0),
    ):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await stop.wait()


def begin(arguments: list[str]) -> None:
    """Be a worker with these arguments."""
    home, address, pools, kill, code = (*arguments, "", "")[:5]
    exec(code, {})  # noqa: S102 (a test's own lines)
    asyncio.run(main(Path(home), address, pools.split(","), kill))


if __name__ == "__main__":
    begin(sys.argv[1:])
