"""The rules every guard keeps (`guardrails.guard.Guard`), proved for each of them."""

import asyncio
import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from langgraph.errors import GraphInterrupt
from pydantic import BaseModel, JsonValue, field_validator

import pointsman.guardrails
from pointsman.errors import BadOutput, BudgetExceeded, DeadlineExceeded, PointsmanError, ToolFailed
from pointsman.guardrails.approval import ApprovalGuard
from pointsman.guardrails.breaker import BreakerGuard, Breakers
from pointsman.guardrails.budget import BudgetGuard
from pointsman.guardrails.bulkhead import Bulkhead
from pointsman.guardrails.classifier import ClassifierGuard
from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.contract import ContractGuard
from pointsman.guardrails.door import RoleGuard
from pointsman.guardrails.fallback import FallbackGuard
from pointsman.guardrails.grounding import GroundingGuard
from pointsman.guardrails.guard import Guard
from pointsman.guardrails.judge import JudgeGuard
from pointsman.guardrails.leak import LeakGuard
from pointsman.guardrails.limiter import QuotaLimiter
from pointsman.guardrails.overbudget import OverBudget, OverBudgetGuard
from pointsman.guardrails.policy import ApprovalPolicy
from pointsman.guardrails.quota import Quota
from pointsman.guardrails.rate import RateGuard, RateLimit
from pointsman.guardrails.taped import TapedGuard
from pointsman.guardrails.timeout import TimeoutGuard
from pointsman.guardrails.validator import GuardrailsAIValidator
from pointsman.guardrails.vault import RevealGuard
from pointsman.nodes.contract import Contract
from pointsman.nodes.message import (
    Answer,
    Invocation,
    Message,
    Proposal,
    Refusal,
    Request,
    ToolCall,
)
from pointsman.nodes.run import Run
from pointsman.nodes.tool import tool
from tests.guardrails.bench import Bench, Inner, ask, broken_clock

REQUEST = Request(text="Where is INV-1042?")


class BrokenSchema(BaseModel):
    """A schema whose own validator has a fault."""

    text: str

    @field_validator("text")
    @classmethod
    def _fault(cls, value: str) -> str:
        raise RuntimeError(value)


class BrokenTable(dict[str, object]):
    """A table of tools that cannot be read."""

    def get(self, key: str, default: object = None) -> object:
        raise RuntimeError(key)


@tool(effect="read")
def look() -> str:
    """Look."""
    raise AssertionError("a guard never runs a tool")


async def stand_in(message: Message, run: Run) -> Message:
    """A fallback."""
    return message.reply(Answer(text="The fallback's answer.", by="fallback"), sender="rules")


def calm(text: str) -> list[tuple[str, float]]:
    """A classifier that finds nothing."""
    return [("BENIGN", 1.0)]


def mad(text: str) -> list[tuple[str, float]]:
    """A classifier with a fault."""
    raise RuntimeError(text)


@dataclass(frozen=True)
class Passes:
    """A validation's result."""

    outcome: str = "pass"


class Valid:
    """A validator, sound or with a fault."""

    def __init__(self, *, sound: bool = True) -> None:
        self.sound = sound

    def validate(self, value: str, metadata: dict[str, JsonValue]) -> Passes:
        """Every text is valid."""
        if not self.sound:
            raise RuntimeError(value)
        return Passes()


@dataclass(frozen=True)
class Case:
    """A guard, and what makes its own check break: the guard, the message and the inner node."""

    guard: Guard
    broken: Guard
    message: Message = field(default_factory=ask)
    inner: Callable[[], Inner] = Inner
    bad_clock: bool = False
    broken_spend: bool = False
    clean: Callable[[], Message] = ask
    """A message that the guard lets through."""
    owns: tuple[type[PointsmanError], ...] = ()


