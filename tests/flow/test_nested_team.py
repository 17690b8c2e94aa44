"""A team that is a specialist of another."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from collections.abc import Sequence
from pathlib import Path

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from pointsman.errors import InvalidTeam, NotFound
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.budgets import Allowance
from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.run import Budget
from pointsman.nodes.specialist import Specialist
from pointsman.teams.result import Result
from pointsman.teams.store.rows import RunRow
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Decision, Reject, Ticket
from tests.flow.shop import Shop, script, shop_team
from tests.flow.test_nested import config, finished, parent_of, said

APPROVE = {"type": "approve", "by": "ana"}


def desk(
    home: Path,
    *,
    name: str = "refunds",
    model: ScriptedTransport | None = None,
    does: Team | None = None,
    **options: object,
) -> Team:
    """The inner team: one specialist with the shop's tools, or another team."""
    transport = model or ScriptedTransport(script)
    one = Specialist("clerk", handles="refunds", tools=Shop(home).tools())
    inner = Specialist("clerk", handles="refunds", does=does) if does else one
    return Team(
        name,
        specialists=(inner,),
        models={"fast": ("scripted",), "strong": ("scripted",)},
        transports=Transports({"scripted": lambda: transport}),
        home=home / "alone",
        **options,  # pyright: ignore[reportArgumentType]
    )


def outer(home: Path, inner: Team, **options: object) -> Team:
    """The shop, whose specialist `refunds` is a team. Send `refunds: …`."""

    def specialists(shop: Shop) -> Sequence[Specialist]:
        return (
            Specialist("refunds", handles="refunds", does=inner),
            Specialist("tech", handles="devices", tools=shop.tools()),
        )

    return shop_team(home, specialists=specialists, **options)  # pyright: ignore[reportArgumentType]


async def decided(team: Team, ticket: Ticket, decision: Decision) -> Result:
    """What the run of the message came to after a person's decision."""
    result = await team.decide(ticket, decision)
    assert isinstance(result, Result)
    return result


async def children_of(team: Team, run: str) -> tuple[RunRow, ...]:
    """The runs to which a run gave work."""
    async with team._sessions.services() as services:
        return await services.store.children(run)


async def test_a_team_answers_as_a_specialist(home: Path) -> None:
    """Its run is a run of its own team, below the run of the message, in that one's folder."""
    inner = desk(home)
    team = outer(home, inner)
    result = await team.run("refunds: lookup INV-1", thread="c1")
    assert (result.status, result.specialist) == ("done", "refunds")
    assert result.answer == "done: INV-1 is 20.00 USD"
    (mine,) = await team.runs()
    (theirs,) = await children_of(team, mine.run)
    assert (theirs.team, theirs.parent, theirs.pinned) == ("refunds", mine.run, "")
    assert not (home / "alone").exists()


async def test_its_tickets_are_the_outer_teams(home: Path, shop: Shop) -> None:
    """They carry its name, wait in the outer inbox and are decided there; both runs go on."""
    team = outer(home, desk(home))
    waiting = await team.run("refunds: refund INV-1 5")
    assert waiting.status == "waiting"
    (ticket,) = waiting.tickets
    assert (ticket.team, ticket.tool) == ("refunds", "refund")
    result = await decided(team, ticket, Approve(by="ana"))
    assert (result.run, result.status) == (waiting.run, "done")
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def test_its_own_policy_and_budget_hold(home: Path, shop: Shop) -> None:
    """What its policy forbids is not asked about, whatever the outer team's says; its own bound on
    a run holds beside the outer one."""
    deny = ApprovalPolicy(rules=(PolicyRule("never", "deny", tools=("refund",)),))
    result = await outer(home, desk(home, policy=deny)).run("refunds: refund INV-1 5")
    assert result.status == "done"
    assert shop.wrote() == []
    small = outer(home, desk(home, budget=Budget(calls=1), over_budget=None))
    spent = await small.run("refunds: lookup INV-1 > lookup INV-2", message_id="m2")
    assert spent.status in ("partial", "waiting")


async def test_a_foreign_teams_ticket_stays_refused(home: Path) -> None:
    """A team that is not inside, and the inner team's own runs for somebody else."""
    inner = desk(home)
    alone = inner.apart(home=home)
    waiting = await alone.run("refund INV-1 5")
    team = outer(home, inner)
    with pytest.raises(NotFound):
        await team.decide(waiting.tickets[0].id, Approve(by="ana"))
    assert (await alone.ticket(waiting.tickets[0].id)).status == "pending"


