"""A broker, and bridges of the shop in processes of their own."""

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from pointsman.nodes.digest import JsonObject
from tests.views.bridge.kafkad import KafkaServer
from tests.views.bridge.natsd import NatsServer
from tests.views.bridge.rabbitd import RabbitServer

Server = NatsServer | RabbitServer | KafkaServer

ROOT = Path(__file__).parents[3]
PATHS = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))


def a_request(text: str = "lookup INV-1", *, name: str = "e1", **change: object) -> JsonObject:
    """A request as another system sends it."""
    event: dict[str, Any] = {
        "specversion": "1.0", "id": name, "source": "crm", "type": "pointsman.request",
        "time": "2026-01-01T00:00:00Z", "dataschema": "pointsman.request@1",
        "correlationid": "case-7", "thread": "c1", "data": {"kind": "request", "text": text},
    }  # fmt: skip
    return event | change


def body_of(event: JsonObject | bytes) -> bytes:
    """An event as it is sent."""
    return event if isinstance(event, bytes) else json.dumps(event).encode()


class Site:
    """A broker, and bridges of the shop in processes of their own."""

    def __init__(self, home: Path, server: Server) -> None:
        self.home = home
        self.server = server
        self.bridges: list[asyncio.subprocess.Process] = []

    async def bridge(self, point: str = "", **env: str) -> asyncio.subprocess.Process:
        """Start a bridge."""
        made = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.views.bridge.site", str(self.home), self.server.url, point,
            cwd=ROOT, env={**os.environ, "PYTHONPATH": PATHS, **env},
        )  # fmt: skip
        self.bridges.append(made)
        return made

    async def send(self, *events: JsonObject | bytes) -> None:
        """Publish requests, once the bridge takes them."""
        await self.server.send(*(body_of(event) for event in events))

    async def gets(self, subject: str, count: int, *, seconds: float = 60) -> list[JsonObject]:
        """The first events of a subject."""
        found = await self.server.gets(subject, count, seconds=seconds)
        return [json.loads(one) for one in found]

    async def none_left(self) -> None:
        """Wait until every request is acknowledged."""
        async with asyncio.timeout(60):
            while await self.server.left():  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.1)

    async def close(self) -> None:
        """Kill the bridges that are left."""
        for one in self.bridges:
            with suppress(ProcessLookupError):
                one.kill()
            await one.wait()
