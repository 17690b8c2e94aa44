"""The rate guards: who is refused and how, and what is given back when nothing was done."""

import asyncio

import pytest
from langgraph.errors import GraphInterrupt

from pointsman.errors import (
    BadOutput,
    BudgetExceeded,
    CircuitOpen,
    DeadlineExceeded,
    Misconfigured,
    RateLimited,
    StoreError,
)
from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.limiter import QuotaLimiter
from pointsman.guardrails.quota import Quota
from pointsman.guardrails.rate import RateGuard, RateLimit
from pointsman.nodes.event import Event, Judged, ModelCalled, ModelFailed, ToolCalled
from pointsman.nodes.limits import Use
from pointsman.nodes.message import (
    Answer,
    Escalation,
    Failure,
    Invocation,
    Message,
    Outcomes,
    Payload,
    Refusal,
    Request,
    ToolCall,
)
from pointsman.nodes.run import Run
from tests.guardrails.bench import Bench, Inner, ask

CALL = Invocation(call=ToolCall(id="c", name="look"), effect="read")
CALLED = ModelCalled(purpose="specialist", model="m", source="model")
TOOL_RAN = ToolCalled(tool="look", specialist="billing", effect="read", args_digest="x")
NO = Refusal(guard="content", rule="pii", text="No.")
ON_INPUT = Judged(guard="content", stage="input", verdict="block", rule="pii", count=1)
ON_OUTPUT = ON_INPUT.model_copy(update={"stage": "output"})


async def test_over_the_limit_a_message_is_refused_with_the_seconds_to_wait() -> None:
    """The inner node is not asked, the verdict is recorded, and the router can read the seconds."""
    bench, inner = Bench(), Inner()
    node = RateLimit(1, 30.0).wrap(inner)
    await node(ask(), bench.run())
    reply = await node(ask(), bench.run())
    assert isinstance(reply.payload, Refusal)
    assert "30 s" in reply.payload.text
    assert reply.payload.retry_after == pytest.approx(30.0, abs=1.0)
    assert len(inner.got) == 1
    assert bench.judged == [("block", "rate", 1)]


async def test_escalate_holds_the_message_and_an_admitted_run_passes() -> None:
    """A person can let a message, or a call of a tool, through that came too soon."""
    for payload in (Request(text="again"), CALL):
        bench, inner = Bench(), Inner()
        node = RateLimit(1, 30.0, action="escalate").wrap(inner)
        await node(ask(payload), bench.run())
        reply = await node(ask(payload), bench.run())
        assert isinstance(reply.payload, Escalation)
        assert reply.payload.held == payload
        reply = await node(ask(payload), bench.run(admitted=("rate:rate",)))
        assert isinstance(reply.payload, Answer)


async def test_the_outcome_of_an_action_always_passes() -> None:
    """It is the end of work that was admitted before."""
    inner = Inner()
    node = RateLimit(1, 30.0).wrap(inner)
    outcomes = Outcomes(request=Request(text="x"), transcript=(), outcomes=())
    for payload in ("first", outcomes, outcomes):
        await node(ask(payload), Bench().run())
    assert len(inner.got) == 3


async def test_one_limit_around_several_specialists_is_one() -> None:
    """A tenant that goes from one to the other has the same limit; another tenant its own."""
    limit, inner = RateLimit(2, 60.0), Inner()
    nodes = [limit.wrap(inner) for _ in range(3)]
    replies = [await node(ask(), Bench().run(tenant=t)) for t in ("a", "b") for node in nodes]
    refused = [isinstance(reply.payload, Refusal) for reply in replies]
    assert refused == [False, False, True, False, False, True]


async def test_calls_of_tools_have_the_limits_of_tools() -> None:
    """By tool and tenant; a visit is none."""
    quota = Quota(1, on="tool", key=("tool", "tenant"))
    inner, bench = Inner(), Bench()
    node = RateGuard(QuotaLimiter([quota])).wrap(inner)
    other = CALL.model_copy(update={"call": ToolCall(id="c", name="send")})
    for payload in (CALL, other, CALL, "a visit", "another"):
        await node(ask(payload), bench.run())
    assert len(inner.got) == 4
    assert bench.judged == [("block", "rate", 1)]


async def test_a_message_waits_its_turn_but_not_past_the_deadline() -> None:
    """At most `wait` seconds, or what is left of the run."""
    quota = Quota(1, unit="concurrent")
    limiter = QuotaLimiter([quota])
    node = RateGuard(limiter, wait=30.0).wrap(Inner())
    held = await limiter.acquire(Use(tenant="acme"))
    task = asyncio.ensure_future(node(ask(), Bench().run()))
    await asyncio.sleep(0.01)
    assert limiter.waiting == 1
    await held.settle()
    assert isinstance((await task).payload, Answer)
    held = await limiter.acquire(Use(tenant="acme"))
    reply = await node(ask(), Bench().run(deadline=1000.05))
    assert isinstance(reply.payload, Refusal)
    with pytest.raises(DeadlineExceeded):
        await node(ask(), Bench().run(deadline=1000.0))


class Does:
    """A node that records events and then answers or raises."""

    def __init__(self, gives: Payload | BaseException, *events: Event) -> None:
        self.gives, self.events = gives, events

    async def __call__(self, message: Message, run: Run) -> Message:
        for event in self.events:
            run.emit(event)
        if isinstance(self.gives, BaseException):
            raise self.gives
        return message.reply(self.gives, sender=run.specialist)


