"""Messages of one thread, in order: first come, first served; urgent ones first; none twice."""

# ruff: noqa: ASYNC110 (a row that another connection writes sends no signal)

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pointsman.errors import RunBusy
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.teams.team import Team
from tests.flow.processes import change, killed, order, rows
from tests.flow.shop import script, shop_team


@dataclass
class Slow:
    """The shop's model; it holds its first answer back until `let`, and notes what it answers."""

    let: asyncio.Event = field(default_factory=asyncio.Event)
    served: list[str] = field(default_factory=list[str])

    async def __call__(self, request: ModelRequest) -> Scripted:
        said = [turn.content for turn in request.turns if turn.role == "user"][-1]
        if request.choices:
            return script(request)
        self.served.append(said)
        await self.let.wait()
        return script(request)


async def in_line(home: Path, count: int) -> None:
    """Wait until so many runs are on record."""
    async with asyncio.timeout(20):
        while rows(home, "SELECT count(*) FROM runs") != [(count,)]:
            await asyncio.sleep(0.01)


async def sent(
    home: Path,
    teams: Sequence[Team],
    messages: Sequence[tuple[str, int]],
    *,
    begun: Slow | None = None,
) -> list[asyncio.Task[object]]:
    """The messages one after another, each on record before the next comes, by turns through each
    of the teams. With `begun` the first one is at its model before the others come."""
    tasks: list[asyncio.Task[object]] = []
    for n, (text, priority) in enumerate(messages):
        run = teams[n % len(teams)].run(text, thread="t", priority=priority)
        tasks.append(asyncio.create_task(run))
        await in_line(home, n + 1)
        async with asyncio.timeout(20):
            while begun is not None and not begun.served:
                await asyncio.sleep(0.01)
    return tasks


async def test_messages_of_a_thread_run_as_they_came(home: Path) -> None:
    """Through two sessions on one store, eight at once: one at a time, in order."""
    model = Slow()
    one, two = (shop_team(home, model=ScriptedTransport(model)) for _ in range(2))
    async with one, two:
        tasks = await sent(home, (one, two), [(f"say {n}", 5) for n in range(8)])
        model.let.set()
        results = await asyncio.gather(*tasks)
    assert [getattr(result, "status", "") for result in results] == ["done"] * 8
    assert model.served == [f"say {n}" for n in range(8)]


async def test_urgent_messages_go_first(home: Path) -> None:
    """The one that was begun ends; then the most urgent, then as they came."""
    model = Slow()
    async with shop_team(home, model=ScriptedTransport(model)) as team:
        messages = [("say a", 5), ("say b", 5), ("say c", 9), ("say d", 0), ("say e", 5)]
        tasks = await sent(home, (team,), messages, begun=model)
        model.let.set()
        await asyncio.gather(*tasks)
    assert model.served[0] == "say a"
    assert model.served[1:] == ["say d", "say b", "say e", "say c"]


async def test_a_message_whose_process_died_is_not_overtaken(home: Path) -> None:
    """The next message of its thread finishes it first, and sees what it came to."""
    await killed(home, run="lookup INV-1", thread="t", message_id="m1", kill="after-first-answer")
    assert rows(home, "SELECT state FROM runs") == [("running",)]
    team = shop_team(home)
    second = await team.run("say b", thread="t")
    assert second.status == "done"
    ((first,),) = rows(home, "SELECT run FROM runs WHERE run != ?", second.run)
    assert (await team.result(first)).status == "done"
    said = rows(home, "SELECT run FROM log ORDER BY seq")
    assert [run for (run,) in said] == [first, first, second.run, second.run]


async def test_a_run_that_waits_for_a_person_holds_nobody_up(home: Path) -> None:
    """The next message of the thread runs at once; the ticket stays open."""
    team = shop_team(home)
    waits = await team.run("refund INV-1 5", thread="t")
    assert (await team.run("say hello", thread="t")).status == "done"
    assert (await team.result(waits.run)).status == "waiting"


async def test_two_processes_keep_the_order(home: Path) -> None:
    """Messages that came to one process and are served by another."""
    model = Slow()
    async with shop_team(home, model=ScriptedTransport(model)) as team:
        tasks = await sent(home, (team,), [("say a", 5), ("say b", 5)])
        other = asyncio.create_task(order(home, run="say c", thread="t", message_id="m"))
        await in_line(home, 3)
        model.let.set()
        await asyncio.gather(*tasks)
        assert (await other)["status"] == "done"
    logged = rows(home, "SELECT message FROM log ORDER BY seq")
    said = [json.loads(message)["payload"] for (message,) in logged]
    texts = [payload["text"] for payload in said if payload["kind"] == "request"]
    assert texts == ["say a", "say b", "say c"]


async def test_a_process_that_lost_the_thread_writes_no_checkpoint(home: Path) -> None:
    """It stood still, another one took the thread over, and it wakes up before it noticed: its next
    checkpoint is refused, and the run goes on where the other one finds it."""
    model = Slow()
    async with shop_team(home, model=ScriptedTransport(model)) as team:
        task = asyncio.create_task(team.run("say a", thread="t", message_id="m"))
        async with asyncio.timeout(20):
            while not model.served:
                await asyncio.sleep(0.01)
        change(home, "UPDATE leases SET owner = 'another', epoch = epoch + 1")
        model.let.set()
        with pytest.raises(RunBusy, match="was not written"):
            await task
    change(home, "UPDATE leases SET expires = 0")
    assert (await shop_team(home).run("say a", thread="t", message_id="m")).status == "done"
