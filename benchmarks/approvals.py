"""What a ticket costs, as a ratio to LangGraph's bare interrupt on the same kind of store.

    python benchmarks/approvals.py [--rounds 60]

Measured in one process, side by side in interleaved rounds, after a warm-up:

- `interrupt`: a graph of one node that interrupts, resumed with `Command(resume=…)`, on LangGraph's
  SQLite checkpointer with the settings ours has (WAL, synchronous=FULL, durability "sync");
- `ticket`: what pointsman adds for one approval: freeze, approve, intend, done, settled: five
  transactions with their audit rows on the store, and nothing else;
- `team`: a whole run of a team with a scripted model: route, propose, freeze, wait, approve,
  execute, answer.

Prints p50 of CPU and wall time a round, and the ratios of `ticket` and `team` to `interrupt`.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from pointsman import Approve, Specialist, Team, tool
from pointsman.nodes.gateway.scripted import (
    Scripted,
    ScriptedTransport,
    choice_reply,
    text_reply,
    tool_reply,
)
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall
from pointsman.teams.approvals.lifecycle import decision_move, run_move
from pointsman.teams.checkpoint import open_saver
from pointsman.teams.store.sqlite import SqliteStore
from pointsman.teams.tickets import Ticket, action_digest

WARM_UP = 10
Round = Callable[[int], Awaitable[None]]


class State(TypedDict):
    """The bare graph's state."""

    answer: str


async def ask(state: State) -> State:
    """The bare graph's only node."""
    return {"answer": interrupt({"pay": 5})}


@tool(effect="write", stakes="high")
async def refund(invoice: str, usd: float) -> str:
    """Refund an invoice."""
    return f"refunded {usd:g} on {invoice}"


def script(request: ModelRequest) -> Scripted:
    """Routes, proposes one refund, and says what came of it."""
    if request.choices:
        return choice_reply(request.choices[0], probabilities=[(request.choices[0], 1.0)])
    if request.turns[-1].role == "tool":
        return text_reply(request.turns[-1].content)
    return tool_reply(ToolCall(id="c1", name="refund", args={"invoice": "INV-1", "usd": 5.0}))


async def bare_round(folder: Path) -> tuple[Round, Callable[[], Awaitable[None]]]:
    """LangGraph alone."""
    opened = open_saver(folder / "bare.db")
    saver = await opened.__aenter__()
    builder = StateGraph(State)
    builder.add_node("ask", ask)
    builder.add_edge(START, "ask")
    builder.add_edge("ask", END)
    graph = builder.compile(checkpointer=saver)

    async def once(n: int) -> None:
        config: RunnableConfig = {"configurable": {"thread_id": f"t{n}"}}
        await graph.ainvoke({"answer": ""}, config, durability="sync")
        (waits,) = (await graph.aget_state(config)).interrupts
        done = await graph.ainvoke(Command(resume={waits.id: "yes"}), config, durability="sync")
        assert done["answer"] == "yes"

    async def close() -> None:
        await opened.__aexit__(None, None, None)

    return once, close


async def ticket_round(folder: Path) -> tuple[Round, Callable[[], Awaitable[None]]]:
    """The rows of one approval."""
    store = SqliteStore(folder / "tickets.db")

    async def once(n: int) -> None:
        now = datetime.now(UTC)
        args = {"invoice": "INV-1", "usd": 5.0}
        digest = action_digest("refund", args)
        ticket = Ticket(
            id=f"t{n}", team="bench", run=f"r{n}", thread="c1", specialist="billing",
            tool="refund", args=args, digest=digest, policy_rule="default", policy_version="v1",
            reason="a refund", created=now,
        )  # fmt: skip
        await store.freeze([ticket])
        move = decision_move(Approve(by="ana"), now, {}, lambda t, e: e.args)
        await store.amend(ticket.id, move)
        assert await store.intend(f"k{n}", ticket.id, ticket.run, "refund", digest) is None
        await store.effect_ended(f"k{n}", "done", "refunded")
        await store.amend(ticket.id, run_move("execute", "executed", now, outcome="refunded"))

    return once, store.aclose


async def team_round(folder: Path) -> tuple[Round, Callable[[], Awaitable[None]]]:
    """A whole run."""
    team = Team(
        "bench",
        specialists=[Specialist("billing", handles="money", tools=(refund,))],
        home=folder / "team",
        models={"fast": ("scripted",), "strong": ("scripted",)},
        transports=Transports({"scripted": lambda: ScriptedTransport(script)}),
    )
    await team.__aenter__()

    async def once(n: int) -> None:
        waiting = await team.run("refund INV-1", thread=f"c{n}")
        done = await team.decide(waiting.tickets[0], Approve(by="ana"))
        assert getattr(done, "status", "") == "done", done

    return once, team.aclose


async def measure(rounds: int) -> None:
    """Run and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = {
            "interrupt": await bare_round(folder),
            "ticket": await ticket_round(folder),
            "team": await team_round(folder),
        }
        cpu: dict[str, list[float]] = {name: [] for name in made}
        wall: dict[str, list[float]] = {name: [] for name in made}
        for n in range(WARM_UP + rounds):
            for contender, (once, _) in made.items():
                began, used = time.perf_counter(), time.process_time()
                await once(n)
                if n >= WARM_UP:
                    cpu[contender].append(time.process_time() - used)
                    wall[contender].append(time.perf_counter() - began)
        for _, close in made.values():
            await close()
    base_cpu, base_wall = (statistics.median(t["interrupt"]) for t in (cpu, wall))
    print(f"{rounds} rounds each, interleaved, one process")
    print(f"{'':10}{'CPU ms p50':>12}{'ratio':>8}{'wall ms p50':>14}{'ratio':>8}")
    for contender in made:
        c, w = statistics.median(cpu[contender]), statistics.median(wall[contender])
        print(
            f"{contender:10}{c * 1e3:12.2f}{c / base_cpu:8.2f}{w * 1e3:14.2f}{w / base_wall:8.2f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    asyncio.run(measure(parser.parse_args().rounds))
