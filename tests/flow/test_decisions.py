"""What people decide, and what becomes of it."""

import asyncio
from pathlib import Path

import pytest

from pointsman.errors import InvalidDecision, NotFound, TicketClosed
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.event import ModelCalled, RunEnded, TicketDecided, TicketOpened
from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Decision, Edit, Escalate, Reject, Respond, Ticket
from tests.flow.processes import change
from tests.flow.shop import Shop, shop_team

ASK_ALL = ApprovalPolicy(rules=(PolicyRule("all", "ask"),))


async def waiting(team: Team, text: str = "refund INV-1 5", thread: str = "c1") -> Result:
    """A run that waits."""
    result = await team.run(text, thread=thread)
    assert result.status == "waiting"
    return result


async def decided(team: Team, ticket: Ticket | str, decision: Decision) -> Result:
    """The result after a decision."""
    result = await team.decide(ticket, decision)
    assert isinstance(result, Result)
    return result


async def test_a_ticket_shows_what_would_happen(home: Path) -> None:
    """Exact arguments, preview, rule and cost are frozen before anybody is asked."""
    result = await waiting(shop_team(home))
    (ticket,) = result.tickets
    assert (ticket.tool, ticket.args) == ("refund", {"invoice": "INV-1", "usd": 5.0})
    assert (ticket.specialist, ticket.run, ticket.thread) == ("billing", result.run, "c1")
    assert ticket.preview == "5.00 on INV-1"
    assert (ticket.status, ticket.by, ticket.usd) == ("pending", "", 0.0)
    assert ticket.policy_version
    assert (result.answer, result.specialist) == ("", "billing")
    assert await shop_team(home).tickets() == (ticket,)


async def test_an_approval_does_it_once(home: Path, shop: Shop) -> None:
    """The write happens with what the ticket showed; the ticket keeps who, when and what came."""
    team = shop_team(home)
    (ticket,) = (await waiting(team)).tickets
    result = await decided(team, ticket, Approve(by="ana", reason="fine"))
    assert (result.status, result.answer) == ("done", "done: refunded 5 on INV-1")
    assert shop.wrote() == ["refunded 5 on INV-1"]
    (after,) = await team.tickets(status=None)
    assert (after.status, after.by, after.decision_reason) == ("executed", "ana", "fine")
    assert after.outcome == "refunded 5 on INV-1"
    assert after.decided is not None


async def test_an_edit_does_the_edited_action(home: Path, shop: Shop) -> None:
    """Other arguments run; what was proposed stays on the ticket."""
    team = shop_team(home)
    (ticket,) = (await waiting(team)).tickets
    await decided(team, ticket, Edit(by="ana", args={"usd": "4"}))
    assert shop.wrote() == ["refunded 4 on INV-1"]
    (after,) = await team.tickets(status=None)
    assert after.args == {"invoice": "INV-1", "usd": 5.0}
    assert after.approved_args == {"invoice": "INV-1", "usd": 4.0}


@pytest.mark.parametrize("args", [{"usd": "much"}, {"usd": None}, {"amount": 4}, {"invoice": 7}])
async def test_an_edit_that_does_not_fit_changes_nothing(
    home: Path, shop: Shop, args: dict[str, object]
) -> None:
    """The tool's schema decides; the ticket still waits and can be decided."""
    team = shop_team(home)
    (ticket,) = (await waiting(team)).tickets
    with pytest.raises(InvalidDecision, match="refund"):
        await team.decide(ticket, Edit.model_validate({"by": "ana", "args": args}))
    assert await team.tickets() == (ticket,)
    await decided(team, ticket, Approve(by="ana"))
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def test_a_rejection_is_told_to_the_specialist(
    home: Path, shop: Shop, model: ScriptedTransport
) -> None:
    """The reason is the call's result: the model can answer accordingly. Nothing is written."""
    team = shop_team(home, model=model)
    (ticket,) = (await waiting(team)).tickets
    result = await decided(team, ticket, Reject(by="ana", reason="Paid already."))
    assert (result.status, result.by) == ("done", "model")
    assert model.requests[-1].turns[-1].content == "rejected: ana said no. Paid already."
    assert shop.wrote() == []


