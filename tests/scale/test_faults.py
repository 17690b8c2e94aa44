"""What goes wrong on many machines: nothing is lost, nothing happens twice, the order is kept."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pointsman.errors import RunBusy
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.message import Terms
from pointsman.teams.result import Result
from pointsman.teams.store.rows import RunRow
from pointsman.teams.team import Team
from pointsman.teams.temporal import engine as client_side
from pointsman.teams.temporal import recovering
from pointsman.teams.temporal.duty import Duty, on_duty
from pointsman.teams.temporal.segments import SegmentEngine
from pointsman.teams.temporal.server import connect
from pointsman.teams.temporal.status import engine_state
from pointsman.teams.temporal.threads import Threads
from pointsman.teams.temporal.worker import working
from pointsman.teams.tickets import Approve
from tests.contracts.engine import FREE, passed, started
from tests.flow.processes import rows
from tests.flow.shop import Shop, shop_team
from tests.scale.conftest import Site, told
from tests.scale.nursery import Nursery
from tests.scale.proxy import proxied
from tests.scale.server import Server
from tests.scale.worker import LIMITS

SLOW = '''
import asyncio, os, signal
from pointsman.nodes.tool import tool
from tests.flow import shop

tools = shop.Shop.tools

def slow(self, **more):
    home = self.file.parent

    @tool(effect="read", timeout=50.0)
    async def lookup(invoice: str) -> str:
        """Look an invoice up."""
        (home / "asked").touch()
        if invoice == "BOOM":
            os.kill(os.getpid(), signal.SIGKILL)
        while invoice == "SLOW" and not (home / "go").exists():
            await asyncio.sleep(0.05)
        return f"{invoice} is 20.00 USD"

    return (lookup, *tools(self, **more)[1:])

shop.Shop.tools = slow
'''
"""A worker whose look-up of SLOW stands still until a file is there, and dies of BOOM."""


async def there(file: Path) -> None:
    """Wait for a file."""
    async with asyncio.timeout(30):
        while not file.exists():  # noqa: ASYNC110, ASYNC240 (another process makes it)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def inside(site: Site, *, drain: float = 5.0, **options: object) -> AsyncGenerator[None]:
    """Workers of all pools in this process."""
    team = site.team(**options)
    async with on_duty(team.sessions, Duty(drain=drain)):
        yield


# Processes that die


@pytest.mark.parametrize(
    "point", ["after-first-answer", pytest.param("after-step", marks=pytest.mark.slow)]
)
async def test_a_killed_specialist_is_replaced(site: Site, point: str) -> None:
    """Only its pool stands still; the router lives. The next worker of the pool ends the step."""
    await site.work("router,tech")
    doomed = await site.work("billing", kill=point)
    running = asyncio.create_task(site.team().run("refund INV-1 5", thread="a", message_id="m1"))
    await site.died(doomed)
    assert (await site.team().run("tech: lookup INV-1", thread="b")).status == "done"
    await site.work("billing")
    waits = await running
    assert (waits.status, len(waits.tickets)) == ("waiting", 1)
    done = passed(await site.team().decide(waits.tickets[0], Approve(by="ana")))
    assert (done.status, site.wrote) == ("done", ["refunded 5 on INV-1"])


async def test_a_killed_server_goes_on_where_it_was(tmp_path: Path, nursery: Nursery) -> None:
    """SIGKILL with four runs in flight and one ticket open: all five end, each write once."""
    server = Server(tmp_path)
    await server.start()
    site = Site(tmp_path, server.address, nursery)
    try:
        policy = ApprovalPolicy(rules=(PolicyRule("refunds", "ask", tools=("refund",)),
                                       PolicyRule("all", "allow")))  # fmt: skip
        async with inside(site, policy=policy):
            team = site.team(policy=policy)
            waits = await team.run("refund INV-1 5", thread="w")
            async with team:
                running = [
                    asyncio.create_task(
                        team.run(f"slow_note {n}a > slow_note {n}b", thread=f"t{n}")
                    )
                    for n in range(4)
                ]
                await started(team, 5)
                await asyncio.sleep(0.5)
                server.kill()
                await asyncio.sleep(1.0)
                await server.start()
                came = await asyncio.gather(*running)
            assert [one.status for one in came] == ["done"] * 4
            done = passed(await site.team(policy=policy).decide(waits.tickets[0], Approve(by="a")))
        assert done.status == "done"
        wrote = [f"noted {n}{x} slowly" for n in range(4) for x in "ab"]
        assert sorted(site.wrote) == sorted([*wrote, "refunded 5 on INV-1"])
    finally:
        await site.close()
        server.kill()


async def test_a_partitioned_worker_writes_nothing(site: Site, server: Server) -> None:
    """A worker is cut off from the engine, though not from the store; another one takes its step
    over and ends the run; what the first gives late is refused."""
    space = site.address.partition("/")[2]
    async with proxied(server.port) as proxy:
        zombie = await site.work(address=f"127.0.0.1:{proxy.port}/{space}", code=SLOW)
        running = asyncio.create_task(site.team().run("lookup SLOW > note a", thread="t"))
        await there(site.home / "asked")
        proxy.cut()
        await site.work()
        waits = await running
        assert waits.status == "waiting"
        before = written(site.home)
        (site.home / "go").touch()
        async with asyncio.timeout(30):
            while "epoch" not in zombie.said:  # noqa: ASYNC110 (its log)
                await asyncio.sleep(0.05)
    assert written(site.home) == before
    done = passed(await site.team().decide(waits.tickets[0], Approve(by="ana")))
    assert (done.status, site.wrote) == ("done", ["noted a"])


def written(home: Path) -> list[object]:
    """All that a worker could have written of a run."""
    tables = ("events", "tickets", "effects", "log", "runs")
    return [rows(home, f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]


# Inputs that cannot be worked on


@pytest.mark.slow
async def test_an_input_that_kills_workers_is_parked(site: Site) -> None:
    """Every attempt costs a worker its life, which the engine's state tells; then the thread stands
    still until a person skips it, and the next message is answered. What was skipped is a dead
    letter."""
    limits = replace(LIMITS, attempts=2)
    doomed = await site.work(code=SLOW)
    team = site.team(limits=limits)
    client = await connect(site.address)
    running = asyncio.create_task(team.run("lookup BOOM", thread="t"))
    await site.died(doomed)
    async with team.sessions.services() as services, asyncio.timeout(30):
        while not (state := await engine_state(client, team.spec, services.store)).retrying:  # noqa: ASYNC110 (the server's doing)
            await asyncio.sleep(0.1)
        (again,) = state.retrying
        assert (again.thread, again.pool, again.attempt, again.attempts) == ("t", "billing", 2, 2)
        assert (again.why, state.parked) == ("its worker gave no sign of life any more", ())
        doomed = await site.work(code=SLOW)
        await site.died(doomed)
        await site.work(code=SLOW)
        with pytest.raises(RunBusy, match="parked"):
            await running
        await team.post("lookup INV-2", thread="t")
        state = await engine_state(client, team.spec, services.store)
    (parked,) = state.parked
    assert (parked.thread, parked.line, state.retrying) == ("t", 1, ())
    assert state.stands
    run = await Threads(client, limits).unpark("shop", "default", "t", "skip")
    assert (await site.team().run("lookup INV-1", thread="t")).status == "done"
    assert [row.run for row in await site.team().dead()] == [run]


@pytest.mark.slow
async def test_an_input_that_always_fails_is_parked_and_tried_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code that fails on it is mended and a person says retry: then it is answered."""
    take = SegmentEngine.take_step

    async def fails(self: SegmentEngine, row: RunRow, step: str, *, at: str) -> None:
        raise TypeError("a mistake in the code")

    monkeypatch.setattr(SegmentEngine, "take_step", fails)
    limits = replace(LIMITS, attempts=2)
    async with inside(site):
        team = site.team(limits=limits)
        with pytest.raises(RunBusy, match="parked"):
            await team.run("lookup INV-1", thread="t", message_id="m")
        monkeypatch.setattr(SegmentEngine, "take_step", take)
        await Threads(await connect(site.address), limits).unpark("shop", "default", "t", "retry")
        again = await team.run("lookup INV-1", thread="t", message_id="m")
    assert (again.status, again.answer) == ("done", "done: INV-1 is 20.00 USD")


