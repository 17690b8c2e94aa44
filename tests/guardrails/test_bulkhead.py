"""The bulkhead: a bound on visits at once, a fair and bounded queue, and no place ever lost."""

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.errors import DeadlineExceeded, Misconfigured, RateLimited
from pointsman.guardrails.bulkhead import Bulkhead
from pointsman.nodes.message import Message
from pointsman.nodes.run import Run
from tests.guardrails.bench import Bench, Inner, ask


class Held:
    """A node whose visits last until they are let go, one by one."""

    def __init__(self) -> None:
        self.entered: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    async def __call__(self, message: Message, run: Run) -> Message:
        self.entered.append(run.thread)
        self.gates[run.thread] = gate = asyncio.Event()
        await gate.wait()
        return message


async def turns(n: int = 5) -> None:
    """Let everything that can go on go on."""
    for _ in range(n):
        await asyncio.sleep(0)


def visit(bulkhead: Bulkhead, node: Held, thread: str) -> "asyncio.Task[Message]":
    """One visit, begun."""
    return asyncio.ensure_future(bulkhead.wrap(node)(ask(), Bench().run(thread=thread)))  # type: ignore[return-value]


async def test_those_who_wait_come_in_as_they_came() -> None:
    """Two inside, the rest in the order of their coming, each as a place gets free."""
    bulkhead, node = Bulkhead(2), Held()
    tasks = []
    for name in "abcd":
        tasks.append(visit(bulkhead, node, name))
        await turns()
    assert node.entered == ["a", "b"]
    for free, following in (("b", "abc"), ("a", "abcd")):
        node.gates[free].set()
        await turns()
        assert node.entered == list(following)
        assert bulkhead.inside == 2
    for name in "cd":
        node.gates[name].set()
    await asyncio.gather(*tasks)
    assert bulkhead.inside == 0


async def test_a_full_queue_refuses_at_once() -> None:
    """RateLimited says who is full and carries `retry_after`."""
    bulkhead, node = Bulkhead(1, waiting=1), Held()
    first, second = visit(bulkhead, node, "a"), visit(bulkhead, node, "b")
    await turns()
    with pytest.raises(RateLimited, match="'billing' has 1 visits under way") as caught:
        await visit(bulkhead, node, "c")
    assert caught.value.retry_after == 1.0
    node.gates["a"].set()
    await turns()
    node.gates["b"].set()
    await asyncio.gather(first, second)


async def test_a_wait_ends_in_time_and_leaves_the_queue() -> None:
    """After `wait` seconds, or at the run's deadline if that is sooner."""
    bulkhead, node = Bulkhead(1, wait=0.01), Held()
    first = visit(bulkhead, node, "a")
    await turns()
    with pytest.raises(RateLimited, match=r"none ended in 0\.01 s"):
        await visit(bulkhead, node, "b")
    patient = Bulkhead(1)
    other = visit(patient, node, "p")
    await turns()
    with pytest.raises(RateLimited):
        await patient.wrap(Inner())(ask(), Bench().run(deadline=1000.01))
    with pytest.raises(DeadlineExceeded):
        await patient.wrap(Inner())(ask(), Bench().run(deadline=999.0))
    for name, task in (("a", first), ("p", other)):
        node.gates[name].set()
        await task
    assert (bulkhead.inside, patient.inside) == (0, 0)


async def test_an_error_gives_the_place_back() -> None:
    """Whatever comes out of a visit."""
    bulkhead = Bulkhead(1)
    for _ in range(3):
        with pytest.raises(KeyError):
            await bulkhead.wrap(Inner(KeyError("x")))(ask(), Bench().run())
    assert bulkhead.inside == 0


@settings(max_examples=60, deadline=None)
@given(
    most=st.integers(1, 3),
    steps=st.lists(st.tuples(st.sampled_from(["come", "go", "cancel", "turn"]), st.integers(0, 9))),
)
def test_no_interleaving_loses_or_adds_a_place(most: int, steps: list[tuple[str, int]]) -> None:
    """Visits come, end and are cancelled, waiting or inside or just woken: never more than `most`
    inside, nobody waits beside a free place, and all are free in the end."""

    async def play() -> None:
        bulkhead, node = Bulkhead(most), Held()
        tasks: dict[str, asyncio.Task[Message]] = {}
        for n, (step, which) in enumerate(steps):
            name = str(which)
            if step == "come":
                tasks[str(n + 100)] = visit(bulkhead, node, str(n + 100))
            elif step == "turn":
                await turns(which)
            elif tasks:
                name = list(tasks)[which % len(tasks)]
                if step == "cancel":
                    tasks[name].cancel()
                elif name in node.gates:
                    node.gates[name].set()
            under_way = [n for n in node.entered if not tasks[n].done()]
            assert len(under_way) <= most
        for _ in range(len(tasks) + 1):
            await turns()
            for gate in node.gates.values():
                gate.set()
        await asyncio.wait_for(asyncio.gather(*tasks.values(), return_exceptions=True), 5)
        assert bulkhead.inside == 0
        await bulkhead.wrap(Inner())(ask(), Bench().run())

    asyncio.run(play())


def test_it_holds_across_threads_and_their_event_loops() -> None:
    """Four loops in four threads share two places, and all their visits end."""
    bulkhead = Bulkhead(2)
    lock, inside, most, done = threading.Lock(), 0, 0, 0

    async def short(message: Message, run: Run) -> Message:
        nonlocal inside, most, done
        with lock:
            inside += 1
            most = max(most, inside)
        await asyncio.sleep(0.001)
        with lock:
            inside -= 1
            done += 1
        return message

    async def five() -> None:
        node = bulkhead.wrap(short)
        await asyncio.gather(*(node(ask(), Bench().run()) for _ in range(5)))

    threads = [threading.Thread(target=lambda: asyncio.run(five())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (most <= 2, done, bulkhead.inside) == (True, 20, 0)


@pytest.mark.parametrize(
    "wrong", [{"most": 0}, {"most": 1, "waiting": -1}, {"most": 1, "wait": -1}]
)
def test_bounds_that_let_nobody_in_are_refused(wrong: dict[str, int]) -> None:
    """Misconfigured."""
    with pytest.raises(Misconfigured):
        Bulkhead(**wrong)
