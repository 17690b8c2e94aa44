"""Tasks that a person must approve before they begin."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from pointsman.errors import InvalidDecision, TicketClosed
from pointsman.guardrails.policy import ApprovalPolicy
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.event import Routed
from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.nodes.merge import joined
from pointsman.nodes.message import Delivered, Message, Refusal, Request, Task, Terms
from pointsman.nodes.plan import Plan
from pointsman.nodes.routing.router import Router
from pointsman.nodes.routing.rules import Rule
from pointsman.nodes.specialist import Specialist
from pointsman.teams.approvals.audit import faults
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import (
    TAKES,
    Approve,
    Decision,
    Edit,
    Escalate,
    Reject,
    Respond,
    Ticket,
    action_digest,
    tasks_of,
)
from pointsman.views.cli.card import call, facts
from pointsman.views.notebook.cards import card
from tests.flow.shop import Shop, script, shop_team

PLAN = (
    Task(id="first", to="billing", text="note one"),
    Task(id="second", to="tech", text="see > note two", needs=("first",)),
)
ALL = (Rule("lead", to="lead", pattern=r"."),)


def planners(shop: Shop) -> Sequence[Specialist]:
    """`lead` plans for billing and tech, and asks first."""
    tools = tuple(t for t in shop.tools() if t.name in ("lookup", "note"))
    billing = Specialist("billing", handles="money", tools=tools)
    tech = Specialist("tech", handles="devices", tools=tools)
    plan = Plan((billing, tech), make=lambda _: PLAN, merge=joined, approve="it writes notes")
    return (Specialist("lead", handles="plans", does=plan), billing, tech)


def planning(home: Path, *, asks: bool = False, **more: object) -> Team:
    """The team; writes of its tasks are allowed unless it `asks`."""
    from tests.flow.test_run import ALLOW_ALL

    given: dict[str, object] = {
        "policy": ApprovalPolicy() if asks else ALLOW_ALL,
        "router": Router(rules=ALL, classifier="off"), "specialists": planners, **more,
    }  # fmt: skip
    return shop_team(home, model=ScriptedTransport(script), **given)  # pyright: ignore[reportArgumentType]


async def waits(team: Team, thread: str = "c1") -> Ticket:
    """The plan's ticket of a run."""
    result = await team.run("plan it", thread=thread)
    assert result.status == "waiting"
    (ticket,) = result.tickets
    return ticket


async def decided(team: Team, ticket: Ticket | str, decision: Decision) -> Result:
    """The run after a decision."""
    result = await team.decide(ticket, decision)
    assert isinstance(result, Result)
    return result


def as_args(*tasks: Task) -> JsonObject:
    """The ticket's argument."""
    return {"tasks": [task.model_dump(mode="json") for task in tasks]}


async def test_the_ticket_shows_the_tasks(home: Path, shop: Shop) -> None:
    """Frozen before the pause, with their digest; nothing of them has begun."""
    team = planning(home)
    ticket = await waits(team)
    assert (ticket.kind, ticket.specialist, ticket.reason) == ("plan", "lead", "it writes notes")
    assert tasks_of(ticket.args) == PLAN
    assert ticket.digest == action_digest("pointsman.plan", ticket.args)
    assert shop.wrote() == []
    assert [row for row in await team.runs() if row.parent] == []
    said = {label.strip(): text.plain for label, text in facts(ticket)}
    assert said["first"] == "billing: note one"
    assert said["second"] == "tech (after first): see > note two"
    assert call(ticket) == "plan: first by billing, second by tech"
    shown = card(ticket)
    assert (shown["kind"], shown["risk"]) == ("plan", "")
    assert (
        shown["preview"] == "first: billing: note one\nsecond: tech (after first): see > note two"
    )


async def test_approved_tasks_run(home: Path, shop: Shop) -> None:
    """Exactly those that were shown, in the order of their needs."""
    team = planning(home)
    result = await decided(team, await waits(team), Approve(by="ana"))
    assert result.status == "done"
    assert shop.wrote() == ["noted one", "noted two"]
    rows = await team.audit()
    assert [r.entry.action for r in rows if r.entry.tool == "pointsman.plan"] == [
        "open", "approve", "execute",
    ]  # fmt: skip
    assert not faults(rows)


