"""Bounds of a run: each is hit, recorded, and followed by what the team wants."""

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from pointsman.errors import ToolFailed
from pointsman.guardrails.overbudget import STOP
from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.event import BoundHit, Routed
from pointsman.nodes.gateway.scripted import (
    Scripted,
    ScriptedTransport,
    choice_reply,
    text_reply,
    tool_reply,
)
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.message import (
    Answer,
    Handoff,
    Message,
    Proposal,
    Refusal,
    ToolCall,
    request_of,
)
from pointsman.nodes.node import Node
from pointsman.nodes.run import Budget, Run
from pointsman.nodes.specialist import Specialist
from pointsman.prompts.library import PromptLibrary
from pointsman.teams.result import Result
from pointsman.teams.spec import FallBackTo, WhenBound
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Reject, Respond
from tests.flow.shop import Shop, shop_team

ALLOW_ALL = ApprovalPolicy(rules=(PolicyRule("all", "allow"),))
NEWS = count()


async def _desk(message: Message, run: Run) -> Message:
    """A desk that needs no model: it says what it was told."""
    told = " ".join(quote.text for quote in request_of(message).handed)
    return message.reply(Answer(text=f"Call us. ({told})", by="rules"), sender="desk")


class Desk:
    """The desk as what a specialist does."""

    def node(self, specialist: Specialist, *, team: str, prompts: PromptLibrary) -> Node:
        """The same for every specialist."""
        return _desk

    def reaches(self) -> tuple[str, ...]:
        """Nobody."""
        return ()


def pair(shop: Shop) -> Sequence[Specialist]:
    """Two that hand on to each other, and a desk that nobody may hand on to."""
    read = shop.tools()[:1]
    return (
        Specialist("billing", handles="money", tools=read, hands_off_to=("tech",)),
        Specialist("tech", handles="devices", tools=read, hands_off_to=("billing",)),
        Specialist("desk", handles="the rest", does=Desk()),
    )


def never_done(request: ModelRequest) -> Scripted:
    """Each looks something new up, and hands on: no loop, and no end."""
    if request.choices:
        return choice_reply("billing")
    if not any(t.name == "lookup" for t in request.turns[-1:]):
        look = {"invoice": f"INV-{next(NEWS)}"}
        return tool_reply(ToolCall(id="l", name="lookup", args=look))
    to = next(t.name for t in request.tools if t.name.startswith("transfer_to_"))
    return tool_reply(ToolCall(id="h", name=to, args={"reason": "on"}))


def bounded(
    home: Path, script: Callable[[ModelRequest], Scripted] = never_done, **more: object
) -> Team:
    """The pair, with the bounds given."""
    return shop_team(home, model=ScriptedTransport(script), specialists=pair, **more)


async def hits(team: Team, result: Result) -> list[BoundHit]:
    """The bounds on record."""
    return [r.event for r in await team.events(result.run) if isinstance(r.event, BoundHit)]


async def test_a_partial_result_says_which_bound(home: Path) -> None:
    """By default the run ends with what was done, and the record has the bound."""
    team = bounded(home, max_hops=3)
    result = await team.run("help")
    assert (result.status, result.error) == ("partial", "HopLimit")
    assert "was handed on more than 3 times" in result.answer
    (hit,) = await hits(team, result)
    assert (hit.bound, hit.then) == ("hops", "partial")


async def test_a_bound_can_be_a_failure(home: Path) -> None:
    """When the team says so."""
    team = bounded(home, max_hops=3, when_bound="fail")
    result = await team.run("help")
    assert (result.status, result.error) == ("failed", "HopLimit")
    assert [hit.then for hit in await hits(team, result)] == ["fail"]


async def test_an_edge_has_a_limit_of_its_own(home: Path) -> None:
    """However many hops are left."""
    team = bounded(home, max_hops=20, edge_limits={("billing", "tech"): 2})
    result = await team.run("help")
    assert result.status == "partial"
    assert "from 'billing' to 'tech' more than 2 times" in result.answer
    routed = [r.event for r in await team.events(result.run) if isinstance(r.event, Routed)]
    assert [event.to for event in routed] == [
        "billing",
        "tech",
        "billing",
        "tech",
        "billing",
        "tech",
    ]
    assert [hit.bound for hit in await hits(team, result)] == ["edge"]


async def test_coming_back_with_findings_is_no_loop(home: Path) -> None:
    """Work may go back and forth while it brings something new."""

    def there_and_back(request: ModelRequest) -> Scripted:
        if sum("INV-" in turn.content for turn in request.turns if turn.name != "lookup") >= 1:
            findings = [t.content for t in request.turns if t.name == "handed_on"]
            if findings and findings[0].count("read before") >= 2:
                return text_reply("settled")
        return never_done(request)

    team = bounded(home, there_and_back)
    result = await team.run("help")
    assert (result.status, result.specialist) == ("done", "billing")
    assert await hits(team, result) == []


