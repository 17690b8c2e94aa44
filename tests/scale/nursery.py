"""Workers in processes of their own, forked from one that has loaded everything: what takes the
longest of a worker's start is done once for all tests.

    python -m tests.scale.nursery FOLDER

Reads the arguments of `tests.scale.worker` from stdin, a JSON list a line, and forks a worker for
each. What it prints is `FOLDER/N.out`; when it has ended, its status is in `FOLDER/N.end`.
"""

import asyncio
import json
import os
import selectors
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
POLL_SECONDS = 0.02


def main(folder: Path) -> None:
    """Fork until stdin ends."""
    from pointsman.teams import checkpoint, graph, local, steps  # noqa: F401 (loaded before)
    from pointsman.teams.temporal import segments  # noqa: F401 (loaded before)
    from tests.scale import worker

    born: dict[int, int] = {}
    files = selectors.DefaultSelector()
    files.register(sys.stdin, selectors.EVENT_READ)
    while True:
        if files.select(POLL_SECONDS):
            line = sys.stdin.readline()
            if not line:
                return
            number = len(list(folder.glob("*.out")))
            out = (folder / f"{number}.out").open("wb")
            pid = os.fork()
            if pid == 0:
                os.dup2(out.fileno(), 1)
                os.dup2(out.fileno(), 2)
                worker.begin([str(one) for one in json.loads(line)])
                os._exit(0)
            out.close()
            born[pid] = number
            (folder / f"{number}.pid").write_text(str(pid))
        while born:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            (folder / f"{born.pop(pid)}.end").write_text(str(os.waitstatus_to_exitcode(status)))


class Child:
    """A worker, seen from the tests."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder, self._number = folder, number

    def _file(self, kind: str) -> Path:
        return self._folder / f"{self._number}.{kind}"

    @property
    def said(self) -> str:
        """All that it has printed."""
        return self._file("out").read_text() if self._file("out").exists() else ""

    @property
    def pid(self) -> int:
        """Its process."""
        return int(self._file("pid").read_text())

    @property
    def ended(self) -> int | None:
        """Its status; None while it lives."""
        file = self._file("end")
        return int(file.read_text() or "0") if file.exists() else None

    def signal(self, number: int) -> None:
        """Send it a signal, if it lives."""
        if self.ended is None:
            os.kill(self.pid, number)

    async def ready(self) -> None:
        """Wait until it takes work."""
        async with asyncio.timeout(60):
            while "ready\n" not in self.said:
                assert self.ended is None, self.said
                await asyncio.sleep(POLL_SECONDS)

    async def wait(self) -> int:
        """Wait until it has ended; its status."""
        async with asyncio.timeout(60):
            while (status := self.ended) is None:  # noqa: ASYNC110 (a file says it)
                await asyncio.sleep(POLL_SECONDS)
            return status


class Nursery:
    """The process that forks them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._born = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.scale.nursery", str(folder)],
            stdin=subprocess.PIPE, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def bear(self, *arguments: str) -> Child:
        """Start a worker with these arguments."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(arguments).encode() + b"\n")
        self._process.stdin.flush()
        child = Child(self._folder, self._born)
        self._born += 1
        return child

    def close(self) -> None:
        """End it. Its workers are ended by who started them."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
