"""The API behind a real server on a free port, over the shop's team and a scripted model."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.teams.access import Scope
from pointsman.teams.team import Team
from pointsman.views.web.app import web_app
from pointsman.views.web.binding import checked_binding
from pointsman.views.web.config import WebConfig
from tests.flow.shop import script, shop_team

ALL: tuple[Scope, ...] = ("read", "submit", "decide", "admin")


class Quiet(uvicorn.Server):
    """A server that leaves the test's signals alone."""

    @contextmanager
    def capture_signals(self):
        """No signal is taken."""
        yield


@dataclass
class Served:
    """A server at work, and how to talk to it."""

    url: str
    team: Team
    home: Path
    stop: Callable[[], None]
    """Tell it to stop, as a signal does."""
    secrets: list[str] = field(default_factory=list[str])

    async def client(
        self, name: str = "ana", *, scopes: Sequence[Scope] = ALL, tenant: str = ""
    ) -> httpx.AsyncClient:
        """A client with a token of its own."""
        _, secret = await self.team.new_token(name, scopes=scopes, tenant=tenant)
        self.secrets.append(secret)
        return self.as_whoever({"Authorization": f"Bearer {secret}"})

    def as_whoever(self, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
        """A client without a token, or with these headers."""
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30, trust_env=False)


@asynccontextmanager
async def serving(team: Team, home: Path, **config: Any) -> AsyncGenerator[Served]:
    """The team behind a real server, which stops in order at the end."""
    binding = checked_binding("127.0.0.1", 0, tls=None, insecure=False, tokens=True)
    async with team:
        with binding.listen() as listening:
            url = binding.url(listening)
            app = web_app(team, WebConfig(url, console=False, api=True, **config))
            server = Quiet(
                uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=10)
            )
            task = asyncio.create_task(server.serve(sockets=[listening]))
            try:
                async with asyncio.timeout(20):
                    while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
                        await asyncio.sleep(0.01)
                yield Served(url, team, home, app.state.stop)
            finally:
                app.state.stop()
                server.should_exit = True
                await task


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A new folder of state."""
    return tmp_path / "home"


@pytest.fixture
def model() -> ScriptedTransport:
    """The scripted model, which remembers what it was asked."""
    return ScriptedTransport(script)


@pytest.fixture
async def served(home: Path, model: ScriptedTransport) -> AsyncGenerator[Served]:
    """The shop behind a server."""
    async with serving(shop_team(home, model=model), home) as made:
        yield made


@pytest.fixture
async def client(served: Served) -> AsyncGenerator[httpx.AsyncClient]:
    """A client that may do everything, named ana."""
    async with await served.client() as made:
        yield made


async def waiting(client: httpx.AsyncClient, text: str = "refund INV-1 5") -> dict[str, Any]:
    """Send a message whose run waits for a person; its ticket."""
    run = (
        await client.post("/v1/messages", json={"text": text}, headers={"Prefer": "wait=30"})
    ).json()
    assert run["state"] == "waiting", run
    found = (await client.get("/v1/tickets", params={"run": run["run"]})).json()
    (ticket,) = found["tickets"]
    return ticket


async def ended(client: httpx.AsyncClient, run: str) -> dict[str, Any]:
    """The run when it is over."""
    async with asyncio.timeout(30):
        while True:
            view = (await client.get(f"/v1/runs/{run}")).json()
            if view["state"] not in ("running", "waiting"):
                return view
            await asyncio.sleep(0.02)


def problem(response: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """The problem document of a response, which must have this status and be of this kind."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told = response.json()
    assert told["status"] == status
    assert told["type"] == f"urn:pointsman:problem:{name}"
    assert told["title"]
    assert told["detail"]
    return told
