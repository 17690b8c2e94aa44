"""The fixed order of a specialist's guards: each relies on those outside it."""

import asyncio

from pointsman.errors import BadOutput
from pointsman.guardrails.approval import ApprovalGuard
from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.contract import ContractGuard
from pointsman.guardrails.grounding import GroundingGuard
from pointsman.guardrails.ladder import specialist_ladder
from pointsman.guardrails.policy import ApprovalPolicy
from pointsman.guardrails.rate import RateLimit
from pointsman.guardrails.timeout import TimeoutGuard
from pointsman.nodes.contract import Contract
from pointsman.nodes.message import Answer, Message, Proposal, Refusal, Request, ToolCall
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.nodes.tool import tool
from tests.guardrails.bench import Bench, Inner, ask

MAIL = "ana@example.org"
REQUEST = Request(text="hello")
CALL = ToolCall(id="c", name="refund", args={"usd": 5})


@tool(effect="write")
def refund(usd: float) -> str:
    """Refund."""
    raise AssertionError("a guard never runs a tool")


def ladder(
    node: Node, *, fallback: Node | None = None, seconds: float = 5.0,
    around: tuple[RateLimit | ContentFilter, ...] = (ContentFilter(),),
) -> Node:  # fmt: skip
    """A specialist that may refund, inside every guard."""
    return specialist_ladder(
        node,
        around=around,
        approval=ApprovalGuard(ApprovalPolicy(), {"refund": refund}),
        fallback=fallback,
        timeout=TimeoutGuard(seconds),
        contract=ContractGuard(Contract("billing", actions=frozenset({"refund"}))),
        inside=(GroundingGuard(),),
    )


async def test_the_fallbacks_answer_passes_the_content_filter() -> None:
    """What the fallback gets and says is filtered like the specialist's own."""
    fallback = Inner(Answer(text=f"Write to {MAIL}.", by="fallback"))
    node = ladder(Inner(BadOutput("x")), fallback=fallback)
    reply = await node(ask(f"I am {MAIL}"), Bench().run())
    got = fallback.got[0].payload
    assert isinstance(got, Request)
    assert got.text == "I am [EMAIL_1]"
    assert reply.payload == Answer(text="Write to [EMAIL_1].", by="fallback")


async def test_the_fallbacks_proposal_passes_approval() -> None:
    """A write asks a person, whoever proposed it."""
    fallback = Inner(Proposal(request=REQUEST, calls=(CALL,), transcript=()))
    reply = await ladder(Inner(BadOutput("x")), fallback=fallback)(ask(), Bench().run())
    assert isinstance(reply.payload, Proposal)
    assert [r.verdict for r in reply.payload.rulings] == ["ask"]


async def test_an_ungrounded_answer_a_broken_contract_and_a_time_out_reach_the_fallback() -> None:
    """Grounding, contract and time-out are inside it."""

    async def slow(message: Message, run: Run) -> Message:
        await asyncio.Event().wait()
        return message

    drop = Proposal(request=REQUEST, calls=(ToolCall(id="c", name="drop"),), transcript=())
    for inner in (Inner(Answer(text="It costs 99.")), Inner(drop), slow):
        fallback = Inner(Answer(text="A person will look.", by="fallback"))
        node = ladder(inner, fallback=fallback, seconds=0.01 if inner is slow else 5.0)
        reply = await node(ask(), Bench().run())
        assert reply.payload == fallback.gives


async def test_a_refusal_asks_neither_specialist_nor_fallback() -> None:
    """What a filter or limit stops is final: nobody inside is asked."""
    inner, fallback = Inner(), Inner()
    around = (RateLimit(1, 60.0), ContentFilter(pii="block"))
    node = ladder(inner, fallback=fallback, around=around)
    for text in (f"I am {MAIL}", "hello"):
        reply = await node(ask(text), Bench().run())
        assert isinstance(reply.payload, Refusal)
    assert inner.got == fallback.got == []


async def test_the_content_filter_has_the_last_word_on_a_proposal() -> None:
    """The policy rules on it first; a credential in it stops it whatever the policy said."""
    bench, key = Bench(), "AKIA" + "IOSFODNN7EXAMPLE"
    call = CALL.model_copy(update={"args": {"usd": 5, "note": key}})
    inner = Inner(Proposal(request=REQUEST, calls=(call,), transcript=()))
    reply = await ladder(inner)(ask(), bench.run())
    assert isinstance(reply.payload, Refusal)
    assert bench.judged == [("escalate", "default", 0), ("block", "aws-access-key", 1)]


async def test_grounding_judges_by_what_the_model_saw() -> None:
    """A placeholder that came in and is repeated is grounded, although the value is gone."""
    inner = Inner(Answer(text="Hello [EMAIL_1].", evidence=("I am [EMAIL_1]",)))
    reply = await ladder(inner)(ask(f"I am {MAIL}"), Bench().run())
    assert reply.payload == inner.gives
