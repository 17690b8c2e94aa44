"""The engine on PostgreSQL that restarts, is full, and is shared: nothing lost, nothing doubled."""

# ruff: noqa: ASYNC240 (a test may look at a folder on the loop)
import asyncio
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint

from pointsman.errors import RunBusy, StoreUnreachable
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.teams.approvals.audit import faults
from pointsman.teams.checkpoint import open_checkpoints, strict
from pointsman.teams.fence import fenced
from pointsman.teams.result import Result
from pointsman.teams.settings import Settings
from pointsman.teams.store.opening import open_store
from pointsman.teams.store.postgres.address import Address
from pointsman.teams.store.postgres.database import connect
from pointsman.teams.store.postgres.saver import checkpoints_ready, open_postgres_saver
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve
from tests.flow.shop import Shop, script, shop_team
from tests.postgres import Server, server

CONFIG: Any = {"configurable": {"thread_id": "t", "checkpoint_ns": ""}}


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server that these tests may stop."""
    with server() as running:
        yield running


async def decided(team: Team, result: Result) -> Result:
    """The run after its only ticket was approved."""
    came = await team.decide(result.tickets[0], Approve(by="ana"))
    assert isinstance(came, Result)
    return came


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "crash"])
async def test_a_restart_in_the_middle_of_runs_loses_and_doubles_nothing(
    home: Path, own: Server, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    """Four runs are under way and one ticket waits: the server goes and comes back; all end done,
    and each write happened once."""
    monkeypatch.setenv("POINTSMAN_STORE", own.database())
    under_way, let = asyncio.Event(), asyncio.Event()
    asked = 0

    async def model(request: ModelRequest) -> Scripted:
        nonlocal asked
        asked += 1
        if asked > 3:
            under_way.set()
            await let.wait()
        return script(request)

    def restart() -> None:
        own.stop(how)
        own.start()

    async with shop_team(home, model=ScriptedTransport(model)) as team:
        waits = await team.run("refund INV-0 5", thread="waits")
        assert waits.status == "waiting"
        asked = 3
        runs = [
            asyncio.create_task(team.run(f"refund INV-{n} 5", thread=f"c{n}")) for n in range(1, 5)
        ]
        await under_way.wait()
        restarting = threading.Thread(target=restart)
        restarting.start()
        let.set()
        results = await asyncio.gather(*runs)
        restarting.join()
        ended = [await decided(team, one) for one in (waits, *results)]
        assert {one.status for one in ended} == {"done"}
    assert sorted(Shop(home).wrote()) == [f"refunded 5 on INV-{n}" for n in range(5)]


async def test_many_runs_share_two_connections(
    home: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More runs at once than connections: they wait for their turn, and all end."""
    monkeypatch.setenv("POINTSMAN_STORE", database)
    monkeypatch.setenv("POINTSMAN_STORE_CONNECTIONS", "2")
    async with shop_team(home) as team:
        results = await asyncio.gather(
            *(team.run("lookup INV-1", thread=f"c{n}") for n in range(12))
        )
        assert {one.status for one in results} == {"done"}
        with connect(Address(database)) as db:
            count = db.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND application_name = 'pointsman' AND pid <> pg_backend_pid()"
            ).fetchone()
        assert count is not None
        assert count[0] <= 4


async def test_a_pool_that_is_used_up_says_so(database: str) -> None:
    """A checkpoint that gets no connection is an error with a hint, in time."""
    address = Address(database, connections=1)
    async with open_postgres_saver(address, strict(), wait=0.5) as saver:
        async with saver._pool.connection():
            with pytest.raises(StoreUnreachable, match="POINTSMAN_STORE_CONNECTIONS"):
                await saver.aget_tuple(CONFIG)
        assert await saver.aget_tuple(CONFIG) is None


async def test_who_lost_the_thread_writes_no_checkpoint(
    home: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease is looked at in the transaction that writes, and does not change hands in it."""
    monkeypatch.setenv("POINTSMAN_STORE", database)
    settings = Settings.read()
    store = open_store(settings, home)
    from pointsman.teams.store.entries import Token

    epoch = await store.lease("thread", "zombie", 60.0)
    assert epoch is not None
    token = Token("thread", "zombie", epoch)
    async with open_checkpoints(settings, home) as saver:
        with fenced(store, token):
            await saver.aput(CONFIG, empty_checkpoint(), {}, {})
            await store.seize("thread", "other", 60.0)
            with pytest.raises(RunBusy, match="was not written"):
                await saver.aput(CONFIG, empty_checkpoint(), {}, {})
            there = {**CONFIG["configurable"], "checkpoint_id": "x"}
            with pytest.raises(RunBusy, match="was not written"):
                await saver.aput_writes({"configurable": there}, [("c", 1)], "task")
        assert len([one async for one in saver.alist(CONFIG)]) == 1
    await store.aclose()


async def test_a_new_database_is_prepared_by_several_at_once(
    home: Path, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables of the store and of LangGraph, by four that open it at the same moment."""
    monkeypatch.setenv("POINTSMAN_STORE", empty_database)
    teams = [shop_team(home) for _ in range(4)]
    results = await asyncio.gather(
        *(team.run("lookup INV-1", thread=f"c{n}") for n, team in enumerate(teams))
    )
    assert {one.status for one in results} == {"done"}
    assert checkpoints_ready(Address(empty_database))


async def test_the_state_is_in_the_database_only(
    home: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file of SQLite beside it; the log of decisions is one chain."""
    monkeypatch.setenv("POINTSMAN_STORE", database)
    team = shop_team(home)
    assert (await decided(team, await team.run("refund INV-1 5"))).status == "done"
    assert list(home.glob("*.db")) == []
    store = open_store(Settings.read(), home)
    assert faults(await store.audit()) == []
    await store.aclose()
