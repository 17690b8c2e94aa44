"""Workers that die with SIGKILL: every message is answered, every write happens once."""

import asyncio
import random

import pytest

from pointsman import Approve
from tests.scale.conftest import Site


def some(*points: str) -> list[object]:
    """All of them, of which one is in the normal run, always the same."""
    now = random.Random(9).sample(points, 1)
    return [pytest.param(p, marks=[] if p in now else [pytest.mark.slow]) for p in points]


async def test_runs_end_and_wait_as_on_one_machine(site: Site) -> None:
    """A message, a write that a person approves, and the same message again."""
    await site.work()
    team = site.team()
    waits = await team.run("lookup INV-1 > refund INV-1 5", thread="a", message_id="m1")
    assert waits.status == "waiting"
    done = await team.decide(waits.tickets[0], Approve(by="ana"))
    assert (done.status, site.wrote) == ("done", ["refunded 5 on INV-1"])
    again = await team.run("lookup INV-1 > refund INV-1 5", thread="a", message_id="m1")
    assert (again.run, again.answer) == (done.run, done.answer)
    assert site.wrote == ["refunded 5 on INV-1"]


@pytest.mark.parametrize(
    "point",
    some("after-segment", "after-step", "after-first-answer", "after-freeze", "after-waiting"),
)
async def test_a_killed_worker_loses_nothing_of_a_message(site: Site, point: str) -> None:
    """Whoever dies while a message is worked on, the next worker ends it as if nothing was."""
    doomed = await site.work(kill=point)
    running = asyncio.create_task(site.team().run("refund INV-1 5", thread="a", message_id="m1"))
    await site.died(doomed)
    await site.work()
    waits = await running
    assert (waits.status, len(waits.tickets)) == ("waiting", 1)
    done = await site.team().decide(waits.tickets[0], Approve(by="ana"))
    assert (done.status, site.wrote) == ("done", ["refunded 5 on INV-1"])


@pytest.mark.parametrize(
    "point", some("after-intend", "before-done", "after-done", "after-settled")
)
async def test_a_killed_worker_acts_once_or_asks(site: Site, point: str) -> None:
    """Whoever dies while an approved write happens, it happens once, or a person is asked whether
    it did."""
    doomed = await site.work(kill=point)
    waits = await site.team().run("refund INV-1 5", thread="a", message_id="m1")
    deciding = asyncio.create_task(site.team().decide(waits.tickets[0], Approve(by="ana")))
    await site.died(doomed)
    await site.work()
    came = await deciding
    happened = site.wrote == ["refunded 5 on INV-1"]
    if point in ("after-done", "after-settled"):
        assert (came.status, happened) == ("done", True)
        return
    assert came.status == "waiting"
    (asked,) = came.tickets
    assert (asked.kind, happened) == ("ambiguous", point == "before-done")
