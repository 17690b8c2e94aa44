"""Every decision on a team that lives in somebody else's graph, through that graph."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command

from pointsman.errors import TicketClosed
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.message import Terms
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Decision, Edit, Escalate, Reject, Respond, Ticket
from tests.flow.shop import Shop, shop_team
from tests.flow.test_nested import Parent, config, finished, parent_of, said

TWO = ApprovalPolicy(rules=(PolicyRule("two", "ask", terms=Terms(approvals=2)),))


@pytest.fixture
async def team(home: Path) -> AsyncGenerator[Team]:
    """The team that is nested."""
    made = shop_team(home)
    yield made
    await made.aclose()


@pytest.fixture
def parent(team: Team) -> Parent:
    """The program around it."""
    return parent_of(team, InMemorySaver())


async def waiting(team: Team, parent: Parent, text: str = "refund INV-1 5") -> Ticket:
    """The ticket at which the parent stopped."""
    await parent.ainvoke(said(text), config())
    return (await team.tickets())[0]


async def last(parent: Parent) -> str:
    """What the team said last in the parent's messages."""
    return (await parent.aget_state(config())).values["messages"][-1].text


@pytest.mark.parametrize(
    ("decision", "wrote", "says"),
    [
        (Approve(by="ana"), ["refunded 5 on INV-1"], "done: refunded 5 on INV-1"),
        (Edit(by="ana", args={"usd": 4}), ["refunded 4 on INV-1"], "done: refunded 4 on INV-1"),
        (Reject(by="ana", reason="no money"), [], "no money"),
        (Respond(by="ana", text="We will call you."), [], "We will call you."),
    ],
    ids=lambda value: getattr(value, "type", None),
)
async def test_a_decision_takes_the_parent_on(
    team: Team, parent: Parent, shop: Shop, decision: Decision, wrote: list[str], says: str
) -> None:
    """Given the parent, `decide` finds its interrupt and resumes it; the parent goes to its end."""
    ticket = await waiting(team, parent)
    result = await team.decide(ticket, decision, graph=parent)
    assert isinstance(result, Result)
    assert result.status == "done"
    assert says in await last(parent)
    assert shop.wrote() == wrote
    assert await finished(parent)


async def test_an_escalated_ticket_waits_in_the_parent(
    team: Team, parent: Parent, shop: Shop
) -> None:
    """Nothing is resumed until the other reviewer has decided."""
    ticket = await waiting(team, parent)
    passed = await team.decide(ticket, Escalate(by="ana", to="lea"), graph=parent)
    assert passed.status == "waiting"
    assert not await finished(parent)
    await team.decide(ticket, Approve(by="lea"), graph=parent)
    assert shop.wrote() == ["refunded 5 on INV-1"]
    assert await finished(parent)


async def test_two_people_in_a_parent(home: Path, shop: Shop) -> None:
    """The first of two approvals resumes nothing."""
    team = shop_team(home, policy=TWO)
    parent = parent_of(team, InMemorySaver())
    ticket = await waiting(team, parent)
    assert (await team.decide(ticket, Approve(by="ana"), graph=parent)).status == "waiting"
    assert shop.wrote() == []
    await team.decide(ticket, Approve(by="bo"), graph=parent)
    assert shop.wrote() == ["refunded 5 on INV-1"]
    assert await finished(parent)
    await team.aclose()


async def test_new_input_leaves_a_ticket_behind(team: Team, parent: Parent, shop: Shop) -> None:
    """The parent went on without it: a decision is refused, says so, and does nothing; the new
    ticket works."""
    old = await waiting(team, parent)
    await parent.ainvoke(said("refund INV-2 6", "m2"), config())
    with pytest.raises(TicketClosed, match="conversation went on without it"):
        await team.decide(old, Approve(by="ana"), graph=parent)
    assert (await team.ticket(old.id)).status == "superseded"
    assert shop.wrote() == []
    (new,) = await team.tickets()
    await team.decide(new, Approve(by="ana"), graph=parent)
    assert shop.wrote() == ["refunded 6 on INV-2"]


async def test_a_late_decision_takes_the_parent_on(home: Path, shop: Shop) -> None:
    """Its time was up: the decision is refused, and the parent goes on with a no."""
    now = [1_800_000_000.0]
    rule = PolicyRule("soon", "ask", terms=Terms(expires_after=60))
    team = shop_team(home, policy=ApprovalPolicy(rules=(rule,)), clock=lambda: now[0])
    parent = parent_of(team, InMemorySaver())
    ticket = await waiting(team, parent)
    now[0] += 61
    with pytest.raises(TicketClosed, match="expire by clock"):
        await team.decide(ticket, Approve(by="ana"), graph=parent)
    assert "Nobody decided" in await last(parent)
    assert shop.wrote() == []
    assert await finished(parent)
    await team.aclose()


async def test_a_team_two_levels_deep(team: Team, parent: Parent, shop: Shop) -> None:
    """A program inside a program: the outermost one is given, and each level goes to its end."""
    builder: Any = StateGraph(MessagesState)
    builder.add_node("program", parent_of(team, None))
    builder.add_edge(START, "program")
    builder.add_edge("program", END)
    outer = builder.compile(checkpointer=InMemorySaver())
    await outer.ainvoke(said("refund INV-1 5 + refund INV-2 6"), config())
    first, second = await team.tickets()
    await team.decide(second, Approve(by="ana"), graph=outer)
    assert shop.wrote() == ["refunded 6 on INV-2"]
    await team.decide(first, Approve(by="ana"), graph=outer)
    assert shop.wrote() == ["refunded 6 on INV-2", "refunded 5 on INV-1"]
    assert await last(outer) == "done: refunded 5 on INV-1 | refunded 6 on INV-2"
    assert not (await outer.aget_state(config())).next


async def test_a_fork_of_the_past_repeats_no_effect(team: Team, parent: Parent, shop: Shop) -> None:
    """Somebody replays the parent from the checkpoint before the team: the ticket is decided
    already, so its recorded result is used and the write is not done again."""
    ticket = await waiting(team, parent)
    await team.decide(ticket, Approve(by="ana"), graph=parent)
    before = [s async for s in parent.aget_state_history(config()) if s.next == ("team",)][-1]
    await parent.ainvoke(None, before.config)
    (waits,) = (await parent.aget_state(config())).interrupts or (None,)
    if waits is not None:
        await parent.ainvoke(Command(resume={waits.id: {"ticket": ticket.id}}), config())
    assert shop.wrote() == ["refunded 5 on INV-1"]
    assert len(await team.tickets(status=None)) == 1
    assert await finished(parent)