async def test_a_persons_answer_ends_the_run(
    home: Path, shop: Shop, model: ScriptedTransport
) -> None:
    """Respond answers in the team's place, without another model call."""
    team = shop_team(home, model=model)
    (ticket,) = (await waiting(team)).tickets
    before = len(model.requests)
    result = await decided(team, ticket, Respond(by="ana", text="I will call you."))
    assert (result.status, result.answer, result.by) == ("done", "I will call you.", "person")
    assert len(model.requests) == before
    assert shop.wrote() == []


async def test_an_escalated_ticket_waits_for_the_other(home: Path, shop: Shop) -> None:
    """Passing on keeps the run waiting; the other reviewer can decide."""
    team = shop_team(home)
    (ticket,) = (await waiting(team)).tickets
    result = await decided(team, ticket, Escalate(by="ana", to="bob", reason="above my limit"))
    assert result.status == "waiting"
    assert [(t.status, t.assigned) for t in result.tickets] == [("pending", "bob")]
    assert (await decided(team, ticket, Approve(by="bob"))).status == "done"
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def test_a_decision_that_comes_too_late_is_told_who_was_first(home: Path, shop: Shop) -> None:
    """A second decision, same or other, changes nothing and names the winner."""
    team = shop_team(home)
    (ticket,) = (await waiting(team)).tickets
    done = await decided(team, ticket, Approve(by="ana"))
    for late in (Approve(by="bob"), Reject(by="bob"), Edit(by="bob", args={"usd": 9.0}),
                 Respond(by="bob", text="x"), Escalate(by="bob", to="eve")):  # fmt: skip
        with pytest.raises(TicketClosed, match="approve by ana"):
            await team.decide(ticket.id, late)
    assert await team.result(done.run) == done
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def test_of_decisions_at_once_one_counts(home: Path, shop: Shop) -> None:
    """Ten at the same time in one session: one wins, nine are told."""
    async with shop_team(home) as team:
        (ticket,) = (await waiting(team)).tickets
        came = await asyncio.gather(
            *(team.decide(ticket, Approve(by=f"p{n}")) for n in range(10)), return_exceptions=True
        )
    assert sum(isinstance(c, TicketClosed) for c in came) == 9
    assert sum(isinstance(c, Result) and c.status == "done" for c in came) == 1
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def test_two_tickets_decided_at_once_both_run(home: Path, shop: Shop) -> None:
    """Decisions on two tickets of one run at the same moment: no wake-up is lost."""
    team = shop_team(home)
    one, two = (await waiting(team, "refund INV-1 5 + refund INV-1 7")).tickets
    await asyncio.gather(
        shop_team(home).decide(one, Approve(by="ana")),
        shop_team(home).decide(two, Approve(by="bob")),
    )
    result = await team.result(one.run)
    assert result.status == "done"
    assert sorted(shop.wrote()) == ["refunded 5 on INV-1", "refunded 7 on INV-1"]


async def test_unknown_and_foreign_tickets_are_not_found(home: Path) -> None:
    """Another team's ticket cannot be decided here, and stays as it was."""
    team = shop_team(home)
    (ticket,) = (await waiting(team)).tickets
    with pytest.raises(NotFound, match="'t-unknown'"):
        await team.decide("t-unknown", Approve(by="ana"))
    other = Team("other", specialists=team.spec.specialists, home=home)
    with pytest.raises(NotFound, match="belongs to team 'shop'"):
        await other.decide(ticket, Approve(by="ana"))
    assert await other.tickets() == ()
    assert await team.tickets() == (ticket,)


