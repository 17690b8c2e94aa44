"""A real server on a free port, in the test's own loop, with a scripted team behind it."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import httpx
from starlette.applications import Starlette

from pointsman import Specialist, Team, tool
from pointsman.nodes.gateway.scripted import ScriptedTransport, choice_reply, tool_reply
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall
from pointsman.teams.access import ROLES, Issued, Role, issue
from pointsman.views.web.app import web_app
from pointsman.views.web.binding import Binding
from pointsman.views.web.config import WebConfig
from pointsman.views.web.server import serve

Json = dict[str, object]
ROLES_OF: tuple[tuple[str, Role, str], ...] = (
    ("ana", "admin", ""),
    ("rob", "reviewer", ""),
    ("vera", "viewer", ""),
    ("tess", "reviewer", "acme"),
)
"""Name, role and tenant of everybody here."""


REFUNDS: list[str] = []
"""What the tool did."""


@tool(effect="write", stakes="high")
def refund(order: str, usd: float) -> str:
    """Give money back."""
    REFUNDS.append(order)
    return f"Order {order} was refunded ${usd:g}."


async def script(request: ModelRequest) -> object:
    """A model that reads the request."""
    text = next(t.content for t in reversed(request.turns) if t.role == "user")
    if request.purpose == "route":
        return choice_reply("orders" if "A-" in text else "questions")
    if request.turns[-1].role == "tool":
        return request.turns[-1].content
    found = re.search(r"A-\d{4}", text)
    if "refund" in text and found:
        return tool_reply(ToolCall(id="c1", name="refund", args={"order": found[0], "usd": 20.0}))
    return "Hello."


def shop(home: Path) -> Team:
    """The team."""
    return Team(
        "shop",
        specialists=(
            Specialist("orders", handles="orders and refunds", tools=(refund,)),
            Specialist("questions", handles="everything else"),
        ),
        models={"fast": ("scripted",), "strong": ("scripted",)},
        transports=Transports({"scripted": lambda: ScriptedTransport(script)}),  # pyright: ignore[reportArgumentType] (it answers with what a script may give)
        home=home,
    )


def issued(name: str, role: Role = "admin", tenant: str = "") -> Issued:
    """A token of this process."""
    at = datetime.now(UTC)
    return issue("shop", name, scopes=ROLES[role], tenant=tenant, at=at)


@dataclass
class Page:
    """A browser's view of the server, signed in: its cookie, its CSRF token."""

    client: httpx.AsyncClient
    origin: str
    csrf: str = ""

    async def get(self, path: str, **query: str) -> httpx.Response:
        """Read."""
        return await self.client.get(path, params=query)

    async def post(
        self, path: str, data: object = None, headers: dict[str, str | None] | None = None
    ) -> httpx.Response:
        """Change something, as the page does; `headers` instead of its own, None for none."""
        mine: dict[str, str | None] = {
            "Origin": self.origin, "Sec-Fetch-Site": "same-origin", "X-CSRF-Token": self.csrf,
        }  # fmt: skip
        sent = {k: v for k, v in {**mine, **(headers or {})}.items() if v is not None}
        return await self.client.post(path, json={} if data is None else data, headers=sent)

    async def sign_in(self, secret: str) -> httpx.Response:
        """Sign in with a token, and keep what comes of it."""
        found = await self.post("/console/signin", {"token": secret})
        self.csrf = str(found.json().get("csrf", ""))
        return found


@dataclass
class Served:
    """A server that runs."""

    team: Team
    url: str
    app: Starlette
    tokens: dict[str, Issued]
    config: WebConfig

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    @asynccontextmanager
    async def page(self, name: str = "", **more: str) -> AsyncGenerator[Page]:
        """Somebody's browser; signed in where a name is given."""
        async with httpx.AsyncClient(
            base_url=self.url, headers=more, timeout=20, trust_env=False
        ) as client:
            page = Page(client, self.url)
            if name:
                assert (await page.sign_in(self.tokens[name].secret)).status_code == 200
            yield page

    async def ticket(self, text: str = "refund A-1234", tenant: str = "default") -> Json:
        """Ask for a refund; its card."""
        result = await self.team.run(text, tenant=tenant)
        async with self.page("ana") as page:
            cards = cast("list[Json]", (await page.get("/console/tickets")).json()["cards"])
        return next(one for one in cards if one["run"] == result.run)

    async def raw(self, text: bytes) -> bytes:
        """What the server says to these bytes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(text)
        await writer.drain()
        try:
            return await asyncio.wait_for(reader.read(65_536), 20)
        finally:
            writer.close()


@asynccontextmanager
async def served(home: Path, **changes: object) -> AsyncGenerator[Served]:
    """The team, served; `changes` of the WebConfig."""
    team = shop(home)
    tokens = {name: issued(name, role, tenant) for name, role, tenant in ROLES_OF}
    binding = Binding("127.0.0.1", 0)
    with binding.listen() as listening:
        config = replace(
            WebConfig(
                binding.url(listening), made=tuple(tokens.values()), look_seconds=0.02, api=True
            ),
            **changes,  # pyright: ignore[reportArgumentType] (fields of a WebConfig)
        )
        async with team:
            app = web_app(team, config)
            up, over = asyncio.Event(), asyncio.Event()
            task = asyncio.create_task(serve(app, listening, ready=up.set, until=over))
            try:
                async with asyncio.timeout(20):
                    await up.wait()
                yield Served(team, config.url, app, tokens, config)
            finally:
                over.set()
                await task
