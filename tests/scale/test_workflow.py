"""A thread's workflow by itself, with activities that do what a test says."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from pointsman.errors import NotFound, RunBusy
from pointsman.nodes.message import Message, Request
from pointsman.teams.store.rows import RunRow
from pointsman.teams.temporal.names import (
    BURY,
    PARKED,
    SEGMENT,
    STEP,
    Bury,
    Dispatch,
    Item,
    Limits,
    Moved,
    Work,
    router_queue,
    shard_of,
    workflow_id,
)
from pointsman.teams.temporal.server import connect
from pointsman.teams.temporal.threads import Threads
from pointsman.teams.temporal.workflow import ThreadWorkflow

LIMITS = Limits(heartbeat=5.0, attempts=2, first_pause=0.01, idle=1.0)


def row_of(run: str, *, thread: str = "t", priority: int = 5) -> RunRow:
    """A run of a thread."""
    message = Message(
        id=run, sender="user", receiver="shop", priority=priority, payload=Request(text="x")
    )
    return RunRow(run, "shop", thread, "default", message, "running", run, False, None, None, None)


@dataclass
class Bench:
    """The workflow with its activities, which note what they are asked."""

    threads: Threads
    does: Callable[[Work], Moved] = lambda _: Moved("done")
    segments: list[str] = field(default_factory=list[str])
    steps: list[str] = field(default_factory=list[str])
    buried: list[str] = field(default_factory=list[str])
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn(name=SEGMENT)
    async def segment(self, work: Work) -> Moved:
        """Note it, wait until the test lets it, do what the test says."""
        self.segments.append(work.run)
        await self.gate.wait()
        return self.does(work)

    @activity.defn(name=STEP)
    async def step(self, work: Work) -> None:
        """Note it."""
        self.steps.append(work.step)

    @activity.defn(name=BURY)
    async def bury(self, work: Bury) -> None:
        """Note it."""
        self.buried.append(work.run)

    async def move(self, run: str, *, priority: int = 5, update: str | None = None) -> str:
        """Give the thread a run."""
        item = Item(run, priority)
        return await self.threads.move(row_of(run, priority=priority), item, update=update)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for it."""
        async with asyncio.timeout(20):
            while not true():  # noqa: ASYNC110 (the server's doing)
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def line(self, *items: tuple[str, int]) -> AsyncGenerator[list[asyncio.Task[str]]]:
        """Runs that come one after another while the first is worked on; then the gate opens."""
        tasks: list[asyncio.Task[str]] = []
        for number, (run, priority) in enumerate(items):
            tasks.append(asyncio.create_task(self.move(run, priority=priority)))
            if number == 0:
                await self.until(lambda: bool(self.segments))
            else:
                async with asyncio.timeout(20):
                    while not await self.holds(run):  # noqa: ASYNC110 (the server's doing)
                        await asyncio.sleep(0.01)
        yield tasks
        self.gate.set()

    async def holds(self, run: str) -> bool:
        """Whether the workflow has it in line."""
        box = await self.threads.mailbox(row_of("any"))
        return box is not None and any(one.run == run for one in box.ready)


@pytest.fixture
async def client(address: str) -> Client:
    """A client of a namespace of its own."""
    return await connect(address)


@pytest.fixture
async def bench(client: Client) -> AsyncGenerator[Bench]:
    """The workflow at work."""
    made = Bench(Threads(client, LIMITS))
    async with Worker(
        client, task_queue=router_queue("shop"), workflows=[ThreadWorkflow],
        activities=[made.segment, made.step, made.bury],
    ):  # fmt: skip
        yield made
        made.gate.set()


def fails(*runs: str) -> Callable[[Work], Moved]:
    """These fail at every attempt."""

    def does(work: Work) -> Moved:
        if work.run in runs:
            raise ApplicationError("it kills whoever takes it", type="Poison")
        return Moved("done")

    return does


async def test_the_most_urgent_goes_next_and_equals_as_they_came(bench: Bench) -> None:
    """Nobody overtakes the run that is worked on."""
    async with bench.line(("a", 5), ("b", 9), ("c", 5), ("d", 0), ("e", 5)) as tasks:
        pass
    assert await asyncio.gather(*tasks) == ["done"] * 5
    assert bench.segments == ["a", "d", "c", "e", "b"]


async def test_a_step_is_taken_between_two_segments(bench: Bench) -> None:
    """Its queue is the specialist's, or the router's for nobody's step."""
    asked = iter([Moved("running", [Dispatch("execute", "", "c1")]), Moved("done")])
    bench.does = lambda _: next(asked)
    bench.gate.set()
    assert await bench.move("a") == "done"
    assert (bench.segments, bench.steps) == (["a", "a"], ["execute"])


async def test_a_full_mailbox_refuses_and_says_so(client: Client, bench: Bench) -> None:
    """One more than the bound is refused; what is in line is served."""
    bench.threads = Threads(client, replace(LIMITS, line=2))
    async with bench.line(("a", 5), ("b", 5), ("c", 5)) as tasks:
        with pytest.raises(RunBusy, match="full mailbox"):
            await bench.move("d")
        await bench.threads.wake(row_of("e"), Item("e"))
        assert not await bench.holds("e")
    assert await asyncio.gather(*tasks) == ["done"] * 3


async def test_the_same_update_is_one(bench: Bench) -> None:
    """Sent twice while it is worked on, and once after: one segment."""
    sent = [asyncio.create_task(bench.move("a", update="a")) for _ in range(2)]
    await bench.until(lambda: bool(bench.segments))
    bench.gate.set()
    assert await asyncio.gather(*sent) == ["done", "done"]
    assert await bench.move("a", update="a") == "done"
    assert bench.segments == ["a"]


