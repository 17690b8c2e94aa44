"""Pools of specialists at work: shards with their own workers, and a rate over all of them."""

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from temporalio.client import Client

from pointsman.errors import RunBusy
from pointsman.nodes.specialist import Specialist
from pointsman.teams.temporal import engine as client_side
from pointsman.teams.temporal.duty import Duty, on_duty
from pointsman.teams.temporal.names import STEP, shard_of
from pointsman.teams.temporal.queues import starts
from pointsman.teams.temporal.server import connect
from tests.contracts.engine import FREE
from tests.flow.shop import Shop, shop_team, two_specialists
from tests.scale.conftest import Site

SHARDED = """
from dataclasses import replace
from tests.flow import shop

made = shop.two_specialists

def sharded(home):
    billing, tech = made(home)
    return (replace(billing, shards=2), tech)

shop.two_specialists = sharded
"""
"""A worker whose billing has two shards."""


def sharded(shop: Shop) -> Sequence[Specialist]:
    """The same team for its clients."""
    billing, tech = two_specialists(shop)
    return (replace(billing, shards=2), tech)


def threads_of(shard: int, count: int) -> list[str]:
    """So many threads whose steps go to a shard."""
    every = (f"t{number}" for number in range(100))
    of = [one for one in every if shard_of(f"default\x1f{one}", 2) == shard]
    return of[:count]


@dataclass(frozen=True)
class Taken:
    """A step in the engine's own record."""

    queue: str
    worker: str
    """Process and host."""
    given: float
    begun: float
    """Seconds since the epoch, by the engine's clock."""


async def steps(client: Client) -> list[Taken]:
    """The steps of all threads that somebody took."""
    found: list[Taken] = []
    async for one in client.list_workflows("WorkflowType = 'pointsman.thread'"):
        handle = client.get_workflow_handle(one.id, run_id=one.run_id)
        events = {event.event_id: event for event in (await handle.fetch_history()).events}
        for event in events.values():
            if not event.HasField("activity_task_started_event_attributes"):
                continue
            begun = event.activity_task_started_event_attributes
            asked = events[begun.scheduled_event_id]
            what = asked.activity_task_scheduled_event_attributes
            if what.activity_type.name == STEP:
                times = (asked.event_time.ToMilliseconds(), event.event_time.ToMilliseconds())
                found.append(Taken(what.task_queue.name, begun.identity, *(t / 1e3 for t in times)))
    return found


@pytest.mark.slow
async def test_a_thread_stays_with_its_shards_worker(site: Site) -> None:
    """Every step of a thread goes to the worker of its shard. That worker is killed: its threads
    stand still and the others do not, until the next worker of the shard comes."""
    await site.work("router,tech", code=SHARDED)
    workers = [await site.work(f"billing-{shard}", code=SHARDED) for shard in range(2)]
    team = site.team(specialists=sharded)
    async with team:
        for shard in range(2):
            for thread in threads_of(shard, 2):
                for number in range(2):
                    done = await team.run(f"lookup {thread}-{number}", thread=thread)
                    assert done.status == "done"
        took = {(one.queue, one.worker.partition("@")[0]) for one in await steps(
            await connect(site.address))}  # fmt: skip
        assert took == {(f"shop.sp-billing-{n}", str(workers[n].pid)) for n in range(2)}
        workers[1].signal(signal.SIGKILL)
        await workers[1].wait()
        (alone,), (served,) = threads_of(1, 1), threads_of(0, 1)
        waits = asyncio.create_task(team.run("lookup late", thread=alone))
        assert (await team.run("lookup early", thread=served)).status == "done"
        assert not waits.done()
        await site.work("billing-1", code=SHARDED)
        assert (await waits).answer == "done: late is 20.00 USD"


@pytest.mark.slow
async def test_a_shard_without_a_worker_is_named(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for it is told the command that starts one."""
    monkeypatch.setattr(client_side, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(client_side, "PATIENCE", 0.4)
    workers = site.team(specialists=sharded)
    duty = Duty(pools=("router", "billing"), shard=(0, 2), drain=1.0)
    async with on_duty(workers.sessions, duty):
        with pytest.raises(RunBusy, match=r"shop\.sp-billing-1") as told:
            await site.team(specialists=sharded).run("lookup INV-1", thread=threads_of(1, 1)[0])
    assert "pointsman worker --pool billing --shard 1/2" in str(told.value)


def test_a_start_says_pools_and_shards(tmp_path: Path) -> None:
    """One command for whole pools, one for each single shard; none for what is no pool."""
    spec = shop_team(tmp_path, specialists=sharded).spec
    assert starts(spec, ("router", "billing-0", "billing-1", "tech")) == (
        "worker --pool router --pool billing --pool tech",
    )
    assert starts(spec, ("tech", "billing-1")) == (
        "worker --pool tech", "worker --pool billing --shard 1/2",
    )  # fmt: skip
    assert starts(spec, ("nobody",)) == ()


@pytest.mark.slow
async def test_a_rate_holds_over_all_workers(site: Site) -> None:
    """Two workers of one pool at one step a second: by the engine's own times five steps that wait
    begin in three seconds or more, since it may give two at once at first."""
    count, rate = 5, 1.0
    async with AsyncExitStack() as stack:
        for _ in range(2):
            workers = site.team(policy=FREE)
            await stack.enter_async_context(
                on_duty(workers.sessions, Duty(per_second=rate, drain=5.0))
            )
        team = site.team(policy=FREE)
        async with team:
            await asyncio.gather(
                *(team.run("lookup INV-1", thread=f"t{number}") for number in range(count))
            )
    taken = [one for one in await steps(await connect(site.address)) if "billing" in one.queue]
    begun = sorted(one.begun for one in taken)
    assert len(begun) == count
    assert begun[-1] - begun[0] >= (count - 2) / rate
    assert max(one.begun - one.given for one in taken) >= 1.0 / rate