HELD_IN = Escalation(
    stage="input", guard="content", rule="pii", reason="x", held=Request(text="x")
)  # fmt: skip
HELD_OUT = HELD_IN.model_copy(update={"stage": "output", "held": Answer(text="x")})
FAILED = ModelFailed(model="m", error="ModelTimeout", message="x")
NOT_ASKED = FAILED.model_copy(update={"error": "RateLimited"})

GIVEN_BACK = {
    "an inner filter's no": Does(NO, ON_INPUT),
    "an inner limit's no": Does(Refusal(guard="other", rule="rate", text="No.")),
    "held on its way in": Does(HELD_IN, ON_INPUT),
    "a failure": Does(Failure(error="InvalidMessage", text="x")),
    "an inner queue": Does(RateLimited("x", retry_after=1.0)),
    "a model's limit": Does(RateLimited("x"), NOT_ASKED),
    "an open breaker": Does(CircuitOpen("x")),
    "no money left": Does(BudgetExceeded("x")),
}
SETTLED = {
    "an answer": Does(Answer(text="x")),
    "an answer stopped on its way out": Does(NO, CALLED, ON_OUTPUT),
    "a rule's answer stopped on its way out": Does(NO, ON_OUTPUT),
    "an answer held for a person": Does(HELD_OUT, CALLED, ON_OUTPUT),
    "no money left after a call": Does(BudgetExceeded("x"), CALLED),
    "a limit after a tool ran": Does(RateLimited("x"), TOOL_RAN),
    "a limit after a model hung": Does(RateLimited("x"), FAILED),
    "an error of the specialist": Does(BadOutput("x")),
    "a time-out": Does(DeadlineExceeded("x")),
    "a pause": Does(GraphInterrupt(())),
    "a cancellation": Does(asyncio.CancelledError()),
}


@pytest.mark.parametrize("name", [*GIVEN_BACK, *SETTLED])
async def test_what_is_given_back_and_what_is_not(name: str) -> None:
    """Given back when it was stopped and nothing had been done; a place is free in both cases."""
    limiter = QuotaLimiter([Quota(1), Quota(1, unit="concurrent")])
    bench, does = Bench(), (GIVEN_BACK | SETTLED)[name]
    node = RateGuard(limiter).wrap(does)
    if isinstance(does.gives, BaseException):
        with pytest.raises(type(does.gives)) as caught:
            await node(ask(), bench.run())
        assert caught.value is does.gives
    else:
        assert (await node(ask(), bench.run())).payload == does.gives
    assert bench.events == list(does.events)
    after = await RateGuard(limiter).wrap(Inner())(ask(), bench.run())
    assert isinstance(after.payload, Answer if name in GIVEN_BACK else Refusal)


async def test_a_real_filter_inside_gives_back() -> None:
    """What the content filter stops on its way in has used up no rate; on its way out it has."""
    mail = "ana@example.org"
    limit = RateLimit(1, 60.0)
    node = limit.wrap(ContentFilter(pii="block").wrap(Inner(Answer(text="Fine."))))
    for _ in range(3):
        reply = await node(ask(f"I am {mail}"), Bench().run())
        assert isinstance(reply.payload, Refusal)
        assert reply.payload.guard == "content"
    assert isinstance((await node(ask("hello"), Bench().run())).payload, Answer)
    limit = RateLimit(1, 60.0)
    node = limit.wrap(ContentFilter(pii="block").wrap(Inner(Answer(text=f"Write to {mail}."))))
    for guard in ("content", "rate"):
        reply = await node(ask("hello"), Bench().run())
        assert isinstance(reply.payload, Refusal)
        assert reply.payload.guard == guard


class Broken:
    """A limiter whose state cannot be reached: when taking, or when giving back."""

    def __init__(self, *, late: bool) -> None:
        self.late = late

    async def acquire(self, use: Use, *, wait: float = 0.0) -> "Broken":
        """Fails unless late."""
        if not self.late:
            raise StoreError("The limits cannot be used.")
        return self

    async def settle(self, tokens: int | None = None) -> None:
        """Fails."""
        raise StoreError("The limits cannot be used.")

    async def release(self) -> None:
        """Fails."""
        raise KeyError("x")


async def test_limits_that_cannot_be_used_let_nothing_in_and_lose_no_answer() -> None:
    """Before the work the error passes; after it the answer counts more."""
    inner = Inner()
    with pytest.raises(StoreError):
        await RateGuard(Broken(late=False)).wrap(inner)(ask(), Bench().run())
    assert inner.got == []
    for gives in (Answer(text="x"), NO):
        reply = await RateGuard(Broken(late=True)).wrap(Inner(gives))(ask(), Bench().run())
        assert reply.payload == gives


@pytest.mark.parametrize("bounds", [(0, 60.0, None), (1, 0.0, None), (1, 60.0, 0)])
def test_bounds_that_let_nothing_through_are_refused(
    bounds: tuple[int, float, int | None],
) -> None:
    """A limit of nothing is a mistake, and said when the guard is made."""
    with pytest.raises(Misconfigured):
        RateLimit(*bounds)
