"""A user's project with a scripted team, and ways to run the command line on it."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from pointsman.views.cli.main import cli

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _home_of_the_project(monkeypatch: pytest.MonkeyPatch, clean_environment: None) -> None:
    """State lies where a user finds it: in the project's folder."""
    monkeypatch.delenv("POINTSMAN_HOME")


TEAM = '''
"""A small team on a scripted model that reads the request."""

import asyncio
import re
from pathlib import Path

from pointsman import Specialist, Team, tool
from pointsman.errors import ModelAuth
from pointsman.nodes.gateway.scripted import ScriptedTransport, choice_reply, tool_reply
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall

PROJECT = Path(__file__).parents[1]


@tool(effect="read")
def find_order(order: str) -> str:
    """Look an order up."""
    return f"Order {order} is on its way."


def change(order: str, usd: float) -> str:
    return f"{order}: ${usd:.2f} goes back"


@tool(effect="write", stakes="high", preview=change)
def refund(order: str, usd: float) -> str:
    """Give money back."""
    with (PROJECT / "effects.txt").open("a") as file:
        file.write(f"{order} {usd:g}\\n")
    return f"Order {order} was refunded ${usd:g}."


async def script(request):
    text = next(t.content for t in reversed(request.turns) if t.role == "user")
    last = request.turns[-1]
    if "slow" in text:
        (PROJECT / "asked.txt").write_text("asked")
        await asyncio.sleep(60)
    if "wrong key" in text:
        return ModelAuth("Model 'scripted' refused the key.", hint="Set SCRIPTED_API_KEY.")
    if request.purpose == "route":
        chosen = "orders" if "A-" in text else "questions"
        other = "questions" if chosen == "orders" else "orders"
        return choice_reply(chosen, probabilities=((chosen, 0.9), (other, 0.1)))
    if last.role == "tool":
        return "Nothing was changed." if last.content.startswith("rejected") else last.content
    found = re.search(r"A-\\d{4}", text)
    if found is None:
        return "Hello."
    if "refund" in text:
        args = {"order": found[0], "usd": 20.0}
        return tool_reply(ToolCall(id="c1", name="refund", args=args))
    return tool_reply(ToolCall(id="c1", name="find_order", args={"order": found[0]}))


team = Team(
    "shop",
    specialists=(
        Specialist("orders", handles="orders and refunds", tools=(find_order, refund)),
        Specialist("questions", handles="everything else"),
    ),
    models={"fast": ("scripted",), "strong": ("scripted",)},
    transports=Transports({"scripted": lambda: ScriptedTransport(script)}),
)
'''


@dataclass(frozen=True)
class Outcome:
    """What a command came to: its exit code and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Shop:
    """A project on disk. `pointsman` runs a command line in it, in a process of its own."""

    folder: Path

    @property
    def effects(self) -> list[str]:
        """What the refund tool did, one line a call."""
        path = self.folder / "effects.txt"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def environ(self) -> dict[str, str]:
        """A clean environment in which `pointsman` can be imported."""
        # A module of the test's own process may have set the size of its terminal.
        drop = ("POINTSMAN", "OTEL", "LINES", "COLUMNS")
        keep = {k: v for k, v in os.environ.items() if not k.startswith(drop)}
        path = os.pathsep.join(filter(None, [str(ROOT), keep.get("PYTHONPATH")]))
        return {**keep, "PYTHONPATH": path, "USER": "ana", "LOGNAME": "ana"}

    def command(self, *args: str) -> list[str]:
        """The process that is `pointsman ARGS`."""
        start = "from pointsman.views.cli.main import main; main()"
        return [sys.executable, "-W", "error", "-c", start, *args]

    def pointsman(
        self, *args: str, stdin: bytes = b"", environ: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run a command line to its end, without a terminal."""
        done = subprocess.run(
            self.command(*args),
            cwd=self.folder,
            env={**self.environ, **(environ or {})},
            input=stdin,
            capture_output=True,
            timeout=100,
            check=False,
        )
        return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())

    def invoke(self, *args: str, stdin: bytes = b"") -> Outcome:
        """Run a command line in this process, which is faster."""
        path, known = list(sys.path), set(sys.modules)
        try:
            with contextlib.chdir(self.folder):
                done = CliRunner().invoke(cli, args, input=stdin)
        finally:
            sys.path[:] = path
            for name in set(sys.modules) - known:
                if name.partition(".")[0] == "teams":
                    del sys.modules[name]
        return Outcome(done.exit_code, done.stdout, done.stderr)

    def messages(self, lines: Sequence[str | bytes]) -> str:
        """Write a messages file; its name."""
        data = b"\n".join(x if isinstance(x, bytes) else x.encode() for x in lines)
        (self.folder / "messages.jsonl").write_bytes(data + b"\n")
        return "messages.jsonl"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A project whose team runs on a scripted model."""
    folder = tmp_path / "shop"
    (folder / "teams").mkdir(parents=True)
    (folder / "teams" / "__init__.py").touch()
    (folder / "teams" / "shop.py").write_text(TEAM)
    (folder / "pyproject.toml").write_text('[tool.pointsman]\nteam = "teams.shop:team"\n')
    return Shop(folder)