async def test_mixed_decisions_of_one_proposal(
    home: Path, shop: Shop, model: ScriptedTransport
) -> None:
    """Each call gets its own outcome, whatever the order they are decided in."""
    team = shop_team(home, model=model)
    one, two, three = (
        await waiting(team, "refund INV-1 1 + refund INV-1 2 + refund INV-1 3")
    ).tickets
    await decided(team, three, Approve(by="ana"))
    await decided(team, one, Reject(by="bob", reason="no"))
    result = await decided(team, two, Edit(by="eve", args={"usd": 2.5}))
    assert result.status == "done"
    assert shop.wrote() == ["refunded 3 on INV-1", "refunded 2.5 on INV-1"]
    tools = {t.tool_call_id: t.content for t in model.requests[-1].turns if t.role == "tool"}
    assert tools == {
        "c0_0": "rejected: bob said no. no",
        "c0_1": "refunded 2.5 on INV-1",
        "c0_2": "refunded 3 on INV-1",
    }


async def test_the_same_write_is_not_asked_twice(home: Path, shop: Shop) -> None:
    """Proposed again with the same arguments in the same run: the first outcome is given."""
    team = shop_team(home, policy=ASK_ALL)
    (ticket,) = (await waiting(team, "refund INV-1 5 > refund INV-1 5")).tickets
    result = await decided(team, ticket, Approve(by="ana"))
    assert result.status == "done"
    assert shop.wrote() == ["refunded 5 on INV-1"]
    assert len(await team.tickets(status=None)) == 1


async def test_a_second_proposal_of_a_run_is_a_second_ticket(home: Path, shop: Shop) -> None:
    """Another write later in the run asks again."""
    team = shop_team(home)
    (one,) = (await waiting(team, "refund INV-1 5 > refund INV-1 6")).tickets
    half = await decided(team, one, Approve(by="ana"))
    (two,) = half.tickets
    assert two.id != one.id
    assert (await decided(team, two, Approve(by="ana"))).status == "done"
    assert shop.wrote() == ["refunded 5 on INV-1", "refunded 6 on INV-1"]


async def test_a_failing_write_is_told(home: Path, shop: Shop) -> None:
    """The tool's error is the call's result and stands on the ticket; the run goes on."""
    team = shop_team(home, policy=ASK_ALL)
    (ticket,) = (await waiting(team, "fail_note x")).tickets
    result = await decided(team, ticket, Approve(by="ana"))
    assert (result.status, "no paper for x" in result.answer) == ("done", True)
    (after,) = await team.tickets(status=None)
    assert after.status == "failed"


async def test_changed_arguments_never_run(home: Path, shop: Shop) -> None:
    """A row changed behind everybody's back does not fit its digest: the approval is refused, the
    ticket superseded, and the run goes on."""
    (ticket,) = (await waiting(shop_team(home))).tickets
    forged = ticket.model_copy(update={"args": {"invoice": "INV-1", "usd": 5000.0}})
    change(home, "UPDATE tickets SET ticket = ? WHERE id = ?", forged.model_dump_json(), ticket.id)
    with pytest.raises(TicketClosed, match="not those that were approved"):
        await decided(shop_team(home), ticket.id, Approve(by="ana"))
    assert shop.wrote() == []
    result = await shop_team(home).result(ticket.run)
    assert result.status == "done"
    assert "not those that were approved" in result.answer
    (after,) = await shop_team(home).tickets(status=None)
    assert after.status == "superseded"


async def test_a_tool_that_is_gone_is_refused(home: Path, shop: Shop) -> None:
    """A team rebuilt without the tool does not run the ticket: it is superseded, the reviewer and
    the specialist are told why, and the run goes on."""
    (ticket,) = (await waiting(shop_team(home))).tickets
    from pointsman.nodes.specialist import Specialist

    def without(shop: Shop) -> tuple[Specialist, ...]:
        kept = tuple(t for t in shop.tools() if t.name != "refund")
        return (Specialist("billing", handles="money", tools=kept),)

    with pytest.raises(TicketClosed, match="has no tool 'refund' any more"):
        await decided(shop_team(home, specialists=without), ticket.id, Approve(by="ana"))
    assert shop.wrote() == []
    result = await shop_team(home).result(ticket.run)
    assert "no tool 'refund' any more" in result.answer


