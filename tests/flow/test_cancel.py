"""Cancelling, leaving early and stopping in the middle."""

# ruff: noqa: ASYNC110 (what a write left on disk sends no signal)

import asyncio
from pathlib import Path

import pytest

from pointsman.errors import TicketClosed
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.event import RunEnded
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.teams.tickets import Approve
from tests.flow.processes import expire_leases, rows
from tests.flow.shop import Shop, script, shop_team

ALLOW_ALL = ApprovalPolicy(rules=(PolicyRule("all", "allow"),))


async def test_a_waiting_run_is_cancelled_at_once(home: Path, shop: Shop) -> None:
    """It ends, its tickets close, a decision comes too late, and the record says by whom."""
    team = shop_team(home)
    begun = await team.run("refund INV-1 5", thread="c1")
    result = await team.cancel(begun.run, by="ana", reason="wrong customer")
    assert (result.status, result.error, result.tickets) == ("cancelled", "Cancelled", ())
    assert "ana (wrong customer)" in result.answer
    with pytest.raises(TicketClosed, match="cancelled"):
        await team.decide(begun.tickets[0], Approve(by="bob"))
    assert (await team.resume(begun.run)).status == "cancelled"
    last = (await team.events(begun.run))[-1].event
    assert isinstance(last, RunEnded)
    assert last.status == "cancelled"
    assert shop.wrote() == []


async def test_a_decided_run_that_nobody_woke_is_cancelled_too(home: Path, shop: Shop) -> None:
    """Approved, the deciding process died, and somebody cancels: the write does not happen."""
    from datetime import UTC, datetime

    from pointsman.teams.claim import claim
    from pointsman.teams.store.sqlite import SqliteStore

    team = shop_team(home)
    begun = await team.run("refund INV-1 5", thread="c1")
    store = SqliteStore(home / "pointsman.db")
    await claim(team.spec, store, begun.tickets[0].id, Approve(by="ana"), datetime.now(UTC))
    await store.aclose()
    assert (await team.cancel(begun.run, by="bob")).status == "cancelled"
    assert (await shop_team(home).run("say", thread="c2")).status == "done"
    assert shop.wrote() == []
    (ticket,) = await team.tickets(status=None)
    assert ticket.status == "cancelled"


async def test_a_running_run_stops_at_its_next_step(home: Path, shop: Shop) -> None:
    """Cancelled while the model thinks: what comes next does not happen."""
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def slow(request: ModelRequest) -> Scripted:
        if not request.choices:
            asked.set()
            await go_on.wait()
        return script(request)

    team = shop_team(home, model=ScriptedTransport(slow), policy=ALLOW_ALL)
    work = asyncio.create_task(team.run("note paper", thread="c1"))
    await asyncio.wait_for(asked.wait(), 20)
    ((run,),) = rows(home, "SELECT run FROM runs")
    await shop_team(home).cancel(run, by="ana")
    go_on.set()
    result = await work
    assert (result.status, result.error) == ("cancelled", "Cancelled")
    assert shop.wrote() == []


async def test_cancelled_just_before_it_would_wait(home: Path, shop: Shop) -> None:
    """A run that is asked to stop does not open a ticket for people instead."""
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def slow(request: ModelRequest) -> Scripted:
        if not request.choices:
            asked.set()
            await go_on.wait()
        return script(request)

    team = shop_team(home, model=ScriptedTransport(slow))
    work = asyncio.create_task(team.run("refund INV-1 5", thread="c1"))
    await asyncio.wait_for(asked.wait(), 20)
    ((run,),) = rows(home, "SELECT run FROM runs")
    await shop_team(home).cancel(run, by="ana")
    go_on.set()
    result = await work
    assert result.status == "cancelled"
    assert await team.tickets() == ()


async def test_a_run_that_ended_stays_as_it_is(home: Path) -> None:
    """Cancelling what is done changes nothing."""
    team = shop_team(home)
    done = await team.run("say", thread="c1")
    assert await team.cancel(done.run, by="ana") == done


async def test_what_was_done_before_a_cancel_is_told(home: Path, shop: Shop) -> None:
    """One ticket executed, then cancelled: the effect stays and the other ticket closes."""
    team = shop_team(home)
    begun = await team.run("refund INV-1 5 + refund INV-1 7", thread="c1")
    await team.decide(begun.tickets[0], Approve(by="ana"))
    result = await team.cancel(begun.run, by="ana")
    assert result.status == "cancelled"
    assert shop.wrote() == ["refunded 5 on INV-1"]
    tickets = await team.tickets(status=None)
    assert [t.status for t in tickets] == ["executed", "cancelled"]


async def test_stopping_in_the_middle_of_a_write_sees_it_through(home: Path, shop: Shop) -> None:
    """Ctrl-C while a tool writes: the write ends and is on record; the resumed run does not write
    again."""
    team = shop_team(home, policy=ALLOW_ALL)
    work = asyncio.create_task(team.run("slow_note paper", thread="c1"))
    while not (home / "pointsman.db").exists() or not rows(
        home, "SELECT 1 FROM sqlite_master WHERE name = 'effects'"
    ):
        await asyncio.sleep(0.01)
    while not rows(home, "SELECT key FROM effects"):
        await asyncio.sleep(0.01)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert shop.wrote() == ["noted paper slowly"]
    ((run,),) = rows(home, "SELECT run FROM runs")
    result = await shop_team(home, policy=ALLOW_ALL).resume(run)
    assert (result.status, result.answer) == ("done", "done: noted paper slowly")
    assert shop.wrote() == ["noted paper slowly"]


async def test_stopping_gives_the_thread_back(home: Path) -> None:
    """A cancelled call leaves no lease behind: the next run of the thread starts at once."""
    asked = asyncio.Event()

    async def forever(_: ModelRequest) -> Scripted:
        asked.set()
        await asyncio.sleep(60)
        return "billing"

    team = shop_team(home, model=ScriptedTransport(forever))
    work = asyncio.create_task(team.run("say", thread="c1"))
    await asyncio.wait_for(asked.wait(), 20)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert rows(home, "SELECT owner FROM leases") == [("",)]
    assert (await shop_team(home).run("say", thread="c1")).status == "done"
    expire_leases(home)
