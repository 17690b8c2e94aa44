"""Workers that stop in order, and what they say of a server that is gone."""

import asyncio
import signal
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from temporalio.worker import Worker

from pointsman.teams.store.rows import RunRow
from pointsman.teams.temporal import worker as worker_side
from pointsman.teams.temporal.duty import Duty, on_duty
from pointsman.teams.temporal.segments import SegmentEngine
from tests.contracts.engine import FREE
from tests.scale.conftest import Site
from tests.scale.proxy import proxied
from tests.scale.server import Server
from tests.scale.test_faults import SLOW, inside, there, until
from tests.scale.worker import LIMITS


@pytest.mark.slow
async def test_old_and_new_workers_together(site: Site) -> None:
    """A rolling deploy: new workers come, old ones drain at SIGTERM; every message is answered once
    and in its thread's order."""
    old = [await site.work(), await site.work()]
    team = site.team(policy=FREE)
    async with team:
        running = [
            asyncio.create_task(team.run(f"lookup INV-{n}", thread=f"t{n % 3}")) for n in range(9)
        ]
        for worker in old:
            await site.work()
            worker.signal(signal.SIGTERM)
            running += [
                asyncio.create_task(team.run(f"lookup INV-{n}", thread=f"t{n % 3}"))
                for n in range(3)
            ]
        came = await asyncio.gather(*running)
        assert [await worker.wait() for worker in old] == [0, 0]
    assert [one.status for one in came] == ["done"] * 15


@pytest.mark.slow
async def test_a_worker_told_to_stop_ends_its_step(site: Site) -> None:
    """SIGTERM in the middle of a step: it ends it, and leaves the rest to others."""
    worker = await site.work(code=SLOW)
    running = asyncio.create_task(site.team().run("lookup SLOW", thread="t"))
    await there(site.home / "asked")
    worker.signal(signal.SIGTERM)
    await asyncio.sleep(0.3)
    assert worker.ended is None
    (site.home / "go").touch()
    assert await worker.wait() == 0
    await site.work()
    assert (await running).status == "done"


@pytest.mark.slow
async def test_what_is_not_ended_in_time_is_handed_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that outlasts the drain goes to the next worker at once, and counts as no failure."""
    stands = asyncio.Event()
    take = SegmentEngine.take_step

    async def still(self: SegmentEngine, row: RunRow, step: str, *, at: str) -> None:
        stands.set()
        await asyncio.sleep(60)

    monkeypatch.setattr(SegmentEngine, "take_step", still)
    limits = replace(LIMITS, attempts=1)
    async with AsyncExitStack() as stack:
        async with inside(site, drain=0.1):
            running = asyncio.create_task(site.team(limits=limits).run("lookup INV-1", thread="t"))
            await stands.wait()
        monkeypatch.setattr(SegmentEngine, "take_step", take)
        await stack.enter_async_context(inside(site))
        assert (await running).status == "done"


@pytest.mark.slow
async def test_all_pools_drain_at_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one pool ends its step the others take nothing new either: `drain` is for all."""
    stands, go, told_to = asyncio.Event(), asyncio.Event(), list[str]()
    take, shutdown = SegmentEngine.take_step, Worker.shutdown

    async def still(self: SegmentEngine, row: RunRow, step: str, *, at: str) -> None:
        stands.set()
        await go.wait()
        await take(self, row, step, at=at)

    async def noted(self: Worker) -> None:
        told_to.append(self.task_queue)
        await shutdown(self)

    monkeypatch.setattr(SegmentEngine, "take_step", still)
    monkeypatch.setattr(Worker, "shutdown", noted)
    async with AsyncExitStack() as stack:
        async with inside(site, drain=30.0):
            running = asyncio.create_task(site.team().run("lookup INV-1", thread="t"))
            await stands.wait()
            releasing = asyncio.create_task(until(lambda: len(told_to) == 3))
            releasing.add_done_callback(lambda _: go.set())
        await releasing
        monkeypatch.undo()
        await stack.enter_async_context(inside(site))
        assert (await running).status == "done"


@pytest.mark.slow
async def test_a_server_that_is_gone_is_said_once(
    site: Site, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A worker says it in its log, for all of its polls together, and once when it is back."""
    monkeypatch.setattr(worker_side, "WATCH_SECONDS", 0.3)
    space = site.address.partition("/")[2]

    def said(what: str) -> int:
        return sum(what in record.getMessage() for record in caplog.records)

    async with proxied(server.port) as proxy:
        away = site.team(address=f"127.0.0.1:{proxy.port}/{space}")
        async with on_duty(away.sessions, Duty(drain=1.0)):
            proxy.cut()
            await until(lambda: said("does not answer") > 0)
            await asyncio.sleep(1.0)  # polls and looks fail again
            proxy.mend()
            await until(lambda: said("answers again") > 0)
            assert (said("does not answer"), said("answers again")) == (1, 1)
    assert "gRPC" not in "".join(capfd.readouterr())
