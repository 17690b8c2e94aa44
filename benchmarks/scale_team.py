"""The teams that the benchmarks of many machines run: a scripted model, a read, a write.

Worker processes load them as `pointsman --team benchmarks.scale_team:scale worker`. A message says
`book THREAD NUMBER` or `post THREAD NUMBER`: route, look up, write, answer, which are four model
calls, one read and one write through the ledger of effects. What was written is a line of the file
that BENCH_BOOK names; a model call takes BENCH_THINK seconds (0).
"""

import asyncio
import os
from pathlib import Path

from pointsman import ApprovalPolicy, PolicyRule, Specialist, Team, tool
from pointsman.nodes.gateway.scripted import (
    Scripted,
    ScriptedTransport,
    choice_reply,
    text_reply,
    tool_reply,
)
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import JsonObject, ToolCall
from pointsman.teams.temporal.names import Limits

BOOK, THINK, PAUSE = "BENCH_BOOK", "BENCH_THINK", "BENCH_PAUSE"
HEARTBEAT, IDLE = "BENCH_HEARTBEAT", "BENCH_IDLE"


def seconds(name: str, default: float = 0.0) -> float:
    """A variable's number."""
    return float(os.environ.get(name) or default)


async def script(request: ModelRequest) -> Scripted:
    """Route by the thread's number; look up; write; answer."""
    await asyncio.sleep(seconds(THINK))
    last = max(n for n, turn in enumerate(request.turns) if turn.role == "user")
    kind, thread, number = request.turns[last].content.split()[:3]
    if request.choices:
        return choice_reply("billing" if thread[-1] in "02468" else "tech")
    match sum(bool(turn.tool_calls) for turn in request.turns[last:]):
        case 0:
            call = ToolCall(id=f"l{number}", name="lookup", args={"invoice": f"INV-{number}"})
            return tool_reply(call)
        case 1:
            args: JsonObject = {"thread": thread, "number": int(number)}
            return tool_reply(ToolCall(id=f"w{number}", name=kind, args=args))
        case _:
            return text_reply(f"{thread} {number} is written.")


def written() -> list[str]:
    """The writes that really happened, in their order."""
    book = Path(os.environ[BOOK])
    return book.read_text().splitlines() if book.exists() else []


async def write(thread: str, number: int) -> str:
    """One line, in one system call; a process that dies leaves it whole or absent."""
    await asyncio.sleep(seconds(PAUSE))
    line = f"{thread} {number}"
    file = os.open(os.environ[BOOK], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)
    await asyncio.sleep(seconds(PAUSE))
    return line


def happened(thread: str, number: int) -> str | None:
    """Whether a write has happened."""
    line = f"{thread} {number}"
    return line if line in written() else None


@tool(effect="read")
async def lookup(invoice: str) -> str:
    """Look an invoice up."""
    return f"{invoice} is 20.00 USD"


@tool(effect="write", reconcile=happened)
async def book(thread: str, number: int) -> str:
    """Write to a system that can be asked whether it was done."""
    return await write(thread, number)


@tool(effect="write")
async def post(thread: str, number: int) -> str:
    """Write to a system that cannot be asked."""
    return await write(thread, number)


def made(name: str, home: Path | None = None) -> Team:
    """A team of two."""
    tools = (lookup, book, post)
    team = Team(
        name,
        specialists=(
            Specialist("billing", handles="money", tools=tools),
            Specialist("tech", handles="devices", tools=tools),
        ),
        home=home,
        policy=ApprovalPolicy(rules=(PolicyRule("all", "allow"),)),
        models={"fast": ("scripted",)},
        transports=Transports({"scripted": lambda: ScriptedTransport(script)}),
    )
    team.sessions.limits = Limits(
        heartbeat=seconds(HEARTBEAT, Limits.heartbeat), idle=seconds(IDLE, Limits.idle)
    )
    return team


scale = made("scale")
