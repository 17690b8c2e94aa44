"""What stands before a model: its breaker, the limits, and what is given back when."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from pointsman.errors import (
    BadOutput,
    BudgetExceeded,
    CircuitOpen,
    DeadlineExceeded,
    ModelAuth,
    ModelOverloaded,
    ModelRejected,
    ModelUnreachable,
    NoModel,
    PointsmanError,
    RateLimited,
)
from pointsman.guardrails.breaker import Breakers, CircuitBreaker
from pointsman.nodes.event import BreakerMoved
from pointsman.nodes.gateway.chain import Retry
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import MemoryJournal
from pointsman.nodes.gateway.scripted import Script, ScriptedTransport
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Usage
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.limits import Limiter, Use
from pointsman.nodes.run import Budget, Run
from tests.nodes.gateway.conftest import Events, LoopClock

RULES = CircuitBreaker(calls=2, failures=0.5, window=60.0, open_for=10.0, jitter=0.0)


@dataclass
class Taken:
    """A permit that notes how it ended."""

    use: Use
    ended: list[object] = field(default_factory=list[object])
    breaks: bool = False

    async def settle(self, tokens: int | None = None) -> None:
        self.ended.append(("settled", tokens))
        if self.breaks:
            raise OSError("the limiter is away")

    async def release(self) -> None:
        self.ended.append("released")


@dataclass
class Limits:
    """A limiter that notes what was taken."""

    taken: list[Taken] = field(default_factory=list[Taken])
    error: PointsmanError | None = None
    breaks: bool = False
    waits: list[float] = field(default_factory=list[float])

    async def acquire(self, use: Use, *, wait: float = 0.0) -> Taken:
        self.waits.append(wait)
        if self.error is not None:
            raise self.error
        self.taken.append(Taken(use, breaks=self.breaks))
        return self.taken[-1]

    @property
    def ended(self) -> list[object]:
        """How every permit ended."""
        return [end for permit in self.taken for end in permit.ended]


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def gateway(
    script: Script, *, breaker: Breakers | None = None, limiter: Limiter | None = None,
    timeout: float = 60.0, also: Script | None = None,
) -> ModelGateway:  # fmt: skip
    """One scripted model `a`, and `b` after it where `also` is given; no retries."""
    models = {"a": script} | ({} if also is None else {"b": also})

    def given(script: Script) -> Callable[[], ScriptedTransport]:
        return lambda: ScriptedTransport(script)

    return ModelGateway(
        chains={"fast": tuple(models)},
        transports=Transports({name: given(script) for name, script in models.items()}),
        journal=MemoryJournal(),
        timeout=timeout,
        breaker=breaker,
        limiter=limiter,
        retry=Retry(attempts=1),
    )


def raising(error: BaseException) -> Script:
    """A model that only raises."""

    def script(request: ModelRequest) -> ModelReply:
        raise error

    return script


def fine(request: ModelRequest) -> ModelReply:
    """A model that answers, at 30 and 12 tokens."""
    return ModelReply(model="a", text="fine", usage=Usage(30, 12), usd=0.0)


Make = Callable[..., Run]
Ask = Callable[..., ModelRequest]


async def test_the_limiter_hears_who_wants_what(run: Make, ask: Ask) -> None:
    """Tenant, thread, specialist, model, priority and an estimate of the tokens that is no less
    than a quarter of the characters and all of the answer; the true count settles it."""
    limits = Limits()
    await gateway(fine, limiter=limits).complete(ask("x" * 400, max_tokens=100), run(tenant="acme"))
    use = limits.taken[0].use
    assert (use.team, use.tenant, use.thread) == ("support", "acme", "t")
    assert (use.specialist, use.tool, use.model, use.priority) == ("billing", "", "a", 5)
    assert 200 <= use.tokens <= 400
    assert limits.ended == [("settled", 42)]
    assert limits.waits == [20.0]


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (ModelOverloaded("x"), ("settled", 0)),
        (ModelUnreachable("x"), ("settled", 0)),
        (ModelAuth("x"), ("settled", 0)),
        (ModelRejected("x"), ("settled", 0)),
        (BadOutput("x"), ("settled", None)),
    ],
)
async def test_a_call_that_failed_was_a_call(
    run: Make, ask: Ask, error: PointsmanError, end: object
) -> None:
    """Its tokens are given back where the model did not work; else the estimate stands."""
    limits = Limits()
    with pytest.raises(PointsmanError):
        await gateway(raising(error), limiter=limits).complete(ask(), run())
    assert limits.ended == [end]


async def test_a_later_refusal_gives_back_tokens_and_probe(run: Make, ask: Ask) -> None:
    """A budget that is spent: nothing was sent, nothing is used, and the next call may probe."""
    clock, limits = Clock(), Limits()
    breaker = Breakers(RULES, clock=clock)
    for _ in range(2):
        breaker.admit("a").failed()
    clock.now += 10
    door = gateway(fine, breaker=breaker, limiter=limits)
    with pytest.raises(BudgetExceeded):
        await door.complete(ask("1"), run(budget=Budget(calls=0)))
    assert (limits.ended, breaker.state("a")) == (["released"], "half_open")
    limits.error = RateLimited("x", retry_after=3.0)
    with pytest.raises(NoModel):
        await door.complete(ask("2"), run())
    assert breaker.state("a") == "half_open"
    limits.error = None
    await door.complete(ask("3"), run())
    assert breaker.state("a") == "closed"


async def test_an_open_breaker_leads_to_the_next_model_at_once(
    run: Make, ask: Ask, events: Events
) -> None:
    """After enough failures the first model is not asked, takes no token, and the chain goes on."""
    breaker, limits, asked = Breakers(RULES, clock=Clock()), Limits(), list[str]()

    def down(request: ModelRequest) -> ModelReply:
        asked.append("a")
        raise ModelUnreachable("away")

    door = gateway(down, also=fine, breaker=breaker, limiter=limits)
    for n in range(4):
        assert (await door.complete(ask(str(n)), run())).model == "b"
    assert asked == ["a", "a"]
    assert [taken.use.model for taken in limits.taken] == ["a", "b", "a", "b", "b", "b"]
    assert [event.error for event in events.failed] == ["ModelUnreachable"] * 2 + [
        "CircuitOpen"
    ] * 2
    moved = [event for event in events.all if isinstance(event, BreakerMoved)]
    assert moved == [BreakerMoved(of="model", key="a", state="open")]


async def test_when_every_breaker_is_open_the_error_says_when_to_come_back(
    run: Make, ask: Ask
) -> None:
    """NoModel is transient then, so that a fallback may answer, and carries the shortest wait."""
    breaker = Breakers(RULES, clock=Clock())
    for _ in range(2):
        breaker.admit("a").failed()
    with pytest.raises(NoModel) as caught:
        await gateway(fine, breaker=breaker).complete(ask(), run())
    assert (caught.value.transient, caught.value.retry_after) == (True, 10.0)


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ModelOverloaded("x"), "open"),
        (ModelUnreachable("x"), "open"),
        (ModelAuth("x"), "closed"),
        (ModelRejected("x"), "closed"),
        (BadOutput("x"), "closed"),
    ],
)
async def test_which_errors_of_a_model_count(
    run: Make, ask: Ask, error: PointsmanError, state: str
) -> None:
    """Overload and outage; never a bad request, a wrong key or nonsense."""
    breaker = Breakers(RULES, clock=Clock())
    door = gateway(raising(error), breaker=breaker)
    for n in range(3):
        with pytest.raises(PointsmanError):
            await door.complete(ask(str(n)), run())
    assert breaker.state("a") == state


@pytest.mark.parametrize(("timeout", "state"), [(0.01, "open"), (60.0, "closed")])
async def test_a_time_out_counts_where_the_time_was_fair(
    run: Make, ask: Ask, loop_clock: LoopClock, timeout: float, state: str
) -> None:
    """A model that used up its own time failed; one that a run left a hundredth of a second did
    not. Either way the tokens stay counted as estimated."""

    async def hangs(request: ModelRequest) -> ModelReply:
        loop_clock.advance(0.02)
        await asyncio.Event().wait()
        raise AssertionError

    breaker, limits = Breakers(RULES, clock=Clock()), Limits()
    door = gateway(hangs, breaker=breaker, limiter=limits, timeout=timeout)
    for n in range(2):
        with pytest.raises((NoModel, DeadlineExceeded)):
            await door.complete(ask(str(n)), run(deadline=None if timeout < 1 else 0.01))
    assert breaker.state("a") == state
    assert limits.ended == [("settled", None)] * 2


async def test_a_cancelled_call_gives_its_probe_back(run: Make, ask: Ask) -> None:
    """And its tokens stay counted: nobody knows how far it came."""
    clock, limits, began = Clock(), Limits(), asyncio.Event()
    breaker = Breakers(RULES, clock=clock)
    for _ in range(2):
        breaker.admit("a").failed()
    clock.now += 10

    async def hangs(request: ModelRequest) -> ModelReply:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError

    task = asyncio.ensure_future(
        gateway(hangs, breaker=breaker, limiter=limits).complete(ask(), run())
    )
    await began.wait()
    with pytest.raises(CircuitOpen):
        breaker.admit("a")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert limits.ended == [("settled", None)]
    breaker.admit("a").succeeded()
    assert breaker.state("a") == "closed"


async def test_a_paid_answer_survives_a_limiter_that_is_away(run: Make, ask: Ask) -> None:
    """Settling fails after the answer: the answer counts."""
    reply = await gateway(fine, limiter=Limits(breaks=True)).complete(ask(), run())
    assert reply.text == "fine"