# Nobody there


async def test_without_workers_the_sender_is_told(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which queue stands still and which command helps; the message is stored, and answered when a
    worker comes."""
    monkeypatch.setattr(client_side, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(client_side, "PATIENCE", 0.4)
    team = site.team()
    with pytest.raises(RunBusy, match=r"shop\.router") as told_so:
        await team.run("lookup INV-1", thread="t", message_id="m")
    assert "pointsman worker --pool router" in str(told_so.value)
    async with inside(site):
        monkeypatch.undo()
        done = await team.run("lookup INV-1", thread="t", message_id="m")
    assert done.status == "done"


@pytest.mark.slow
async def test_without_a_specialists_worker_the_sender_is_told(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The router works, and the pool that the next step is for does not."""
    monkeypatch.setattr(client_side, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(client_side, "PATIENCE", 0.4)
    async with on_duty(site.team().sessions, Duty(pools=("router",), drain=1.0)):
        with pytest.raises(RunBusy, match=r"shop\.sp-billing"):
            await site.team().run("lookup INV-1", thread="t")


@pytest.mark.slow
async def test_opening_a_team_waits_for_nobody(site: Site) -> None:
    """A decision is stored while no worker lives: the next opening wakes its run and returns, and
    the first worker acts on it."""
    async with inside(site):
        waits = await site.team().run("refund INV-1 5", thread="t")
    alone = shop_team(site.home)
    async with alone.sessions.services() as services:
        from pointsman.teams.claim import claim

        await claim(alone.spec, services.store, waits.tickets[0].id, Approve(by="ana"),
                    services.now())  # fmt: skip
    async with asyncio.timeout(20):
        async with site.team():
            assert site.wrote == []
    async with inside(site):
        await until(lambda: site.wrote == ["refunded 5 on INV-1"])


@pytest.mark.slow
async def test_a_message_whose_sender_died_is_found(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was stored, and Temporal never heard of it: a worker's look finds it."""
    monkeypatch.setattr(recovering, "GRACE_SECONDS", 0.0)
    team = site.team()
    row = team._row("note a", "t", "default", "m", 5, None, None, ())
    async with team.sessions.services() as services:
        await services.store.add_run(row)
    client = await connect(site.address)
    async with (
        team.sessions.segments() as engine,
        working(client, engine, ["router", "billing", "tech"], limits=LIMITS, recover_seconds=0.2),
    ):
        assert (await stands(team, row.run, "failed")).status == "waiting"


@pytest.mark.slow
async def test_a_posted_message_is_answered(site: Site) -> None:
    """`post` gives the run's id before anybody works on it."""
    run = await site.team(policy=FREE).post("note a", thread="t", message_id="m")
    async with inside(site, policy=FREE):
        await until(lambda: site.wrote == ["noted a"])
        done = await site.team(policy=FREE).run("note a", thread="t", message_id="m")
    assert (done.run, site.wrote) == (run, ["noted a"])


# Time


async def test_three_days_pass(tmp_path: Path) -> None:
    """A ticket that nobody decides expires on the engine's own clock, with no process waiting."""
    from datetime import timedelta

    from temporalio.testing import WorkflowEnvironment

    from tests.scale.server import binary

    terms = Terms(expires_after=3 * 86400)
    policy = ApprovalPolicy(rules=(PolicyRule("all", "ask", terms=terms),))
    env = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=binary("temporal-test-server")
    )
    async with env:
        where = env.client.service_client.config.target_host
        team = told(shop_team(tmp_path, policy=policy), where)
        workers = told(shop_team(tmp_path, policy=policy), where)
        async with on_duty(workers.sessions, Duty(drain=5.0)), team:
            waits = await team.run("refund INV-1 5", thread="t")
            assert waits.status == "waiting"
            await env.sleep(timedelta(days=2))
            assert (await team.result(waits.run)).status == "waiting"
            await env.sleep(timedelta(days=1, seconds=5))
            came = await stands(team, waits.run, "waiting")
    assert (came.status, Shop(tmp_path).wrote()) == ("done", [])


async def stands(team: Team, run: str, before: str) -> Result:
    """How a run stands once it stands no more as before."""
    async with asyncio.timeout(30):
        while (came := await team.result(run)).status == before:  # noqa: ASYNC110 (elsewhere)
            await asyncio.sleep(0.05)
    return came


async def until(true: Callable[[], bool]) -> None:
    """Wait for it."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 (other processes)
            await asyncio.sleep(0.05)