async def test_the_team_has_a_time_for_each_run(home: Path) -> None:
    """`max_seconds` bounds a run that was given no deadline; a shorter deadline wins."""
    slow = bounded(home, max_seconds=1e-6)
    result = await slow.run("help")
    assert (result.status, result.error) == ("partial", "DeadlineExceeded")
    assert [hit.bound for hit in await hits(slow, result)] == ["seconds"]
    long = shop_team(home, max_seconds=600)
    assert (await long.run("help", thread="c2")).status == "done"
    assert (await long.run("help", thread="c3", deadline=1e-6)).error == "DeadlineExceeded"


@pytest.mark.parametrize("bound", ["hops", "seconds", "cost"])
async def test_another_specialist_has_the_last_word(home: Path, bound: str) -> None:
    """It is visited once, outside the table, and is told why; the record has it flagged."""
    limits: dict[str, dict[str, object]] = {
        "hops": {"max_hops": 2}, "seconds": {"max_seconds": 1e-6},
        "cost": {"budget": Budget(calls=3)},
    }  # fmt: skip
    more = {"over_budget": STOP, **limits[bound]}
    team = bounded(home, when_bound=FallBackTo("desk"), **more)
    result = await team.run("help")
    assert (result.status, result.specialist) == ("done", "desk")
    assert "Give the last word on it." in result.answer
    (first, *_) = await hits(team, result)
    assert (first.bound, first.then, first.to) == (bound, "fallback", "desk")
    routed = [r.event for r in await team.events(result.run) if isinstance(r.event, Routed)]
    assert (routed[-1].to, routed[-1].tier) == ("desk", "bound")


async def test_the_last_word_is_one_visit(home: Path) -> None:
    """Where the fallback specialist hands on in its turn, the run ends."""
    team = bounded(home, max_hops=2, when_bound=FallBackTo("tech"))
    result = await team.run("help")
    assert result.status == "partial"
    assert [hit.then for hit in await hits(team, result)] == ["fallback", "partial"]


async def asked(team: Team, *, times: int = 1) -> Result:
    """A run that waits for a person after a bound."""
    result = await team.run("help")
    assert result.status == "waiting"
    (ticket,) = result.tickets
    assert (ticket.kind, ticket.tool, ticket.specialist) == ("route", "pointsman.route", "route")
    return result


async def test_a_person_is_asked(home: Path) -> None:
    """The ticket proposes where the run would have gone; who approves sends it there."""
    team = bounded(home, max_hops=2, when_bound="person")
    waits = await asked(team)
    (ticket,) = waits.tickets
    assert ticket.args == {"to": "billing"}
    assert ticket.policy_rule == "bound:hops"
    assert "more than 2 times" in ticket.reason
    result = await team.decide(ticket, Approve(by="ana"))
    assert isinstance(result, Result)
    # It was sent on, and handed on once more: the second bound ends the run.
    assert (result.status, result.error) == ("partial", "HopLimit")
    assert [hit.then for hit in await hits(team, result)] == ["person", "partial"]
    routed = [r.event for r in await team.events(result.run) if isinstance(r.event, Routed)]
    assert ("billing", "person") in [(event.to, event.tier) for event in routed]


async def test_a_person_answers_or_leaves_it(home: Path) -> None:
    """An answer ends the run as done, a no as partial, naming the bound."""
    for n, (decision, status) in enumerate(
        ((Respond(by="ana", text="Call us."), "done"), (Reject(by="ana", reason="no"), "partial"))
    ):
        team = bounded(home / str(n), max_hops=2, when_bound="person")
        (ticket,) = (await asked(team)).tickets
        result = await team.decide(ticket, decision)
        assert isinstance(result, Result)
        assert result.status == status
        assert (result.by, result.answer) == ("person", "Call us.") if n == 0 else True
        assert n == 0 or "more than 2 times" in result.answer


async def test_without_a_checkpointer_nobody_can_be_asked(home: Path) -> None:
    """Inside a graph that could never go on the run ends with what it has."""
    team = bounded(home, max_hops=2, when_bound="person")
    result = await team.compile().ainvoke({"messages": [HumanMessage("help", id="m1")]})
    assert "was handed on more than 2 times" in result["messages"][-1].content
    (run,) = await team.runs()
    assert run.state == "partial"


# Any team at all


