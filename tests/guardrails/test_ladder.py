"""The fixed order of a specialist's guards: each relies on those outside it."""

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

import pytest
from langgraph.errors import GraphInterrupt

from pointsman.errors import Attempt, BadOutput, CircuitOpen, NoModel, RateLimited
from pointsman.guardrails.approval import ApprovalGuard
from pointsman.guardrails.breaker import BreakerGuard, Breakers, CircuitBreaker
from pointsman.guardrails.budget import BudgetGuard
from pointsman.guardrails.bulkhead import Bulkhead
from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.contract import ContractGuard
from pointsman.guardrails.grounding import GroundingGuard
from pointsman.guardrails.guard import Guard
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
    around: tuple[Guard, ...] = (ContentFilter(),),
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
    """What a filter or limit stops is final: nobody inside is asked. What the filter stops has used
    up none of the limit."""
    inner, fallback, rate = Inner(), Inner(), RateLimit(1, 60.0)
    node = ladder(inner, fallback=fallback, around=(rate, ContentFilter(pii="block")))
    assert isinstance((await node(ask(f"I am {MAIL}"), Bench().run())).payload, Refusal)
    await rate.wrap(Inner())(ask(), Bench().run())
    assert isinstance((await node(ask(), Bench().run())).payload, Refusal)
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


def noting(name: str, notes: list[str], inner: Node) -> Node:
    """`inner`, with a note on the way in and out."""

    async def noted(message: Message, run: Run) -> Message:
        notes.append(f">{name}")
        try:
            return await inner(message, run)
        finally:
            notes.append(f"<{name}")

    return noted


@dataclass
class Spy:
    """Any guard, with a note when it is entered and left."""

    guard: Guard
    notes: list[str]

    @property
    def name(self) -> str:
        return self.guard.name

    def wrap(self, inner: Node) -> Node:
        return noting(self.name, self.notes, self.guard.wrap(noting(f"in-{self.name}", [], inner)))


def noted(kind: type[Guard], notes: list[str]) -> type[Guard]:
    """The same kind of guard, with a note when it is entered and left."""

    def wrap(self: Guard, inner: Node) -> Node:
        return noting(kind.__name__, notes, kind.wrap(self, inner))

    return type(kind.__name__, (kind,), {"wrap": wrap})


async def test_the_order_is_fixed_whatever_order_was_given() -> None:
    """Breaker, bulkhead, rate, budget, filters, approval, time-out, contract, inside."""
    notes: list[str] = []
    breaker, bulkhead, rate, budget, content, approval, timeout, contract, grounding = kinds = [
        noted(kind, notes)
        for kind in (
            BreakerGuard, Bulkhead, RateLimit, BudgetGuard, ContentFilter, ApprovalGuard,
            TimeoutGuard, ContractGuard, GroundingGuard,
        )
    ]  # fmt: skip
    node = specialist_ladder(
        Inner(),
        around=(content(), budget(), rate(), bulkhead(1), breaker(Breakers())),
        approval=approval(ApprovalPolicy(), {}),
        fallback=None,
        timeout=timeout(5.0),
        contract=contract(Contract("billing")),
        inside=(grounding(),),
    )
    await node(ask(), Bench().run())
    names = [kind.__name__ for kind in kinds]
    assert notes == [f">{name}" for name in names] + [f"<{name}" for name in reversed(names)]


async def test_guards_of_the_specialist_stand_on_their_rungs_too() -> None:
    """Its rate limit is asked before any filter and takes nothing when the team's refuses; a guard
    of no known kind is innermost."""
    notes: list[str] = []
    own, inner = RateLimit(1, 60.0, name="own"), Inner()
    node = specialist_ladder(
        noting("specialist", notes, inner),
        around=(ContentFilter(), RateLimit(1, 60.0, name="team")),
        approval=ApprovalGuard(ApprovalPolicy(), {}),
        fallback=None,
        timeout=TimeoutGuard(5.0),
        contract=ContractGuard(Contract("billing")),
        inside=(Spy(GroundingGuard(), notes), own),
    )
    bench = Bench()
    for _ in range(2):
        reply = await node(ask(f"I am {MAIL}"), bench.run())
    assert isinstance(reply.payload, Refusal)
    assert reply.payload.guard == "team"
    assert [rule for _, rule, _ in bench.judged] == ["email", "rate"]
    assert notes == [">grounding", ">specialist", "<specialist", "<grounding"]


