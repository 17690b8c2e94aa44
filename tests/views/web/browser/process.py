"""What runs beside the tests: `serve HOME [URL]`, the console's server, which browsers may reach by
another address too; `through HOME`, the same with an issuer that signs people in; and `ask HOME`,
which gives the team messages from another process, one JSON line each."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from pointsman.teams.access import ROLES, Role, issue
from pointsman.views.web.app import web_app
from pointsman.views.web.binding import Binding
from pointsman.views.web.config import WebConfig
from pointsman.views.web.oidc.setup import OidcSetup
from pointsman.views.web.server import serve
from tests.views.web.browser.shop import ATTACK, make_team
from tests.views.web.oidc.issuing import CLIENT, issuing

PEOPLE: tuple[tuple[str, str, Role], ...] = (
    ("ana", "ana", "admin"),
    ("mia", "mia", "reviewer"),
    ("val", "val", "viewer"),
    ("attacker", ATTACK[:200], "reviewer"),
)
"""Key, name, role."""


def say(what: dict[str, str]) -> None:
    """A line to the tests."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def through(home: Path) -> None:
    """Serve with an issuer beside it, which asks people with a page of its own."""
    async with issuing(asks=True) as idp:
        roles: dict[Role, tuple[str, ...]] = {"reviewer": ("support",)}
        await served(home, oidc=OidcSetup(issuer=idp.url, client_id=CLIENT, roles=roles))


async def served(home: Path, *public: str, oidc: OidcSetup | None = None) -> None:
    """Serve until a signal; says on a line where, and everybody's token."""
    team = make_team(home)
    binding = Binding("127.0.0.1", 0)
    listening = binding.listen()
    url = binding.url(listening)
    now = datetime.now(UTC)
    made = {key: issue("shop", name, scopes=ROLES[role], at=now) for key, name, role in PEOPLE}
    config = WebConfig(
        url, made=tuple(made.values()), look_seconds=0.1, public_urls=public, oidc=oidc
    )
    async with team:
        say({"url": url, **{key: one.secret for key, one in made.items()}})
        await serve(web_app(team, config), listening)


async def asked(home: Path) -> None:
    """Run each message that comes, beside each other; a line for each as it ends or waits."""
    async with make_team(home) as team:

        async def one(line: str) -> None:
            said = json.loads(line)
            result = await team.run(
                said["text"], thread=said.get("thread"), tenant=said.get("tenant", "default")
            )
            say({"run": result.run, "status": result.status})

        async with asyncio.TaskGroup() as group:
            while line := await asyncio.to_thread(sys.stdin.readline):
                group.create_task(one(line))


if __name__ == "__main__":
    what, folder, *more = sys.argv[1:]
    asyncio.run({"serve": served, "through": through, "ask": asked}[what](Path(folder), *more))