async def test_edited_tasks_run_in_their_place(home: Path, shop: Shop) -> None:
    """What the reviewer made of them, and nothing of the first version."""
    team = planning(home)
    other = Task(id="only", to="tech", text="note three")
    ticket = await waits(team)
    result = await decided(team, ticket, Edit(by="ana", args=as_args(other)))
    assert result.status == "done"
    assert shop.wrote() == ["noted three"]
    after = await team.ticket(ticket.id)
    assert tasks_of(after.runs) == (other,)
    assert tasks_of(after.args) == PLAN
    assert after.approved_digest == action_digest("pointsman.plan", after.runs) != after.digest


@pytest.mark.parametrize(
    ("tasks", "why"),
    [
        ((), "1 to"),
        ((PLAN[0], PLAN[0]), "stands twice"),
        ((Task(id="a", to="mars", text="x"),), "is for 'mars'"),
        ((Task(id="a", to="lead", text="x"),), "is for 'lead'"),
        ((Task(id="a", to="tech", text="x", needs=("b",)),), "needs 'b'"),
        (
            (
                Task(id="a", to="tech", text="x", needs=("b",)),
                Task(id="b", to="tech", text="x", needs=("a",)),
            ),
            "wait for each other",
        ),
        ((Task(id="a", to="tech", text=" "),), "asks for nothing"),
    ],
)
async def test_an_edit_must_be_a_plan(home: Path, tasks: tuple[Task, ...], why: str) -> None:
    """Targets, ids and needs are checked as those of the planner; nothing is changed."""
    team = planning(home)
    ticket = await waits(team)
    with pytest.raises(InvalidDecision, match=why):
        await team.decide(ticket, Edit(by="ana", args=as_args(*tasks)))
    assert await team.ticket(ticket.id) == ticket


@pytest.mark.parametrize("args", [{"tasks": "all"}, {"tasks": [{"id": "a"}]}, {"steps": []}])
async def test_an_edit_that_is_no_list_of_tasks_is_refused(home: Path, args: JsonObject) -> None:
    """With what is wrong with it."""
    team = planning(home)
    ticket = await waits(team)
    with pytest.raises(InvalidDecision, match="does not fit"):
        await team.decide(ticket, Edit(by="ana", args=args))
    assert await team.ticket(ticket.id) == ticket


async def test_a_no_goes_back_to_the_planner(home: Path, shop: Shop) -> None:
    """Which hears why; nothing of the plan runs."""
    heard: list[Delivered] = []

    class Noted:
        """A planner that hears what became of its plan."""

        def node(self, specialist: Specialist, **_: object) -> object:
            """The node of a plan, with what it hears noted."""

            async def node(message: Message, run: object) -> Message:
                if isinstance(message.payload, Delivered):
                    heard.append(message.payload)
                    no = Refusal(guard="plan", rule="rejected", text="Not today.")
                    return message.reply(no, sender="lead")
                assert isinstance(message.payload, Request)
                from pointsman.nodes.message import Delegation

                given = Delegation(of="plan", request=message.payload, tasks=PLAN, approve="!")
                return message.reply(given, sender="lead")

            return node

        def reaches(self) -> tuple[str, ...]:
            """Both."""
            return ("billing", "tech")

    def made(shop: Shop) -> Sequence[Specialist]:
        _, billing, tech = planners(shop)
        return (Specialist("lead", handles="plans", does=Noted()), billing, tech)  # pyright: ignore[reportArgumentType]

    team = planning(home, specialists=made)
    result = await decided(team, await waits(team), Reject(by="ana", reason="too dear"))
    assert (result.status, result.answer) == ("blocked", "Not today.")
    (delivered,) = heard
    assert [(r.task, r.status, r.error) for r in delivered.results] == [
        ("first", "cancelled", "Rejected"), ("second", "cancelled", "Rejected"),
    ]  # fmt: skip
    assert all("too dear" in r.text for r in delivered.results)
    assert shop.wrote() == []


