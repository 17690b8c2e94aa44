"""Runs that live in several processes, some of which are killed (GRAPH.md, section 6)."""

from pathlib import Path
from typing import Any

import pytest

from pointsman.errors import StoreBroken
from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.teams.tickets import Approve, Respond
from tests.flow.processes import change, ignoring, killed, order, rows
from tests.flow.shop import Shop, shop_team

APPROVE = {"type": "approve", "by": "ana"}
MESSAGE = {"thread": "c1", "message_id": "m1"}


async def waiting(home: Path, text: str = "refund INV-1 5") -> dict[str, Any]:
    """A run that waits, begun in a process of its own."""
    result = await order(home, run=text, **MESSAGE)
    assert result["status"] == "waiting"
    return result


async def the_run(home: Path) -> str:
    """The only run there is."""
    ((run,),) = rows(home, "SELECT run FROM runs")
    return run


@pytest.mark.slow
async def test_two_proposals_are_decided_in_different_processes(home: Path, shop: Shop) -> None:
    """The second ticket is decided first, in its own process, and executes before the first is
    answered in a third; then the run ends."""
    begun = await waiting(home, "lookup INV-1 > refund INV-1 5 + refund INV-1 7")
    first, second = (t["id"] for t in begun["tickets"])
    half = await order(home, decide=second, decision=APPROVE)
    assert half["status"] == "waiting"
    assert [t["id"] for t in half["tickets"]] == [first]
    assert shop.wrote() == ["refunded 7 on INV-1"]
    whole = await order(home, decide=first, decision=APPROVE)
    assert whole["status"] == "done"
    assert whole["model_calls"] == 4
    assert shop.wrote() == ["refunded 7 on INV-1", "refunded 5 on INV-1"]


async def test_paused_decided_and_finished_in_three_processes(home: Path, shop: Shop) -> None:
    """The second process dies right after its claim; the third only opens the team for something
    else, and the run is finished, its effect done once."""
    begun = await waiting(home)
    await killed(home, decide=begun["tickets"][0]["id"], decision=APPROVE, kill="after-claim")
    assert shop.wrote() == []
    other = await order(home, run="lookup INV-9", thread="c2")
    assert other["status"] == "done"
    assert shop.wrote() == ["refunded 5 on INV-1"]
    assert (await order(home, resume=begun["run"]))["status"] == "done"
    assert (await shop_team(home).result(begun["run"])).answer == "done: refunded 5 on INV-1"
    assert shop.wrote() == ["refunded 5 on INV-1"]


@pytest.mark.parametrize(
    "kill", ["after-freeze", pytest.param("after-waiting", marks=pytest.mark.slow)]
)
async def test_killed_before_the_pause_was_saved(
    home: Path, shop: Shop, model: ScriptedTransport, kill: str
) -> None:
    """Ticket on disk, no checkpoint of it: the ticket stays the only one, no model is asked again,
    and a decision takes the run to its end."""
    await killed(home, run="refund INV-1 5", **MESSAGE, kill=kill)
    team = shop_team(home, model=model)
    (ticket,) = await team.tickets()
    result = await team.resume(await the_run(home))
    assert result.status == "waiting"
    assert [t.id for t in result.tickets] == [ticket.id]
    assert model.requests == []
    done = await team.decide(ticket, Approve(by="ana"))
    assert getattr(done, "status", "") == "done"
    assert shop.wrote() == ["refunded 5 on INV-1"]


@pytest.mark.parametrize(
    "kill", ["after-freeze", pytest.param("after-waiting", marks=pytest.mark.slow)]
)
async def test_a_decision_that_comes_before_the_resume_is_enough(
    home: Path, shop: Shop, kill: str
) -> None:
    """Nobody resumes the killed run; the reviewer just decides. It goes on from where it was."""
    await killed(home, run="refund INV-1 5", **MESSAGE, kill=kill)
    team = shop_team(home)
    (ticket,) = await team.tickets()
    done = await team.decide(ticket, Approve(by="ana"))
    assert getattr(done, "status", "") == "done"
    assert shop.wrote() == ["refunded 5 on INV-1"]
    assert await team.tickets() == ()


