"""Dead letters: kept whole; driven again, nothing is done twice; or dropped."""

import asyncio
from pathlib import Path

import pytest

from pointsman.errors import Conflict, ModelOverloaded, NotFound
from pointsman.nodes.event import RunStarted
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.run import Budget
from pointsman.teams.approvals.audit import faults
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Ticket
from tests.flow.shop import Shop, script, shop_team


class Broken:
    """The shop's model, which fails from its nth call on until it is mended."""

    def __init__(self, calls: int = 0) -> None:
        self.calls = calls
        self.asked = 0

    def __call__(self, request: ModelRequest) -> Scripted:
        self.asked += 1
        if self.asked > self.calls:
            return ModelOverloaded("busy", retry_after=100.0)
        return script(request)

    def mend(self) -> None:
        """It answers from now on."""
        self.calls = 1_000_000


def team_of(home: Path, model: Broken) -> Team:
    """The shop with that model."""
    return shop_team(home, model=ScriptedTransport(model))


async def test_what_failed_is_kept_and_driven_again(home: Path) -> None:
    """A failed run is listed, its redrive is the same run, and it is no dead letter after that."""
    model = Broken()
    team = team_of(home, model)
    failed = await team.run("lookup INV-1", thread="t", message_id="m")
    assert (failed.status, failed.error) == ("failed", "NoModel")
    (row,) = await team.dead()
    assert (row.run, row.thread, row.attempt) == (failed.run, "t", 1)
    model.mend()
    again = await team.redrive(failed.run, by="ana", reason="the model is back")
    assert (again.status, again.run) == ("done", failed.run)
    assert await team.dead() == ()
    assert (await team.run_row(failed.run)).attempt == 2
    starts = [e for e in await team.events(failed.run) if isinstance(e.event, RunStarted)]
    assert len(starts) == 2
    same = await team.run("lookup INV-1", thread="t", message_id="m")
    assert (same.run, same.status) == (failed.run, "done")


async def decided(team: Team, ticket: Ticket) -> Result:
    """Approve it."""
    result = await team.decide(ticket, Approve(by="ana"))
    assert isinstance(result, Result)
    return result


async def test_a_write_of_the_first_attempt_is_not_done_again(home: Path) -> None:
    """A run that failed after a write is a dead letter too. Driven again it proposes the same
    refund, and the ledger gives what that came to."""
    model = Broken(2)
    team = team_of(home, model)
    (ticket,) = (await team.run("refund INV-1 5")).tickets
    failed = await decided(team, ticket)
    assert (failed.status, failed.error) == ("partial", "NoModel")
    assert [row.run for row in await team.dead()] == [failed.run]
    model.mend()
    again = await team.redrive(failed.run, by="ana")  # nobody is asked: nothing will happen
    assert (again.status, again.error) == ("done", "")
    assert len(Shop(home).wrote()) == 1


async def test_what_is_dropped_is_no_dead_letter(home: Path) -> None:
    """It stays on record, says who gave it up, and cannot be dropped or redriven again; both are in
    the audit log, whose chain holds."""
    model = Broken()
    team = team_of(home, model)
    kept, gone = await team.run("lookup INV-1"), await team.run("lookup INV-2")
    await team.drop(gone.run, by="ana", reason="a test")
    assert [row.run for row in await team.dead()] == [kept.run]
    assert (await team.result(gone.run)).status == "failed"
    for act in (team.drop(gone.run, by="bo"), team.redrive(gone.run, by="bo")):
        with pytest.raises(Conflict, match="dropped by ana"):
            await act
    model.mend()
    await team.redrive(kept.run, by="cy")
    rows = await team.audit()
    assert [(row.entry.action, row.entry.by) for row in rows] == [
        ("drop", "ana"),
        ("redrive", "cy"),
    ]
    assert not list(faults(rows))


async def test_only_what_failed_can_be_driven_again(home: Path) -> None:
    """A run that is done, waits or is unknown is left as it is."""
    model = Broken(1_000)
    team = team_of(home, model)
    done, waits = await team.run("lookup INV-1"), await team.run("refund INV-1 5")
    for run, why in ((done.run, "is done"), (waits.run, "is waiting")):
        with pytest.raises(Conflict, match=why):
            await team.redrive(run, by="ana")
        with pytest.raises(Conflict, match=why):
            await team.drop(run, by="ana")
    with pytest.raises(NotFound):
        await team.redrive("r0", by="ana")


async def test_a_failure_that_comes_again_is_a_dead_letter_again(home: Path) -> None:
    """Each attempt counts, and nothing of it is lost."""
    team = team_of(home, Broken())
    failed = await team.run("lookup INV-1")
    for attempt in (2, 3):
        assert (await team.redrive(failed.run, by="ana")).status == "failed"
        (row,) = await team.dead()
        assert row.attempt == attempt


async def test_want_of_money_needs_more_of_it(home: Path) -> None:
    """What a run had cost counts on, so that the same budget would end it again."""
    model = Broken(1_000)
    team = shop_team(home, model=ScriptedTransport(model), when_bound="fail")
    failed = await team.run("lookup INV-1", budget=Budget(calls=1))
    assert failed.status == "failed"
    assert (await team.redrive(failed.run, by="ana")).status == "failed"
    assert (await team.redrive(failed.run, by="ana", budget=Budget(calls=9))).status == "done"


async def test_two_that_redrive_at_once(home: Path) -> None:
    """One begins the run, the other is told so."""
    model = Broken()
    async with team_of(home, model) as team:
        failed = await team.run("lookup INV-1")
        model.mend()
        both = await asyncio.gather(
            *(team.redrive(failed.run, by=who) for who in ("ana", "bo")), return_exceptions=True
        )
    assert sorted(type(one).__name__ for one in both) == ["Conflict", "Result"]
    assert (await team.run_row(failed.run)).attempt == 2