async def test_a_person_answers_in_place_of_the_plan(home: Path, shop: Shop) -> None:
    """The run is done, and nothing of the plan runs."""
    team = planning(home)
    result = await decided(team, await waits(team), Respond(by="ana", text="It is paid."))
    assert (result.status, result.answer, result.by) == ("done", "It is paid.", "person")
    assert shop.wrote() == []


async def test_the_policys_terms_hold(home: Path, shop: Shop) -> None:
    """Reviewers, escalation and time: who is late decides nothing, and nothing runs."""
    at = [1_000_000.0]
    terms = Terms(reviewers=("ana",), escalate_to=("lea",), expires_after=60.0)
    team = planning(home, policy=ApprovalPolicy(terms=terms), clock=lambda: at[0])
    ticket = await waits(team)
    with pytest.raises(InvalidDecision, match="its reviewers are ana"):
        await team.decide(ticket, Approve(by="bo"))
    at[0] += 61
    (passed,) = await team.sweep()
    assert (passed.reviewers, passed.expires) == (
        ("lea",), ticket.created + timedelta(seconds=121),
    )  # fmt: skip
    at[0] += 61
    await team.sweep()
    with pytest.raises(TicketClosed):
        await team.decide(ticket, Approve(by="lea"))
    result = await team.result(ticket.run)
    assert result.status == "blocked"
    assert shop.wrote() == []


async def test_a_deploy_without_the_target_supersedes(home: Path, shop: Shop) -> None:
    """The team of today could not do what is shown: the approval is refused, and it says why."""
    ticket = await waits(planning(home))

    def fewer(shop: Shop) -> Sequence[Specialist]:
        _, billing, _ = planners(shop)
        plan = Plan((billing,), make=lambda _: PLAN[:1], merge=joined)
        return (Specialist("lead", handles="plans", does=plan), billing)

    team = planning(home, specialists=fewer)
    with pytest.raises(TicketClosed, match="is for 'tech'"):
        await team.decide(ticket, Approve(by="ana"))
    assert (await team.ticket(ticket.id)).status == "superseded"
    assert shop.wrote() == []


async def test_a_plan_is_no_excuse_for_what_its_tasks_do(home: Path, shop: Shop) -> None:
    """Approving the tasks approves no write: each asks as ever, and can be passed on."""
    team = planning(home, asks=True, specialists=_refunders)
    result = await decided(team, await waits(team), Approve(by="ana"))
    assert result.status == "waiting"
    (ticket,) = result.tickets
    assert (ticket.kind, ticket.tool) == ("action", "refund")
    assert shop.wrote() == []
    assert "escalate" in TAKES["plan"]
    passed = await decided(team, ticket, Escalate(by="ana", to="bo"))
    assert passed.status == "waiting"


def _refunders(shop: Shop) -> Sequence[Specialist]:
    billing = Specialist("billing", handles="money", tools=shop.tools())
    task = Task(id="a", to="billing", text="refund INV-1 5")
    plan = Plan((billing,), make=lambda _: (task,), merge=joined, approve="money")
    return (Specialist("lead", handles="plans", does=plan), billing)


async def test_a_person_may_send_a_run_to_a_planner(home: Path) -> None:
    """The kinds follow one another in one run: where it goes, then the tasks."""
    router = Router(ask_person=True, min_confidence=0.9, classifier="off")
    team = planning(home, router=router)
    result = await team.run("lead: go", thread="c1")
    (ticket,) = result.tickets
    if ticket.kind == "route":
        result = await decided(team, ticket, Edit(by="ana", args={"to": "lead"}))
        (ticket,) = result.tickets
    assert ticket.kind == "plan"
    assert (await decided(team, ticket, Approve(by="ana"))).status == "done"
    events = [r.event for r in await team.events(result.run)]
    assert [e.to for e in events if isinstance(e, Routed)][-1] == "lead"
