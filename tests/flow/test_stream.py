"""Streaming a run's events."""

# ruff: noqa: ASYNC240 (a test may look at a file on the loop)

import asyncio
from pathlib import Path

import pytest

from pointsman.errors import InvalidMessage, StoreError
from pointsman.nodes.event import Recorded, RunEnded, RunStarted
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.teams.tickets import Approve
from tests.flow.shop import Shop, script, shop_team


async def test_events_come_in_order_and_end_with_the_end(home: Path) -> None:
    """What is streamed is what is stored: numbered, from RunStarted to RunEnded."""
    team = shop_team(home)
    seen = [r async for r in team.stream("lookup INV-1", thread="c1")]
    assert [r.seq for r in seen] == list(range(len(seen)))
    assert isinstance(seen[0].event, RunStarted)
    last = seen[-1].event
    assert isinstance(last, RunEnded)
    assert (last.status, last.text, last.by) == ("done", "done: INV-1 is 20.00 USD", "model")
    assert sum(isinstance(r.event, RunEnded) for r in seen) == 1
    assert tuple(seen) == await team.events(seen[0].run)


async def test_events_come_while_the_run_goes_on(home: Path) -> None:
    """An event can be seen before the run is over: nothing is held back to the end."""
    go_on = asyncio.Event()

    async def slow(request: ModelRequest) -> Scripted:
        if not request.choices:
            await go_on.wait()
        return script(request)

    kinds: list[str] = []
    async for recorded in shop_team(home, model=ScriptedTransport(slow)).stream("say"):
        kinds.append(recorded.event.kind)
        if recorded.event.kind == "routed":
            go_on.set()  # without the stream this run would never end
    assert kinds[-1] == "run_ended"


async def test_a_run_that_waits_ends_its_stream(home: Path) -> None:
    """The last event says that it waits; the decision is streamed to nobody but recorded."""
    team = shop_team(home)
    seen = [r async for r in team.stream("refund INV-1 5", thread="c1")]
    last = seen[-1].event
    assert isinstance(last, RunEnded)
    assert last.status == "waiting"
    (ticket,) = await team.tickets()
    await team.decide(ticket, Approve(by="ana"))
    events = await team.events(seen[0].run)
    assert tuple(seen) == events[: len(seen)]


async def test_leaving_early_stops_the_work_and_it_can_go_on(home: Path, shop: Shop) -> None:
    """Closing the stream cancels the run's work, leaves no task behind, and resume finishes it."""
    model = ScriptedTransport(script)
    team = shop_team(home, model=model)
    before = asyncio.all_tasks()
    stream = team.stream("lookup INV-1 > lookup INV-2", thread="c1")
    first: Recorded = await anext(stream)
    await stream.aclose()
    assert asyncio.all_tasks() == before
    assert len(model.requests) < 4
    result = await team.resume(first.run)
    assert (result.status, result.answer) == (
        "done",
        "done: INV-1 is 20.00 USD | INV-2 is 20.00 USD",
    )


async def test_a_cancelled_consumer_leaves_no_task_behind(home: Path) -> None:
    """Cancelling whoever reads the stream cancels the work with it."""
    asked = asyncio.Event()

    async def forever(_: ModelRequest) -> Scripted:
        asked.set()
        await asyncio.sleep(60)
        return "billing"

    async def consume() -> None:
        async for _ in shop_team(home, model=ScriptedTransport(forever)).stream("say"):
            pass

    before = asyncio.all_tasks()
    work = asyncio.create_task(consume())
    await asyncio.wait_for(asked.wait(), 20)
    await asyncio.sleep(0.05)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() == before


async def test_what_run_raises_stream_raises(home: Path) -> None:
    """A message that is none, and a folder that cannot be used, are errors of the stream."""
    with pytest.raises(InvalidMessage):
        _ = [r async for r in shop_team(home).stream(" ")]
    home.write_text("a file where the folder should be")
    with pytest.raises(StoreError):
        _ = [r async for r in shop_team(home).stream("say")]


async def test_two_streams_do_not_mix(home: Path) -> None:
    """Each gets its own run's events only."""
    async with shop_team(home) as team:

        async def collect(thread: str) -> list[Recorded]:
            return [r async for r in team.stream("lookup INV-1", thread=thread)]

        one, two = await asyncio.gather(collect("c1"), collect("c2"))
    for seen in (one, two):
        assert len({r.run for r in seen}) == 1
        assert isinstance(seen[-1].event, RunEnded)
    assert one[0].run != two[0].run
