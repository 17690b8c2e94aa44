"""Failures as one system: breakers, bulkheads and fallbacks of a whole team."""

import asyncio
from pathlib import Path

import pytest

from pointsman.errors import InvalidTeam, ModelUnreachable
from pointsman.guardrails.breaker import CircuitBreaker
from pointsman.guardrails.quota import Quota
from pointsman.nodes.event import BreakerMoved, FellBack
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport, tool_reply
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.limits import Permit, Use
from pointsman.nodes.message import Answer, Message, ToolCall
from pointsman.nodes.routing.router import Router
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import tool
from pointsman.teams.team import Team

BREAKER = CircuitBreaker(calls=2, open_for=10.0, jitter=0.0)


async def by_rules(message: Message, run: Run) -> Message:
    """A rule-based stand-in."""
    return message.reply(Answer(text="A person will write to you.", by="fallback"), sender="rules")


class Model:
    """A model that can be taken away, and counts those that ask it at once."""

    def __init__(self) -> None:
        self.away = False
        self.asked = 0
        self.inside = 0
        self.most = 0

    async def __call__(self, request: ModelRequest) -> Scripted:
        self.asked += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        await asyncio.sleep(0.02)
        self.inside -= 1
        return ModelUnreachable("The host is away.") if self.away else "fine"


class Clock:
    """A clock that is set by hand."""

    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def team(home: Path, model: Model, clock: Clock, **parts: object) -> Team:
    """One specialist, to whom everything goes."""
    breaker = parts.pop("breaker", BREAKER)
    limits = parts.pop("limits", ())
    return Team(
        "shop",
        specialists=[Specialist("billing", handles="money", **parts)],  # type: ignore[arg-type]
        router=Router(otherwise="billing"),
        models={"fast": ("scripted",)},
        transports=Transports({"scripted": lambda: ScriptedTransport(model)}),
        breaker=breaker,  # type: ignore[arg-type]
        limits=limits,  # type: ignore[arg-type]
        home=home,
        clock=clock,
    )


async def test_a_host_that_is_away_is_left_alone_and_tried_again(home: Path) -> None:
    """The first failures are seen; then nobody waits for it, across calls that open and close the
    team; when its time is over one call tries it, and all is well."""
    model, clock = Model(), Clock()
    shop = team(home, model, clock)
    model.away = True
    failed = [await shop.run(f"question {n}") for n in range(2)]
    assert [r.error for r in failed] == ["NoModel", "NoModel"]
    assert model.asked == 2
    left_alone = await shop.run("question 3")
    assert (left_alone.status, left_alone.error, model.asked) == ("failed", "CircuitOpen", 2)
    assert "Try again in 10 s" in left_alone.answer
    moved = [r.event for r in await shop.events(failed[1].run) if r.event.kind == "breaker_moved"]
    assert {(e.of, e.key, e.state) for e in moved if isinstance(e, BreakerMoved)} == {
        ("model", "scripted", "open"),
        ("specialist", "billing", "open"),
    }
    model.away, clock.now = False, clock.now + 11
    assert (await shop.run("question 4")).answer == "fine"
    assert (await shop.run("question 5")).answer == "fine"


async def test_the_fallback_answers_while_the_breaker_is_open(home: Path) -> None:
    """The record says why."""
    model = Model()
    shop = team(home, model, Clock(), fallback=by_rules)
    model.away = True
    for n in range(2):
        await shop.run(f"question {n}")
    result = await shop.run("question 3")
    assert (result.status, result.answer) == ("done", "A person will write to you.")
    assert result.by == "fallback"
    fell = [r.event for r in await shop.events(result.run) if isinstance(r.event, FellBack)]
    assert [e.error for e in fell] == ["CircuitOpen"]


async def test_without_a_breaker_every_call_is_tried(home: Path) -> None:
    """`breaker=None` turns it off."""
    model = Model()
    shop = team(home, model, Clock(), breaker=None)
    model.away = True
    for n in range(4):
        assert (await shop.run(f"question {n}")).error == "NoModel"
    assert model.asked == 4