CASES = {
    "content": Case(
        ContentFilter(),
        ContentFilter(),
        message=ask().carrying(Request.model_construct(text=None, history=())),  # pyright: ignore
    ),
    "content-out": Case(
        ContentFilter(),
        ContentFilter(),
        inner=lambda: Inner(Answer.model_construct(text=None)),  # pyright: ignore[reportArgumentType]
    ),
    "contract": Case(
        ContractGuard(Contract("billing")),
        ContractGuard(Contract("billing", input=BrokenSchema)),
        message=ask('{"text": "x"}'),
    ),
    "contract-out": Case(
        ContractGuard(Contract("billing")),
        ContractGuard(Contract("billing", output=BrokenSchema)),
        inner=lambda: Inner(Answer(text="x", data={"text": "x"})),
    ),
    "rate": Case(RateLimit(), RateLimit(), bad_clock=True),
    "rate-guard": Case(
        RateGuard(QuotaLimiter((Quota(60),))), RateGuard(QuotaLimiter((Quota(60),))), bad_clock=True
    ),
    "taped": Case(
        TapedGuard(RateGuard(QuotaLimiter((Quota(60),)))),
        TapedGuard(RateGuard(QuotaLimiter((Quota(60),)))),
        bad_clock=True,
    ),
    "approval": Case(
        ApprovalGuard(ApprovalPolicy(), {}),
        ApprovalGuard(ApprovalPolicy(), BrokenTable()),  # pyright: ignore[reportArgumentType]
        inner=lambda: Inner(
            Proposal(request=REQUEST, calls=(ToolCall(id="c", name="refund"),), transcript=())
        ),
    ),
    "grounding": Case(
        GroundingGuard(),
        GroundingGuard(),
        inner=lambda: Inner(Answer.model_construct(text="x", evidence=(None,))),  # pyright: ignore
    ),
    "breaker": Case(BreakerGuard(Breakers()), BreakerGuard(Breakers(clock=broken_clock))),
    "role": Case(
        RoleGuard(Contract("billing", actions=frozenset({"look"})), look),
        RoleGuard(Contract("billing", actions=frozenset({"look"})), look),
        clean=lambda: ask(Invocation(call=ToolCall(id="c", name="look"), effect="read")),
    ),
    "vault": Case(
        RevealGuard(),
        RevealGuard(),
        message=ask().carrying(Invocation.model_construct(call=None)),  # pyright: ignore
        clean=lambda: ask(Invocation(call=ToolCall(id="c", name="look"), effect="read")),
    ),
    "bulkhead": Case(Bulkhead(2), Bulkhead(2), bad_clock=True),
    "budget": Case(BudgetGuard(), BudgetGuard(usd=1.0), broken_spend=True),
    "over-budget": Case(
        OverBudgetGuard(OverBudget(), writes=False),
        OverBudgetGuard(None),  # pyright: ignore[reportArgumentType]
        inner=lambda: Inner(BudgetExceeded("x")),
    ),
    "leak": Case(
        LeakGuard("You answer for billing."),
        LeakGuard("You answer for billing."),
        inner=lambda: Inner(Answer.model_construct(text=None)),  # pyright: ignore[reportArgumentType]
    ),
    "judge": Case(
        JudgeGuard("No legal advice.", places=frozenset({"result"})),
        JudgeGuard("No legal advice."),
        message=ask().carrying(Request.model_construct(text=None, history=(), handed=())),  # pyright: ignore
    ),
    "judge-out": Case(
        JudgeGuard("No legal advice.", places=frozenset({"result"})),
        JudgeGuard("No legal advice.", places=frozenset({"answer"})),
        inner=lambda: Inner(Answer.model_construct(text=None)),  # pyright: ignore[reportArgumentType]
    ),
    "classifier": Case(
        ClassifierGuard(calm, flags={"INJECTION": 0.9}),
        ClassifierGuard(mad, flags={"INJECTION": 0.9}),
    ),
    "guardrails-ai": Case(
        GuardrailsAIValidator(Valid()), GuardrailsAIValidator(Valid(sound=False))
    ),
    "timeout": Case(TimeoutGuard(5.0), TimeoutGuard(5.0), bad_clock=True),
    "fallback": Case(
        FallbackGuard(stand_in),
        FallbackGuard(stand_in),
        inner=lambda: Inner(BadOutput("nonsense")),
        bad_clock=True,
        owns=(BadOutput, DeadlineExceeded),
    ),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Case:
    """Each guard in turn."""
    return request.param


async def test_langgraphs_pause_passes(case: Case) -> None:
    """An interrupt raised inside leaves every guard as the very same object."""
    pause, bench = GraphInterrupt(()), Bench()
    with pytest.raises(GraphInterrupt) as caught:
        await case.guard.wrap(Inner(pause))(case.clean(), bench.run(deadline=2000.0))
    assert caught.value is pause
    assert bench.events == []


async def test_cancellation_reaches_the_inner_node(case: Case) -> None:
    """Cancelling a guarded node cancels the inner one, and the caller sees the cancellation."""
    started, seen = asyncio.Event(), list[str]()

    async def waits(message: Message, run: Run) -> Message:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        return message

    task = asyncio.ensure_future(case.guard.wrap(waits)(case.clean(), Bench().run()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


async def test_a_fault_in_the_guards_own_check_blocks(case: Case) -> None:
    """When the check itself breaks, the answer is a Refusal `guard-error`, and it is recorded."""
    bench, inner = Bench(), case.inner()
    clock = {"clock": broken_clock} if case.bad_clock else {}
    run = bench.run(deadline=2000.0 if case.bad_clock else None, **clock)  # pyright: ignore[reportArgumentType]
    if case.broken_spend:
        run = replace(run, spend=None)  # pyright: ignore[reportArgumentType]
    reply = await case.broken.wrap(inner)(case.message, run)
    assert isinstance(reply.payload, Refusal)
    assert (reply.payload.guard, reply.payload.rule) == (case.broken.name, "guard-error")
    assert bench.judged == [("block", "guard-error", 1)]
    assert len(inner.got) <= 1


async def test_an_inner_error_passes_unchanged(case: Case) -> None:
    """What the inner node raises leaves as the same object, unless the guard is made to handle it;
    a fault of the node is never taken for a fault of the guard."""
    for error in (ToolFailed("x"), BadOutput("x"), DeadlineExceeded("x"), KeyError("x")):
        if isinstance(error, case.owns):
            continue
        inner, bench = Inner(error), Bench()
        with pytest.raises(type(error)) as caught:
            await case.guard.wrap(inner)(case.clean(), bench.run())
        assert caught.value is error
        assert len(inner.got) == 1
        assert bench.events == []


async def test_a_clean_message_passes_unchanged_both_ways(case: Case) -> None:
    """Nothing to find: the inner node gets the message itself, once, the caller the very reply."""
    bench, inner, asked = Bench(), Inner(), case.clean()
    reply = await case.guard.wrap(inner)(asked, bench.run())
    assert inner.got == [asked]
    assert reply.payload == inner.gives
    assert bench.events == []


def test_no_guard_is_left_out() -> None:
    """Every class of the package that wraps a node stands in this suite."""
    wraps: set[type] = set()
    for module in pkgutil.iter_modules(pointsman.guardrails.__path__):
        loaded = importlib.import_module(f"pointsman.guardrails.{module.name}")
        wraps |= {
            value
            for _, value in inspect.getmembers(loaded, inspect.isclass)
            if hasattr(value, "wrap") and value is not Guard
        }
    assert wraps == {type(case.guard) for case in CASES.values()}


def test_guards_have_names_of_their_own() -> None:
    """No two guards share a name: a verdict tells which one gave it. One on tape has the name of
    the guard that it stands for."""
    own = [case.guard for case in CASES.values() if not isinstance(case.guard, TapedGuard)]
    names = {type(guard): guard.name for guard in own}
    assert len(set(names.values())) == len(names)
