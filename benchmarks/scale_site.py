"""The servers and processes of the benchmarks of many machines, all on the loopback: Temporal's dev
server, PostgreSQL on a socket, and workers as `pointsman worker` starts them."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests import postgres
from tests.scale.server import Server, free_port

ROOT = Path(__file__).parents[1]
START_SECONDS = 120.0
MAIN = "import sys; from pointsman.views.cli.main import main; sys.exit(main())"


@dataclass
class Worker:
    """A worker process. Its CPU is known as long as it lives."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def ready(self) -> bool:
        """Whether its health endpoint says that it takes work."""
        if self.process.poll() is not None:
            raise RuntimeError(f"A worker ended: {self.log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def wait_ready(self) -> None:
        """Wait until it takes work."""
        give_up = time.monotonic() + START_SECONDS
        while not self.ready():
            if time.monotonic() > give_up:
                raise RuntimeError(f"A worker does not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.1)

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it and wait for its end."""
        self.process.send_signal(how)
        self.process.wait()


@dataclass
class Site:
    """What runs; each cell of a measurement has a namespace and a database of its own."""

    folder: Path
    temporal: Server
    postgres: postgres.Server
    _born: int = 0
    _workers: list[Worker] = field(default_factory=list[Worker])

    def environment(self, home: Path, *, store: str = "", namespace: str = "") -> dict[str, str]:
        """What a process of a cell is told: its folder, store and engine."""
        told = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "POINTSMAN_HOME": str(home),
            "POINTSMAN_CACHE": "off",
            "BENCH_BOOK": str(home / "book"),
        }
        if store:
            told["POINTSMAN_STORE"] = store
        if namespace:
            told["POINTSMAN_TEMPORAL"] = f"{self.temporal.address}/{namespace}"
        return told

    def work(self, told: dict[str, str], *options: str) -> Worker:
        """Start a worker."""
        port, log = free_port(), self.folder / f"worker-{self._born}.log"
        self._born += 1
        with log.open("ab") as out:
            process = subprocess.Popen(
                [
                    sys.executable, "-c", MAIN,
                    "--team", "benchmarks.scale_team:scale",
                    "worker", "--health", f"127.0.0.1:{port}", "--drain", "5", *options,
                ],
                env=told, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip
        worker = Worker(process, port, log)
        self._workers.append(worker)
        return worker

    @property
    def servers(self) -> dict[str, int]:
        """The ids of both servers' processes."""
        temporal = self.temporal._process  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] (id)
        found = {"postgres": self.postgres.process, "temporal": temporal}
        return {name: process.pid for name, process in found.items() if process is not None}

    def close(self) -> None:
        """End the workers that are left."""
        for worker in self._workers:
            if worker.process.poll() is None:
                worker.kill()


@asynccontextmanager
async def site(folder: Path, namespaces: tuple[str, ...]) -> AsyncGenerator[Site]:
    """The servers while the block runs."""
    temporal = Server(folder, namespaces)
    with postgres.server() as database:
        await temporal.start()
        made = Site(folder, temporal, database)
        try:
            yield made
        finally:
            made.close()
            temporal.kill()


def cpu(pid: int) -> float:
    """CPU seconds of a process and all that it has started, those that have ended too."""
    total = 0.0
    process = psutil.Process(pid)
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