def opened() -> Breakers:
    """Breakers of which billing's is open."""
    breakers = Breakers(clock=lambda: 1000.0)
    for _ in range(breakers.rules.calls):
        breakers.admit("billing").failed()
    return breakers


async def test_an_open_breaker_takes_no_place_and_no_token() -> None:
    """Nothing behind it is asked; without a fallback the error says when to come back."""
    inner, place, rate = Inner(), Bulkhead(1), RateLimit(1, 60.0)
    node = ladder(inner, around=(BreakerGuard(opened()), place, rate, ContentFilter()))
    for _ in range(3):
        with pytest.raises(CircuitOpen) as caught:
            await node(ask(), Bench().run())
        assert caught.value.retry_after is not None
    assert (inner.got, place.inside) == ([], 0)
    await rate.wrap(inner)(ask(), Bench().run())
    assert len(inner.got) == 1


async def test_the_fallback_of_an_open_breaker_is_filtered_and_rate_limited() -> None:
    """It answers in the specialist's place, under the same limits and filters."""
    fallback, inner = Inner(Answer(text=f"Write to {MAIL}.", by="fallback")), Inner()
    around = (BreakerGuard(opened()), RateLimit(1, 60.0), ContentFilter())
    node = ladder(inner, fallback=fallback, around=around)
    first = await node(ask(f"I am {MAIL}"), Bench().run())
    assert first.payload == Answer(text="Write to [EMAIL_1].", by="fallback")
    second = await node(ask(), Bench().run())
    assert isinstance(second.payload, Refusal)
    assert (len(fallback.got), inner.got) == (1, [])


async def test_a_failed_visit_counts_although_its_fallback_answers() -> None:
    """The breaker is inside the fallback: after enough failures the specialist is left alone, and
    one visit takes one token whoever answers it."""
    breakers = Breakers(CircuitBreaker(calls=2), clock=lambda: 1000.0)
    down = NoModel("x", attempts=[Attempt("m", "ModelTimeout", "x")], transient=True)
    inner, fallback = Inner(down), Inner(Answer(text="Rules.", by="fallback"))
    around = (BreakerGuard(breakers), RateLimit(4, 60.0), ContentFilter())
    node = ladder(inner, fallback=fallback, around=around)
    for _ in range(4):
        reply = await node(ask(), Bench().run())
        assert reply.payload == fallback.gives
    assert (len(inner.got), len(fallback.got)) == (2, 4)
    assert isinstance((await node(ask(), Bench().run())).payload, Refusal)


@pytest.mark.parametrize("stops", ["bulkhead", "rate", "filter", "contract", "pause"])
async def test_a_later_refusal_gives_back_the_probe_and_the_place(stops: str) -> None:
    """Whatever stops the probe further in, the next visit may probe at once."""
    now = [1000.0]
    breakers = Breakers(CircuitBreaker(calls=1), clock=lambda: now[0])
    breakers.admit("billing").failed()
    now[0] += 100
    place, rate = Bulkhead(1, waiting=0), RateLimit(2, 1e6)
    around = (BreakerGuard(breakers), place, rate, ContentFilter(pii="block"))
    text = "hello"
    inner = Inner()
    if stops == "rate":
        for _ in range(2):
            await rate.wrap(Inner())(ask(), Bench().run())
    if stops == "filter":
        text = f"I am {MAIL}"
    if stops == "contract":
        inner = Inner(
            Proposal(request=REQUEST, calls=(ToolCall(id="c", name="drop"),), transcript=())
        )
    if stops == "pause":
        inner = Inner(GraphInterrupt(()))
    async with AsyncExitStack() as stack:
        if stops == "bulkhead":
            await stack.enter_async_context(place.place("billing", 1.0))
        with suppress(RateLimited, BadOutput, GraphInterrupt):
            await ladder(inner, around=around)(ask(text), Bench().run())
    assert (breakers.state("billing"), place.inside) == ("half_open", 0)
    others = (BreakerGuard(breakers), place)
    await ladder(Inner(), around=others)(ask(), Bench().run())
    assert breakers.state("billing") == "closed"
