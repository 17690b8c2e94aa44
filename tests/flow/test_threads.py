"""One run of a thread at a time, across sessions and processes."""

# ruff: noqa: ASYNC110 (a row that another connection writes sends no signal)

import asyncio
from pathlib import Path

import pytest

from pointsman.errors import RunBusy
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.teams.claim import claim
from pointsman.teams.local import LocalEngine
from pointsman.teams.store.sqlite import SqliteStore
from pointsman.teams.tickets import Approve
from tests.flow.processes import change, rows
from tests.flow.shop import Shop, script, shop_team


async def held(home: Path, thread: str = "c1") -> SqliteStore:
    """Another process works on the thread and goes on doing so."""
    await shop_team(home).run("say", thread=thread)
    store = SqliteStore(home / "pointsman.db")
    ((name,),) = rows(home, "SELECT name FROM leases")
    assert await store.lease(name, "another process", 600.0) is not None
    return store


async def test_a_busy_thread_is_waited_for_then_refused(home: Path) -> None:
    """RunBusy names the thread; the message is on record and runs when it is resent."""
    store = await held(home)
    async with shop_team(home) as team:
        engine = team._sessions._engine
        assert isinstance(engine, LocalEngine)
        object.__setattr__(engine, "lease_wait", 0.1)
        with pytest.raises(RunBusy, match="'c1'"):
            await team.run("say more", thread="c1", message_id="m2")
        ((name,),) = rows(home, "SELECT name FROM leases")
        await store.release(name, "another process")
        assert (await team.run("say more", thread="c1", message_id="m2")).status == "done"
    await store.aclose()


async def test_another_thread_is_not_held_up(home: Path) -> None:
    """A busy thread stops nobody else, nor does it hold up the recovery at start."""
    begun = await shop_team(home).run("refund INV-1 5", thread="c1")
    store = SqliteStore(home / "pointsman.db")
    ((name,),) = rows(home, "SELECT name FROM leases")
    from datetime import UTC, datetime

    await claim(
        shop_team(home).spec, store, begun.tickets[0].id, Approve(by="ana"), datetime.now(UTC)
    )
    await store.lease(name, "another process", 600.0)
    async with asyncio.timeout(20):  # the engine would wait for a lease three times as long
        assert (await shop_team(home).run("say", thread="c2")).status == "done"
    await store.aclose()


async def test_a_decision_on_a_busy_thread_stands(home: Path, shop: Shop) -> None:
    """The claim is recorded even when somebody else holds the thread; the run then waits for that
    one, or for the next session, and the effect happens once."""
    begun = await shop_team(home).run("refund INV-1 5", thread="c1")
    store = SqliteStore(home / "pointsman.db")
    ((name,),) = rows(home, "SELECT name FROM leases")
    await store.lease(name, "another process", 600.0)
    async with shop_team(home) as team:
        object.__setattr__(team._sessions._engine, "lease_wait", 0.1)
        result = await team.decide(begun.tickets[0], Approve(by="ana"))
        assert getattr(result, "status", "") == "waiting"
        assert getattr(result, "tickets", None) == ()
    await store.release(name, "another process")
    await store.aclose()
    assert (await shop_team(home).run("say", thread="c2")).status == "done"
    assert (await shop_team(home).result(begun.run)).status == "done"
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def test_a_thread_that_was_taken_over_is_left(home: Path) -> None:
    """A process that stood still longer than its lease stops as soon as it sees that another one
    has the thread, and leaves that one's lease alone."""
    asked = asyncio.Event()

    async def forever(_: ModelRequest) -> Scripted:
        asked.set()
        await asyncio.sleep(60)
        return "billing"

    async with shop_team(home, model=ScriptedTransport(forever)) as team:
        object.__setattr__(team._sessions._engine, "lease_seconds", 0.3)
        work = asyncio.create_task(team.run("say", thread="c1"))
        await asyncio.wait_for(asked.wait(), 20)
        change(home, "UPDATE leases SET owner = 'another process', expires = 9e18")
        with pytest.raises(RunBusy, match="took it over"):
            await work
        assert rows(home, "SELECT owner FROM leases") == [("another process",)]


async def test_a_long_run_keeps_its_thread(home: Path) -> None:
    """Renewed while it works: nobody can take it, however long it takes."""
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def slow(request: ModelRequest) -> Scripted:
        asked.set()
        await go_on.wait()
        return script(request)

    async with shop_team(home, model=ScriptedTransport(slow)) as team:
        object.__setattr__(team._sessions._engine, "lease_seconds", 0.6)
        work = asyncio.create_task(team.run("say", thread="c1"))
        await asyncio.wait_for(asked.wait(), 20)
        ((before,),) = rows(home, "SELECT expires FROM leases")
        while rows(home, "SELECT expires FROM leases") == [(before,)]:
            await asyncio.sleep(0.05)
        go_on.set()
        assert (await work).status == "done"


async def test_a_waiting_run_holds_no_lease(home: Path, shop: Shop) -> None:
    """The conversation goes on while a ticket waits; then the ticket is decided."""
    team = shop_team(home)
    begun = await team.run("refund INV-1 5", thread="c1")
    assert (await team.run("lookup INV-2", thread="c1")).status == "done"
    assert [t.id for t in await team.tickets()] == [begun.tickets[0].id]
    done = await team.decide(begun.tickets[0], Approve(by="ana"))
    assert getattr(done, "status", "") == "done"
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def test_personal_data_stays_out_of_later_requests(
    home: Path, model: ScriptedTransport
) -> None:
    """What the content filter redacts in a message is redacted in the history of the thread too."""
    team = shop_team(home, model=model)
    await team.run("my mail is ana.lopez@example.com", thread="c1")
    await team.run("and again", thread="c1")
    for request in model.requests:
        if request.purpose == "act":
            assert "ana.lopez@example.com" not in str(request.turns)
