"""From a proposal to tickets."""

from dataclasses import replace

import pytest

from pointsman.errors import BadOutput, Misconfigured
from pointsman.guardrails.approval import ApprovalGuard
from pointsman.guardrails.policy import ApprovalPolicy, Limit, PolicyRule
from pointsman.nodes.message import Message, Proposal, Request, Ruling, ToolCall
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import tool
from pointsman.teams.propose import action_tickets, ask
from pointsman.teams.spec import TeamSpec
from pointsman.teams.team import Team
from pointsman.teams.tickets import Ticket, action_digest
from tests.nodes.bench import Bench
from tests.nodes.bench import ask as asked


@tool(effect="write", stakes="high")
def refund(invoice: str, usd: float = 5.0) -> str:
    """Refund."""
    raise AssertionError("proposing never runs a tool")


@tool(effect="write")
def note(text: str) -> str:
    """Note."""
    raise AssertionError("proposing never runs a tool")


SPEC: TeamSpec = Team(
    "shop", specialists=[Specialist("billing", handles="money", tools=(refund, note))]
).spec


def ruled(call_id: str, verdict: str) -> Ruling:
    """A ruling as the guard writes it."""
    return Ruling.model_validate(
        {"call_id": call_id, "verdict": verdict, "rule": "r", "policy_version": "v", "reason": "w"}
    )


async def tickets(*calls: ToolCall, rulings: tuple[Ruling, ...] = ()) -> list[Ticket]:
    """The tickets of a proposal."""
    proposal = Proposal(request=Request(text="x"), calls=calls, transcript=(), rulings=rulings)
    return await action_tickets(SPEC, "billing", proposal, Bench().run)


@pytest.mark.parametrize(
    ("verdict", "status", "by", "reason"),
    [
        ("ask", "pending", "", ""),
        ("allow", "approved", "policy:r", "w"),
        ("deny", "rejected", "policy:r", "w"),
    ],
)
async def test_a_ruling_decides_or_asks(verdict: str, status: str, by: str, reason: str) -> None:
    """What the policy settles is born decided, by the rule's name."""
    call = ToolCall(id="a", name="note", args={"text": "x"})
    (ticket,) = await tickets(call, rulings=(ruled("a", verdict),))
    assert (ticket.status, ticket.by, ticket.decision_reason) == (status, by, reason)
    assert ticket.approved_digest == (ticket.digest if verdict == "allow" else "")


async def test_no_ruling_asks() -> None:
    """A call that no policy saw is a person's to decide."""
    (ticket,) = await tickets(ToolCall(id="a", name="note", args={"text": "x"}))
    assert ticket.status == "pending"


async def test_high_stakes_ask_whatever_the_ruling_says() -> None:
    """Also when something else than the policy wrote an allow."""
    call = ToolCall(id="a", name="refund", args={"invoice": "INV-1"})
    (ticket,) = await tickets(call, rulings=(ruled("a", "allow"),))
    assert (ticket.status, ticket.approved_digest) == ("pending", "")


async def test_a_ruling_is_for_one_call_only() -> None:
    """Two calls of one id could borrow each other's ruling: both ask."""
    calls = [ToolCall(id="a", name="note", args={"text": t}) for t in ("big", "small")]
    made = await tickets(*calls, rulings=(ruled("a", "allow"), ruled("a", "allow")))
    assert [t.status for t in made] == ["pending", "pending"]


async def test_what_is_frozen_is_complete_and_its_digest_covers_it() -> None:
    """Defaults are filled in: the reviewer sees all that would run."""
    (ticket,) = await tickets(ToolCall(id="a", name="refund", args={"invoice": "INV-1"}))
    assert ticket.args == {"invoice": "INV-1", "usd": 5.0}
    assert ticket.digest == action_digest("refund", ticket.args)
    shown = ask(ticket)
    assert (shown["id"], shown["args"], shown["digest"]) == (ticket.id, ticket.args, ticket.digest)


async def test_a_step_that_runs_again_makes_the_same_tickets() -> None:
    """Ids depend on run, step and place only; another step's are others."""
    calls = [ToolCall(id=c, name="note", args={"text": c}) for c in "ab"]
    one, two = await tickets(*calls), await tickets(*calls)
    assert [t.id for t in one] == [t.id for t in two]
    assert one[0].id != one[1].id
    proposal = Proposal(request=Request(text="x"), calls=tuple(calls), transcript=())
    later = replace(Bench().run, step="1.1:billing")
    assert (await action_tickets(SPEC, "billing", proposal, later))[0].id != one[0].id


async def test_what_is_not_the_specialists_tool_is_refused() -> None:
    """And so are arguments that do not fit."""
    with pytest.raises(Misconfigured, match="'delete'"):
        await tickets(ToolCall(id="a", name="delete"))
    with pytest.raises(BadOutput, match="text"):
        await tickets(ToolCall(id="a", name="note"))


async def test_the_policy_rules_on_the_arguments_as_they_would_run() -> None:
    """A default that the model left out, and a number it wrote as text, count."""
    policy = ApprovalPolicy(
        rules=(
            PolicyRule("some", "deny", when=(Limit("usd", at_least=5),)),
            PolicyRule("rest", "allow"),
        )
    )

    async def proposes(message: Message, run: Run) -> Message:
        calls = (
            ToolCall(id="a", name="refund", args={"invoice": "INV-1"}),
            ToolCall(id="b", name="refund", args={"invoice": "INV-1", "usd": "500"}),
        )
        proposal = Proposal(request=Request(text="x"), calls=calls, transcript=())
        return message.reply(proposal, sender="billing")

    guard = ApprovalGuard(policy, {"refund": refund})
    reply = await guard.wrap(proposes)(asked(), Bench().run)
    assert isinstance(reply.payload, Proposal)
    assert [r.verdict for r in reply.payload.rulings] == ["deny", "deny"]
