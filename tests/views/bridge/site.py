"""A shop's bridge in a process of its own.

    python -m tests.views.bridge.site HOME URL [POINT]

POINT `accepted` kills the process when its first request is stored and not acknowledged;
`published` when its first result is published and that is not noted. With `away` the store is away
until HOME has a file `back`.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from pointsman.errors import StoreError
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.teams.mailroom import Accepted
from pointsman.teams.team import Team
from pointsman.views.bridge.address import broker_at, parsed
from pointsman.views.bridge.bridge import Bridge
from pointsman.views.bridge.broker import Subjects
from tests.flow.shop import shop_team

SUBJECTS = Subjects("shop.in", "shop.out", "shop.events")


class Dying(Team):
    """A team whose process dies once, or whose store is away."""

    point = ""
    home = Path()

    async def accept(self, body: bytes, *, came: str) -> Accepted:
        if self.point == "away" and not (self.home / "back").exists():
            with (self.home / "asked").open("a") as file:
                file.write(".")
            raise StoreError("the store is away")
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


async def main(home: Path, url: str, point: str = "") -> None:
    """Bridge until SIGTERM."""
    team = a_team(home)
    team.__class__, Dying.point, Dying.home = Dying, point, home
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with team:
        broker = broker_at(parsed(url), team.name, SUBJECTS)
        bridge = Bridge(team, broker, SUBJECTS, drives=not team.elsewhere, look_seconds=0.1)
        await bridge.run(stop)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
