"""A plan from the message to the merged answer: child runs, a person's word, new plans."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport, text_reply
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.merge import joined
from pointsman.nodes.message import Request, Task
from pointsman.nodes.plan import Plan, retry
from pointsman.nodes.specialist import Specialist
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Reject
from tests.flow.shop import Shop, script, shop_team

PLAN = (
    Task(id="first", to="billing", text="lookup INV-1"),
    Task(id="second", to="tech", text="lookup INV-2"),
    Task(id="third", to="billing", text="lookup INV-3", needs=("first", "second")),
)
ASK = "lead: what do they owe?"


def planning(request: ModelRequest) -> Scripted:
    """Plans and merges; does the tasks as the shop's model does."""
    if request.purpose == "plan":
        return json.dumps({"tasks": [task.model_dump() for task in PLAN]})
    if request.purpose == "merge":
        return text_reply("One owes 20.00 USD [first], and so do two more [second, third].")
    return script(request)


def planning_team(
    home: Path,
    does: Callable[[Specialist, Specialist], Plan],
    model: Callable[[ModelRequest], Scripted] = planning,
    **options: object,
) -> Team:
    """The shop with `lead`, who plans for billing and tech. Send `lead: …`."""

    def specialists(shop: Shop) -> tuple[Specialist, ...]:
        billing = Specialist("billing", handles="money", tools=shop.tools())
        tech = replace(billing, name="tech", handles="devices")
        writer = Specialist("writer", handles="writing")
        lead = Specialist("lead", handles="research", does=does(billing, tech))
        return (lead, billing, tech, writer)

    given = {"specialists": specialists, "model": ScriptedTransport(model), **options}
    return shop_team(home, **given)  # pyright: ignore[reportArgumentType]


async def statuses(team: Team) -> dict[str, str]:
    """How each task's newest run stands."""
    return {row.task: row.state for row in reversed(await team.runs()) if row.parent}


async def test_a_model_plans_and_merges(home: Path) -> None:
    """Each task is a run; what it needs goes along; the answer names its sources and costs all."""
    team = planning_team(home, lambda billing, tech: Plan((billing, tech)))
    result = await team.run(ASK, thread="c1")
    assert result.status == "done"
    assert result.answer == "One owes 20.00 USD [first], and so do two more [second, third]."
    assert await statuses(team) == {"first": "done", "second": "done", "third": "done"}
    third = next(row for row in await team.runs() if row.task == "third")
    assert isinstance(third.request.payload, Request)
    assert [q.source for q in third.request.payload.handed] == ["first", "second"]


async def test_an_approved_plan_runs_and_a_rejected_one_does_not(home: Path) -> None:
    """A person sees the tasks before any of them begins; after a no nothing ran, and it says so."""
    team = planning_team(
        home,
        lambda billing, tech: Plan((billing, tech), make=lambda _: PLAN, merge=joined, approve="!"),
    )
    for number, decision in enumerate((Approve(by="ana"), Reject(by="ana", reason="not today"))):
        waiting = await team.run(ASK, thread=f"c{number}")
        assert waiting.status == "waiting"
        (ticket,) = waiting.tickets
        assert (ticket.kind, ticket.reason) == ("plan", "!")
        before = len(await team.runs())
        ended = await team.decide(ticket, decision)
        assert isinstance(ended, Result)
        if number == 0:
            assert ended.status == "done"
            assert ended.answer.startswith("[first] done: INV-1 is 20.00 USD")
        else:
            assert (ended.status, ended.answer) == (
                "blocked",
                "Not approved: ana said no. not today",
            )
            assert len(await team.runs()) == before


def failing(times: int) -> Callable[[ModelRequest], Scripted]:
    """The shop's model, which fails so often at the second task."""
    left = [times]

    def model(request: ModelRequest) -> Scripted:
        if "INV-2" in request.turns[-1].content and left[0]:
            left[0] -= 1
            return ValueError("no paper")
        return planning(request)

    return model


async def test_what_failed_is_done_again_and_nothing_else(home: Path) -> None:
    """The second round has the failed task and the one that waited for it; the first one stands."""
    team = planning_team(
        home,
        lambda billing, tech: Plan((billing, tech), make=lambda _: PLAN, again=retry, merge=joined),
        failing(1),
    )
    result = await team.run(ASK)
    assert result.status == "done"
    assert result.answer.startswith(
        "[first] done: INV-1 is 20.00 USD\n\n[second] done: INV-2 is 20.00 USD\n\n[third] done: "
    )
    assert "second handed this on, and says: done: INV-2" in result.answer
    tasks = sorted(row.task for row in await team.runs() if row.parent)
    assert tasks == ["first", "second", "second", "third"]


async def test_an_answer_with_gaps_is_partial(home: Path) -> None:
    """When the rounds are used up, what is done is told, and what is missing."""
    team = planning_team(
        home,
        lambda billing, tech: Plan((billing, tech), make=lambda _: PLAN, merge=joined),
        failing(9),
    )
    result = await team.run(ASK)
    assert (result.status, result.error) == ("partial", "PartFailed")
    assert result.answer == (
        "[first] done: INV-1 is 20.00 USD\n\n"
        "This answer is not complete. Missing: [second] of tech, [third] of billing."
    )


async def test_a_specialist_merges_what_is_done(home: Path) -> None:
    """It gets the results of every round as quotes, and the person's own words."""

    def writes(request: ModelRequest) -> Scripted:
        said = request.turns[-1].content
        if said.startswith(ASK) and not request.choices:
            return text_reply("in all: " + said)
        return fails(request)

    fails = failing(9)
    writer = Specialist("writer", handles="writing")
    team = planning_team(
        home,
        lambda billing, tech: Plan((billing, tech), make=lambda _: PLAN, merge=writer),
        writes,
    )
    result = await team.run(ASK)
    assert result.status == "partial"
    assert "first handed this on, and says: done: INV-1 is 20.00 USD" in result.answer
    assert result.answer.endswith("Missing: [second] of tech, [third] of billing.")