class Plan:
    """What scripted specialists do: one behaviour for each visit, over and over."""

    def __init__(self, names: list[str], behaviours: list[int]) -> None:
        self.names, self.behaviours, self.at = names, behaviours, 0

    def specialist(self, name: str, hands_to: tuple[str, ...], shop: Shop) -> Specialist:
        """One that does as planned, without a model of its own worth asking."""

        async def node(message: Message, run: Run) -> Message:
            step = self.behaviours[self.at % len(self.behaviours)]
            self.at += 1
            request = request_of(message)
            match step % 6:
                case 0 if hands_to:
                    to = hands_to[step % len(hands_to)]
                    return message.reply(Handoff(to=to, reason="on", request=request), sender=name)
                case 1 if hands_to:
                    to = hands_to[step % len(hands_to)]
                    news = Handoff(to=to, reason="on", request=request, data={"n": self.at})
                    return message.reply(news, sender=name)
                case 2:
                    raise ToolFailed("broken")
                case 3:
                    no = Refusal(guard="x", rule="y", text="no")
                    return message.reply(no, sender=name)
                case 4:
                    call = ToolCall(id=f"n{self.at}", name="note", args={"text": f"n{self.at}"})
                    write = Proposal(request=request, calls=(call,), transcript=())
                    return message.reply(write, sender=name)
                case _:
                    return message.reply(Answer(text="done", by="rules"), sender=name)

        return Specialist(
            name, handles=name, fallback=node, hands_off_to=hands_to, tools=shop.tools()
        )


@st.composite
def teams(
    draw: st.DrawFn,
) -> tuple[list[str], dict[str, tuple[str, ...]], list[int], dict[str, object]]:
    """Names, who hands on to whom, behaviours, bounds."""
    names = [f"s{n}" for n in range(draw(st.integers(2, 5)))]
    table = {
        name: tuple(draw(st.lists(st.sampled_from(names), unique=True, max_size=3)))
        for name in names
    }
    table = {name: tuple(to for to in row if to != name) for name, row in table.items()}
    behaviours = draw(st.lists(st.integers(0, 30), min_size=1, max_size=8))
    when: list[WhenBound] = ["partial", "fail", "person", FallBackTo(names[-1])]
    bounds: dict[str, object] = {
        "max_hops": draw(st.integers(1, 6)),
        "max_rounds": draw(st.integers(1, 3)),
        "when_bound": draw(st.sampled_from(when)),
        "edge_limits": {
            (name, to): draw(st.integers(1, 2)) for name, row in table.items() for to in row[:1]
        },
    }
    return names, table, behaviours, bounds


async def ends_within(
    home: Path,
    names: list[str],
    table: dict[str, tuple[str, ...]],
    behaviours: list[int],
    bounds: dict[str, object],
) -> None:
    """Run it, answering what it asks, and look at how it ended."""
    plan = Plan(names, behaviours)

    def made(shop: Shop) -> Sequence[Specialist]:
        return [plan.specialist(name, table[name], shop) for name in names]

    model = ScriptedTransport(lambda r: choice_reply(names[0]) if r.choices else text_reply(""))
    team = shop_team(home, model=model, specialists=made, breaker=None, policy=ALLOW_ALL, **bounds)
    result = await team.run("help")
    decisions = 0
    while result.status == "waiting":
        decisions += 1
        assert decisions <= 2
        (ticket,) = result.tickets
        came = await team.decide(ticket, Approve(by="ana"))
        assert isinstance(came, Result)
        result = came
    assert result.status in ("done", "partial", "blocked", "failed")
    events = [r.event for r in await team.events(result.run)]
    routed = [e for e in events if isinstance(e, Routed)]
    hit = [e for e in events if isinstance(e, BoundHit)]
    hops, rounds = int(str(bounds["max_hops"])), int(str(bounds["max_rounds"]))
    # What bounds stop, a fallback or a person may send on once.
    assert plan.at <= hops + 1 + rounds + 1
    assert len(routed) <= hops + 3
    assert len(hit) <= 2
    if result.error == "HopLimit":
        assert hit
    if bounds["when_bound"] == "fail" and hit:
        assert result.status == ("partial" if Shop(home).wrote() else "failed")
    if bounds["when_bound"] == "partial" and hit:
        assert result.status == "partial"


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(teams())
async def test_every_run_ends_within_its_bounds(
    given_: tuple[list[str], dict[str, tuple[str, ...]], list[int], dict[str, object]],
) -> None:
    """Whatever the table and whatever the specialists do, with an explicit outcome."""
    with TemporaryDirectory() as folder:
        await ends_within(Path(folder), *given_)


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(teams())
async def test_every_run_ends_within_its_bounds_in_full(
    given_: tuple[list[str], dict[str, tuple[str, ...]], list[int], dict[str, object]],
) -> None:
    """The same with many more teams."""
    with TemporaryDirectory() as folder:
        await ends_within(Path(folder), *given_)
