"""A guard holds a text on its way in or out until a person has looked."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from pointsman.errors import InvalidDecision
from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.nodes.message import Answer, Escalation, Message, Request
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Decision, Edit, Reject, Respond
from tests.flow.shop import Shop, shop_team


@dataclass(frozen=True)
class Hold:
    """Holds every request, or every answer, until a person lets it through."""

    stage: Literal["input", "output"]
    name: str = "hold"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def held(message: Message, run: Run) -> Message:
            admitted = f"{self.name}:all" in run.admitted
            payload = message.payload
            if self.stage == "input" and isinstance(payload, Request) and not admitted:
                return message.reply(self._hold(payload), sender=run.specialist)
            reply = await inner(message, run)
            if self.stage == "output" and isinstance(reply.payload, Answer):
                return reply.carrying(self._hold(reply.payload))
            return reply

        return held

    def _hold(self, held: Request | Answer) -> Escalation:
        return Escalation(
            stage=self.stage, guard=self.name, rule="all", reason="look at it", held=held
        )


async def decided(team: Team, decision: Decision) -> Result:
    """What becomes of the only open ticket."""
    (ticket,) = await team.tickets()
    result = await team.decide(ticket, decision)
    assert isinstance(result, Result)
    return result


async def test_a_held_answer_is_shown_and_released(home: Path, model: ScriptedTransport) -> None:
    """The ticket shows the text; approving it lets exactly that out, without another model call."""
    team = shop_team(home, model=model, guards=(Hold("output"),))
    waiting = await team.run("lookup INV-1")
    (ticket,) = waiting.tickets
    assert (waiting.status, waiting.answer, ticket.kind) == ("waiting", "", "release")
    assert ticket.args == {"text": "done: INV-1 is 20.00 USD"}
    assert (ticket.reason, ticket.policy_rule) == ("look at it", "hold:all")
    asked = len(model.requests)
    result = await decided(team, Approve(by="ana"))
    assert (result.status, result.answer, result.by) == (
        "done",
        "done: INV-1 is 20.00 USD",
        "model",
    )
    assert len(model.requests) == asked
    assert (result.specialist, await team.tickets()) == ("billing", ())


async def test_a_held_answer_can_be_reworded(home: Path) -> None:
    """An edited text is the person's."""
    team = shop_team(home, guards=(Hold("output"),))
    await team.run("say")
    result = await decided(team, Edit(by="ana", args={"text": "Better words."}))
    assert (result.answer, result.by) == ("Better words.", "person")


async def test_a_held_answer_can_be_replaced(home: Path) -> None:
    """Respond answers in its place."""
    team = shop_team(home, guards=(Hold("output"),))
    await team.run("say")
    result = await decided(team, Respond(by="ana", text="I will call."))
    assert (result.status, result.answer, result.by) == ("done", "I will call.", "person")


@pytest.mark.parametrize("stage", ["input", "output"])
async def test_a_held_text_can_be_refused(
    home: Path, model: ScriptedTransport, stage: Literal["input", "output"]
) -> None:
    """A no ends the run as blocked, by the guard, and the text does not leave."""
    team = shop_team(home, model=model, guards=(Hold(stage),))
    await team.run("lookup INV-1")
    result = await decided(team, Reject(by="ana", reason="no"))
    assert (result.status, result.by) == ("blocked", "guard")
    assert "INV-1" not in result.answer


@pytest.mark.parametrize("args", [{"text": " "}, {"text": 5}, {"other": "x"}])
async def test_an_edit_of_a_held_answer_must_be_a_text(home: Path, args: dict[str, object]) -> None:
    """Anything else is refused and the ticket waits on."""
    team = shop_team(home, guards=(Hold("output"),))
    await team.run("say")
    (ticket,) = await team.tickets()
    with pytest.raises(InvalidDecision):
        await team.decide(ticket, Edit.model_validate({"by": "ana", "args": args}))
    assert await team.tickets() == (ticket,)


async def test_a_held_request_runs_once_it_is_admitted(
    home: Path, shop: Shop, model: ScriptedTransport
) -> None:
    """Nothing runs before; after the yes the specialist gets it, is not held again, and its writes
    still ask."""
    team = shop_team(home, model=model, guards=(Hold("input"),))
    waiting = await team.run("refund INV-1 5")
    (ticket,) = waiting.tickets
    assert (ticket.kind, ticket.args) == ("admit", {"text": "refund INV-1 5"})
    assert [r.purpose for r in model.requests] == ["route"]
    with pytest.raises(InvalidDecision):
        await team.decide(ticket, Edit(by="ana", args={"text": "refund INV-1 500"}))
    admitted = await decided(team, Approve(by="ana"))
    assert (admitted.status, [t.kind for t in admitted.tickets]) == ("waiting", ["action"])
    result = await decided(team, Approve(by="ana"))
    assert result.status == "done"
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def test_a_specialists_own_guard_may_hold(home: Path) -> None:
    """Also where the team has no guards and the specialist no writes."""
    from pointsman.nodes.specialist import Specialist

    def lone(shop: Shop) -> tuple[Specialist, ...]:
        return (Specialist("billing", handles="money", guards=(Hold("output"),)),)

    team = shop_team(home, guards=(), specialists=lone)
    assert (await team.run("say")).status == "waiting"
    assert (await decided(team, Approve(by="ana"))).status == "done"