@pytest.mark.parametrize("kill", ["after-intend", "before-done"])
async def test_killed_in_the_middle_of_a_write(home: Path, shop: Shop, kill: str) -> None:
    """Intended and no result: nobody knows whether it happened, so it is not tried again, and a
    person is asked. The two cases look alike to us."""
    begun = await waiting(home)
    await killed(home, decide=begun["tickets"][0]["id"], decision=APPROVE, kill=kill)
    wrote = shop.wrote()
    assert wrote == ([] if kill == "after-intend" else ["refunded 5 on INV-1"])
    result = await shop_team(home).resume(begun["run"])
    assert result.status == "waiting"
    (asked,) = result.tickets
    assert (asked.kind, asked.tool, asked.about) == (
        "ambiguous",
        "refund",
        begun["tickets"][0]["id"],
    )
    assert "was begun and no result was recorded" in asked.reason
    assert shop.wrote() == wrote
    answer = Respond(by="bo", text=wrote[0]) if wrote else Approve(by="bo")
    done = await shop_team(home).decide(asked, answer)
    assert getattr(done, "answer", "") == "done: refunded 5 on INV-1"
    assert shop.wrote() == ["refunded 5 on INV-1"]
    ticket, asked = await shop_team(home).tickets(status=None)
    assert (ticket.status, ticket.outcome) == ("executed", "refunded 5 on INV-1")


@pytest.mark.parametrize(
    "kill", ["after-done", pytest.param("after-settled", marks=pytest.mark.slow)]
)
async def test_killed_after_the_write_was_recorded(home: Path, shop: Shop, kill: str) -> None:
    """Done on record, no checkpoint: the recorded result is used and the write is not repeated."""
    begun = await waiting(home)
    await killed(home, decide=begun["tickets"][0]["id"], decision=APPROVE, kill=kill)
    result = await shop_team(home).resume(begun["run"])
    assert (result.status, result.answer) == ("done", "done: refunded 5 on INV-1")
    assert shop.wrote() == ["refunded 5 on INV-1"]
    (ticket,) = await shop_team(home).tickets(status=None)
    assert (ticket.status, ticket.outcome) == ("executed", "refunded 5 on INV-1")


@pytest.mark.parametrize(("kill", "asked"), [("after-first-answer", 1), ("after-second-answer", 0)])
async def test_killed_after_a_model_answered(
    home: Path, model: ScriptedTransport, kill: str, asked: int
) -> None:
    """An answer that was paid for is in the journal: the step that runs again does not ask."""
    await killed(home, run="what now", **MESSAGE, kill=kill)
    result = await shop_team(home, model=model).resume(await the_run(home))
    assert (result.status, result.answer) == ("done", "done:")
    assert len(model.requests) == asked


async def test_killed_while_ending(home: Path, model: ScriptedTransport) -> None:
    """The result is on disk before the last checkpoint: it stands, and nothing runs again."""
    await killed(home, run="what now", **MESSAGE, kill="after-finish")
    team = shop_team(home, model=model)
    result = await team.resume(await the_run(home))
    assert (result.status, result.answer) == ("done", "done:")
    assert model.requests == []


async def test_a_killed_message_delivered_again_is_the_same_run(
    home: Path, model: ScriptedTransport
) -> None:
    """Whoever resends the message gets the one run, taken on from where it died."""
    await killed(home, run="what now", **MESSAGE, kill="after-first-answer")
    run = await the_run(home)
    result = await shop_team(home, model=model).run("what now", thread="c1", message_id="m1")
    assert (result.run, result.status) == (run, "done")
    assert len(model.requests) == 1


async def test_a_killed_policy_write_is_done_once(home: Path, shop: Shop) -> None:
    """A write that needed no person has the same ledger."""
    await killed(home, run="note paper", **MESSAGE, allow=True, kill="after-done")
    result = await order(home, resume=await the_run(home), allow=True)
    assert result["answer"] == "done: noted paper"
    assert shop.wrote() == ["noted paper"]


async def test_of_several_deciding_processes_one_wins(home: Path, shop: Shop) -> None:
    """Three processes decide one ticket at once: one decision is recorded, the others are told by
    whom, and the effect happens once."""
    import asyncio

    begun = await waiting(home)
    ticket = begun["tickets"][0]["id"]
    came = await asyncio.gather(
        *(order(home, decide=ticket, decision={"type": "approve", "by": f"p{n}"}) for n in range(3))
    )
    (row,) = await shop_team(home).tickets(status=None)
    lost = [c for c in came if c.get("error") == "TicketClosed"]
    assert len(lost) == 2
    assert all(f"approve by {row.by}" in c["message"] for c in lost)
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def test_a_run_that_only_its_row_calls_running_says_so(home: Path) -> None:
    """Row and checkpoints are not of one moment, as after a restored backup: the graph ends without
    changing the row, and nothing is driven round and round."""
    result = await order(home, run="what now", **MESSAGE)
    change(home, "UPDATE runs SET state = 'running'")
    ignoring(home, "state")
    with pytest.raises(StoreBroken, match="its graph has ended without it"):
        await shop_team(home).resume(result["run"])