async def test_a_specialist_has_no_more_visits_at_once_than_it_may(home: Path) -> None:
    """Eight messages of eight threads: two at a time, all answered."""
    model = Model()
    async with team(home, model, Clock(), max_concurrent=2) as shop:
        results = await asyncio.gather(
            *(shop.run(f"question {n}", thread=f"t{n}") for n in range(8))
        )
    assert {r.answer for r in results} == {"fine"}
    assert model.most <= 2


def test_a_specialist_that_lets_nobody_in_is_a_fault(home: Path) -> None:
    """Found when the team is built."""
    with pytest.raises(InvalidTeam, match="max_concurrent"):
        team(home, Model(), Clock(), max_concurrent=0)


class Counting:
    """A limiter that lets everything through and notes who asked."""

    def __init__(self) -> None:
        self.uses: list[Use] = []

    async def acquire(self, use: Use, *, wait: float = 0.0) -> Permit:
        self.uses.append(use)
        return Free()


class Free:
    """A permit that costs nothing."""

    async def settle(self, tokens: int | None = None) -> None: ...
    async def release(self) -> None: ...


def test_two_equal_quotas_are_a_fault(home: Path) -> None:
    """Found when the team is built: one of them could never be reached."""
    with pytest.raises(InvalidTeam, match="quota-twice"):
        team(home, Model(), Clock(), limits=[Quota(2), Quota(2)])


async def test_a_limiter_of_ones_own_hears_of_visits_and_model_calls(home: Path) -> None:
    """It hears the tenant, and the priority of the message."""
    limits = Counting()
    shop = team(home, Model(), Clock(), limits=limits)
    await shop.run("question", tenant="acme", priority=2)
    heard = [(u.team, u.tenant, u.specialist, u.model, u.priority) for u in limits.uses]
    assert heard == [("shop", "acme", "billing", model, 2) for model in ("", "scripted")]


async def test_a_tenants_quota_holds_across_calls_that_open_and_close_the_team(home: Path) -> None:
    """The third message of the tenant is refused, another tenant's is answered."""
    shop = team(home, Model(), Clock(), limits=[Quota(2, per=3600.0)])
    said = [await shop.run(f"question {n}", tenant="acme") for n in range(3)]
    assert [r.status for r in said] == ["done", "done", "blocked"]
    assert "Too many messages" in said[2].answer
    assert (await shop.run("question", tenant="other")).status == "done"


async def test_a_quota_on_model_calls_leads_to_the_fallback(home: Path) -> None:
    """A run whose models are over their limit is answered by rules."""
    limits = [Quota(1, per=3600.0, on="model", key=("model",))]
    shop = team(home, Model(), Clock(), fallback=by_rules, limits=limits)
    first, second = [await shop.run(f"question {n}") for n in range(2)]
    assert (first.answer, first.by) == ("fine", "model")
    assert second.by == "fallback"
    fell = [r.event for r in await shop.events(second.run) if isinstance(r.event, FellBack)]
    assert [e.error for e in fell] == ["NoModel"]


async def test_a_quota_on_a_tool_is_told_to_the_model(home: Path) -> None:
    """The second call does not run, and the model hears that it did not."""
    ran: list[str] = []

    @tool(effect="read")
    def lookup(invoice: str) -> str:
        """Look up."""
        ran.append(invoice)
        return "paid"

    heard: list[str] = []

    def calls_twice(request: ModelRequest) -> Scripted:
        results = [turn.content for turn in request.turns if turn.role == "tool"]
        heard[:] = results
        if len(results) == 2:
            return "done"
        call = ToolCall(id=f"c{len(results)}", name="lookup", args={"invoice": str(len(results))})
        return tool_reply(call)

    shop = Team(
        "shop",
        specialists=[Specialist("billing", handles="money", tools=(lookup,))],
        router=Router(otherwise="billing"),
        models={"fast": ("scripted",)},
        transports=Transports({"scripted": lambda: ScriptedTransport(calls_twice)}),
        limits=[Quota(1, per=3600.0, on="tool", key=("tool",))],
        home=home,
    )
    assert (await shop.run("question")).answer == "done"
    assert ran == ["0"]
    assert heard[0] == "paid"
    assert "Too many" in heard[1]