async def test_waiting_is_not_work(home: Path, model: ScriptedTransport) -> None:
    """Resuming a run that waits changes nothing and asks no model."""
    team = shop_team(home, model=model)
    begun = await waiting(team)
    before = len(model.requests)
    again = await team.resume(begun.run)
    assert again == begun
    assert len(model.requests) == before
    assert len(await team.events(begun.run)) == len(await shop_team(home).events(begun.run))


async def test_the_deadline_stops_while_people_think(home: Path, shop: Shop) -> None:
    """Only work counts: a run may wait longer than its deadline and still go on."""
    team = shop_team(home)
    result = await team.run("refund INV-1 5", thread="c1", deadline=30)
    change(home, "UPDATE runs SET created = created - 86400")
    done = await decided(team, result.tickets[0], Approve(by="ana"))
    assert done.status == "done"
    assert done.seconds < 30


async def test_a_run_that_ends_leaves_no_ticket_open(home: Path, shop: Shop) -> None:
    """Its time is over after the first of two decisions: the run ends, the second ticket is closed
    and cannot be approved for nothing."""
    team = shop_team(home)
    one, two = (await waiting(team, "refund INV-1 5 + refund INV-1 7")).tickets
    change(home, "UPDATE runs SET seconds_left = -1")
    result = await decided(team, one, Approve(by="ana"))
    assert (result.status, result.error) == ("partial", "DeadlineExceeded")
    assert result.tickets == ()
    assert await team.tickets() == ()
    with pytest.raises(TicketClosed, match="superseded"):
        await team.decide(two, Approve(by="ana"))
    assert shop.wrote() == []


async def test_another_process_going_on_is_seen(home: Path, shop: Shop) -> None:
    """A long session that began a run, and another one that decided a ticket in between: no event
    is lost and nothing is counted wrong."""
    async with shop_team(home) as here:
        one, two = (await waiting(here, "refund INV-1 5 + refund INV-1 7")).tickets
        there = shop_team(home)
        await decided(there, one, Approve(by="bob"))
        result = await decided(here, two, Approve(by="ana"))
        events = [r.event for r in await here.events(one.run)]
    assert result.status == "done"
    assert [e.by for e in events if isinstance(e, TicketDecided)] == ["bob", "ana"]
    assert isinstance(events[-1], RunEnded)
    assert events[-1].status == "done"
    assert sum(isinstance(e, ModelCalled) for e in events) == result.model_calls == 3


async def test_the_record_says_who_decided_what(home: Path) -> None:
    """Opened, decided, ended: in that order, with names."""
    team = shop_team(home)
    begun = await waiting(team)
    await decided(team, begun.tickets[0], Reject(by="ana"))
    events = [r.event for r in await team.events(begun.run)]
    kinds = [e.kind for e in events if not isinstance(e, ModelCalled)]
    assert [k for k in kinds if k != "judged"] == [
        "run_started",
        "routed",
        "ticket_opened",
        "run_ended",
        "ticket_decided",
        "run_ended",
    ]
    (opened,) = [e for e in events if isinstance(e, TicketOpened)]
    (by,) = [e for e in events if isinstance(e, TicketDecided)]
    assert (opened.tool, by.decision, by.by) == ("refund", "reject", "ana")


async def test_a_preview_that_fails_says_so_and_asks_anyway(home: Path) -> None:
    """The reviewer sees that there is no preview, not a failed run."""
    from pointsman.nodes.specialist import Specialist
    from pointsman.nodes.tool import tool

    def broken(text: str) -> str:
        raise OSError("no ledger")

    @tool(effect="write", preview=broken)
    def note(text: str) -> str:
        """Note."""
        return text

    def one(shop: Shop) -> tuple[Specialist, ...]:
        return (Specialist("billing", handles="money", tools=(note,)),)

    result = await waiting(shop_team(home, specialists=one), "note paper")
    assert "the preview failed: OSError: no ledger" in result.tickets[0].preview