async def test_the_inner_team_alone_wakes_nobody_elses_run(home: Path, shop: Shop) -> None:
    """A decision there is recorded; the outer team acts on it when it next looks."""
    inner = desk(home)
    team = outer(home, inner)
    waiting = await team.run("refunds: refund INV-1 5")
    await inner.apart(home=home).decide(waiting.tickets[0].id, Approve(by="ana"))
    assert shop.wrote() == []
    await team.sweep()
    assert (await team.result(waiting.run)).status == "done"
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def test_a_team_in_a_team_in_a_team(home: Path, shop: Shop) -> None:
    """Budgets, tickets and answers go through both."""
    middle = desk(home, name="middle", does=desk(home, name="innermost"))
    team = outer(home, middle)
    waiting = await team.run("refunds: refund INV-1 5")
    assert [t.team for t in waiting.tickets] == ["innermost"]
    result = await decided(team, waiting.tickets[0], Reject(by="ana", reason="no"))
    assert result.status == "done"
    assert result.answer.startswith("done: ")
    assert shop.wrote() == []


async def test_two_teams_of_one_name_are_refused(home: Path) -> None:
    """Tickets and runs go by the name."""
    twin = desk(home, name="shop")
    with pytest.raises(InvalidTeam, match="both named 'shop'"):
        outer(home, twin)


async def test_the_outer_budget_counts_inner_calls(home: Path) -> None:
    """The run's own bound, and what the outer team's runs share."""
    model = ScriptedTransport(script)
    team = outer(home, desk(home, model=model), budgets=[Allowance(calls=3, per=("team",))])
    first = await team.run("refunds: lookup INV-1")
    assert first.status == "done"
    assert first.model_calls == 3  # the route, and two inside
    second = await team.run("refunds: lookup INV-2")
    assert second.status in ("waiting", "partial")
    assert len(model.requests) == 2


async def test_cancelling_goes_through(home: Path) -> None:
    """The inner run is cancelled and its ticket closed."""
    team = outer(home, desk(home))
    waiting = await team.run("refunds: refund INV-1 5")
    assert (await team.cancel(waiting.run, by="ana")).status == "cancelled"
    (child,) = await children_of(team, waiting.run)
    assert child.state == "cancelled"
    async with team._sessions.services() as services:
        found = await services.store.find_ticket(waiting.tickets[0].id)
    assert found is not None
    assert found.status == "cancelled"


async def test_inside_somebody_elses_graph(home: Path, shop: Shop) -> None:
    """The wait bubbles up as an interrupt of its own kind; a decision wakes all of it."""
    team = outer(home, desk(home))
    parent = parent_of(team, InMemorySaver())
    await parent.ainvoke(said("refunds: refund INV-1 5"), config())
    (waits,) = (await parent.aget_state(config())).interrupts
    assert waits.value["kind"] == "child"
    ticket = waits.value["tickets"][0]["id"]
    result = await team.decide(ticket, Approve(by="ana"), graph=parent)
    assert result.status == "done"
    assert await finished(parent)
    assert shop.wrote() == ["refunded 5 on INV-1"]
    await team.aclose()


async def test_inside_somebody_elses_graph_by_a_raw_resume(home: Path, shop: Shop) -> None:
    """An answer that names the ticket decides it; one that names none decides nothing."""
    from langgraph.types import Command

    team = outer(home, desk(home))
    parent = parent_of(team, InMemorySaver())
    await parent.ainvoke(said("refunds: refund INV-1 5"), config())
    await parent.ainvoke(Command(resume={"decisions": [{"type": "approve"}]}), config())
    assert shop.wrote() == []
    (waits,) = (await parent.aget_state(config())).interrupts
    ticket = waits.value["tickets"][0]["id"]
    await parent.ainvoke(Command(resume={"ticket": ticket, "decision": APPROVE}), config())
    assert await finished(parent)
    assert shop.wrote() == ["refunded 5 on INV-1"]
    await team.aclose()


async def test_without_a_checkpointer_nobody_is_asked(home: Path) -> None:
    """The outer graph could not wait: the run says so, and leaves no ticket open."""
    team = outer(home, desk(home))
    state = await team.compile().ainvoke(said("refunds: refund INV-1 5"))
    assert "no checkpointer" in state["messages"][-1].content
    assert await team.tickets() == ()
    await team.aclose()
