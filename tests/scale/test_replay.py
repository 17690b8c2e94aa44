"""Recorded histories replay under today's workflow: workers of new code can take over old threads.

To record new ones, after a change that `workflow.patched` guards or that adds a way:

    python -m tests.scale.test_replay

It runs each way on a dev server of its own and writes tests/scale/histories/NAME-N.json, N being
the next number; what is there is never written over, since old histories are what must replay.
"""

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer, Worker

from pointsman.teams.temporal.names import Dispatch, Item, Moved, router_queue, workflow_id
from pointsman.teams.temporal.threads import Threads
from pointsman.teams.temporal.workflow import ThreadWorkflow
from tests.scale.server import Server
from tests.scale.test_workflow import LIMITS, Bench, fails, row_of

FOLDER = Path(__file__).parent / "histories"
RECORDED = sorted(path.name for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", RECORDED)
async def test_a_recorded_history_replays(name: str) -> None:
    """The workflow of today gives the same commands as the one that made the history."""
    history = WorkflowHistory.from_json(name, (FOLDER / name).read_text())
    await Replayer(workflows=[ThreadWorkflow]).replay_workflow(history)


def test_each_way_is_recorded() -> None:
    """No way of the workflow is without a history."""
    assert {name.rpartition("-")[0] for name in RECORDED} >= set(WAYS)


async def answered(bench: Bench) -> None:
    """A run with a step, and the next message."""
    asked = iter([Moved("running", [Dispatch("execute", "", "c1")]), Moved("done"), Moved("done")])
    bench.does = lambda _: next(asked)
    bench.gate.set()
    await bench.move("a")
    await bench.move("b")


async def decided(bench: Bench) -> None:
    """A run that waits with a timer, and is decided."""
    asked = iter([Moved("waiting", due=4e9), Moved("done")])
    bench.does = lambda _: next(asked)
    bench.gate.set()
    await bench.move("a")
    await bench.threads.wake(row_of("a"), Item("a", -1))
    await bench.until(lambda: len(bench.segments) == 2)


async def lined_up(bench: Bench) -> None:
    """Several at once, by priority."""
    async with bench.line(("a", 5), ("b", 9), ("c", 0)) as tasks:
        pass
    await asyncio.gather(*tasks)


async def parked(bench: Bench) -> None:
    """Parked, tried again, parked, skipped."""
    bench.does = fails("bad")
    bench.gate.set()
    await bench.move("bad")
    await bench.threads.unpark("shop", "default", "t", "retry")
    await bench.move("next")
    await bench.until(lambda: bench.segments == ["bad"] * 4)
    await bench.move("later")
    await bench.threads.unpark("shop", "default", "t", "skip")
    await bench.until(lambda: bench.segments[-2:] == ["next", "later"])


async def handed_over(bench: Bench) -> None:
    """Continue-as-new with one that waits."""
    bench.threads = replace(bench.threads, limits=replace(LIMITS, history=20))
    bench.does = lambda work: Moved("waiting" if work.run == "w" else "done")
    bench.gate.set()
    await bench.move("w")
    for n in range(4):
        await bench.threads.wake(row_of(f"r{n}"), Item(f"r{n}"))
    await bench.until(lambda: len(set(bench.segments)) == 5)


WAYS: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "answered": answered, "decided": decided, "handed_over": handed_over, "lined_up": lined_up,
    "parked": parked,
}  # fmt: skip


async def record() -> None:
    """Record each way once more."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), tuple(WAYS))
        await server.start()
        try:
            for name, way in WAYS.items():
                client = await Client.connect(server.address, namespace=name, identity="recorder")
                bench = Bench(Threads(client, LIMITS))
                async with Worker(
                    client, task_queue=router_queue("shop"), workflows=[ThreadWorkflow],
                    activities=[bench.segment, bench.step, bench.bury],
                ):  # fmt: skip
                    await way(bench)
                    await asyncio.sleep(0.5)
                await write(client, name)
        finally:
            server.kill()


async def write(client: Client, name: str) -> None:
    """The histories of the thread's workflows, the next number each."""
    FOLDER.mkdir(exist_ok=True)
    thread = workflow_id("shop", "default", "t")
    async for one in client.list_workflows(f"WorkflowId = '{thread}'"):
        history = await client.get_workflow_handle(one.id, run_id=one.run_id).fetch_history()
        there = [int(path.stem.rpartition("-")[2]) for path in FOLDER.glob(f"{name}-*.json")]
        number = max(there, default=0) + 1
        if len(history.events) < 5:
            continue  # only just begun: nothing in it could be replayed
        kept = json.dumps(plain(json.loads(history.to_json())), separators=(",", ":"))
        (FOLDER / f"{name}-{number}.json").write_text(kept + "\n")


def plain(value: object) -> object:
    """The history without what says where it was recorded; replay needs none of it."""
    match value:
        case dict():
            return {k: plain(v) for k, v in value.items() if k not in ("identity", "stackTrace")}
        case list():
            return [plain(one) for one in value]
        case _:
            return value


if __name__ == "__main__":
    asyncio.run(record())