async def test_a_run_taken_on_while_it_stops_looking_is_looked_at_again(bench: Bench) -> None:
    """A decision that comes while a segment ends is never lost."""
    first = asyncio.create_task(bench.move("a"))
    await bench.until(lambda: bool(bench.segments))
    second = asyncio.create_task(bench.move("a"))
    await asyncio.sleep(0.3)
    bench.gate.set()
    assert await asyncio.gather(first, second) == ["done", "done"]
    assert bench.segments == ["a", "a"]


@pytest.mark.parametrize(
    ("way", "buried", "after"),
    [("retry", [], ["bad", "next"]), ("skip", ["bad"], ["next"]), ("give_up", ["bad", "next"], [])],
)
async def test_a_parked_thread_goes_on_as_a_person_says(
    bench: Bench, way: str, buried: list[str], after: list[str]
) -> None:
    """After the last attempt nothing moves, and who waits is told; then it is tried again, or it
    fails alone, or it fails with the line behind it."""
    bench.does = fails("bad")
    async with bench.line(("bad", 5), ("next", 5)) as tasks:
        pass
    assert await asyncio.gather(*tasks) == [PARKED, PARKED]
    assert bench.segments == ["bad", "bad"]  # two attempts
    assert await bench.move("later") == PARKED
    box = await bench.threads.mailbox(row_of("bad"))
    assert box is not None
    assert (box.parked, "it kills whoever takes it" in box.why) == ("bad", True)
    bench.does = lambda _: Moved("done")
    bench.segments.clear()
    assert await bench.threads.unpark("shop", "default", "t", way) == "bad"  # pyright: ignore
    rest = [] if way == "give_up" else ["later"]
    await bench.until(lambda: bench.segments == [*after, *rest])
    assert bench.buried == buried + (["later"] if way == "give_up" else [])
    with pytest.raises(NotFound):
        await bench.threads.unpark("shop", "default", "t", "skip")


async def test_what_is_no_fault_of_the_run_is_tried_for_ever(bench: Bench) -> None:
    """A store that is gone for longer than all attempts parks nothing."""
    failures = iter(range(5))

    def does(work: Work) -> Moved:
        if next(failures, None) is not None:
            raise ApplicationError("no connection", type="StoreUnreachable")
        return Moved("done")

    bench.does = does
    bench.gate.set()
    assert await bench.move("a") == "done"
    assert len(bench.segments) == 6


async def test_a_long_history_is_handed_over(client: Client, bench: Bench) -> None:
    """Continue-as-new in the middle of a line: nothing is lost and the order is kept; what waits
    and what is parked goes along."""
    bench.threads = Threads(client, replace(LIMITS, history=30))
    bench.does = lambda work: Moved("waiting" if work.run == "w" else "done")
    bench.gate.set()
    assert await bench.move("w") == "waiting"
    handle = client.get_workflow_handle(workflow_id("shop", "default", "t"))
    first = (await handle.describe()).run_id
    runs = [f"r{n}" for n in range(12)]

    async def sent(run: str) -> str:
        while (state := await bench.move(run, update=run)) == "again":  # noqa: ASYNC110 (the server's doing)
            await asyncio.sleep(0.02)
        return state

    assert await asyncio.gather(*(sent(run) for run in runs)) == ["done"] * 12
    assert (await handle.describe()).run_id != first
    assert sorted(set(bench.segments)) == sorted(["w", *runs])
    bench.does = fails("bad")
    assert await sent("bad") == PARKED
    for n in range(8):
        await bench.threads.wake(row_of(f"z{n}"), Item(f"z{n}"))
    box = await bench.threads.mailbox(row_of("w"))
    assert box is not None
    assert (box.parked, list(box.waiting)) == ("bad", ["w"])
    assert [one.run for one in box.ready] == [f"z{n}" for n in range(8)]
    assert await bench.threads.unpark("shop", "default", "t", "skip") == "bad"
    await bench.until(lambda: "z7" in bench.segments)
    assert bench.segments[-8:] == [f"z{n}" for n in range(8)]


async def test_an_idle_thread_ends_and_begins_anew(client: Client, bench: Bench) -> None:
    """A workflow does not stand for ever; the next message starts the next one."""
    bench.gate.set()
    bench.threads = Threads(client, replace(LIMITS, idle=0.2))
    assert await bench.move("a") == "done"
    handle = client.get_workflow_handle(workflow_id("shop", "default", "t"))
    await handle.result()
    assert await bench.threads.mailbox(row_of("a")) is None
    assert await bench.move("b") == "done"


async def test_a_woken_run_needs_no_sender(client: Client, bench: Bench) -> None:
    """A message that was only posted is worked on."""
    await bench.threads.wake(row_of("a"), Item("a"))
    await bench.threads.wake(row_of("a"), Item("a"))
    bench.gate.set()
    await bench.until(lambda: len(bench.segments) > 0)
    assert await bench.move("b") == "done"
    assert bench.segments[-1] == "b"


def test_a_thread_keeps_its_shard() -> None:
    """Always the same one; one more shard moves few threads, and only to itself."""
    threads = [f"t{n}" for n in range(400)]
    before = [shard_of(one, 4) for one in threads]
    after = [shard_of(one, 5) for one in threads]
    moved = [(b, a) for b, a in zip(before, after, strict=True) if a != b]
    assert before == [shard_of(one, 4) for one in threads]
    assert set(before) == {0, 1, 2, 3}
    assert {a for _, a in moved} == {4}
    assert 40 < len(moved) < 130
    assert shard_of("t", 0) == -1
