"""Hedged requests: a second model beside a slow one, in a time that stands still until moved."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace

import pytest

from pointsman.errors import (
    CircuitOpen,
    DeadlineExceeded,
    Misconfigured,
    ModelOverloaded,
    ModelRejected,
    NoModel,
)
from pointsman.guardrails.breaker import Breakers, CircuitBreaker
from pointsman.nodes import conventions as names
from pointsman.nodes.event import Hedged, ModelCalled, ModelFailed, Recorded
from pointsman.nodes.gateway.cascade import models_of
from pointsman.nodes.gateway.chain import Retry
from pointsman.nodes.gateway.cost import Price
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.hedge import LEARNT, REMEMBERED, Hedge, Times
from pointsman.nodes.gateway.journal import MemoryJournal
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Read, Usage
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.run import Budget, Run
from pointsman.teams.record import spend
from tests.nodes.gateway.conftest import Events, LoopClock
from tests.nodes.spans import check, recorded_spans, said

Make = Callable[..., Run]
Ask = Callable[..., ModelRequest]
PAIR = Hedge(("a", "b"), after=2.0)


class Model:
    """A model that answers when the test lets it, in the pieces that the test gives."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[asyncio.Future[object]] = []
        self.reads: list[Read | None] = []
        self.cancelled = 0

    async def send(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        """Wait, then answer or fail."""
        said: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.asked.append(said)
        self.reads.append(read)
        try:
            came = await said
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(came, Exception):
            raise came
        return ModelReply(model=model, text=str(came), usage=Usage(10, 5))

    def say(self, came: object, *, call: int = -1) -> None:
        """End a call."""
        self.asked[call].set_result(came)

    def piece(self, text: str, *, call: int = -1) -> None:
        """Write a piece of the answer."""
        read = self.reads[call]
        assert read is not None
        read(text)

    async def aclose(self) -> None:
        """Nothing."""


class Bench:
    """A gateway whose tier `fast` is hedged, and its two models."""

    def __init__(self, clock: LoopClock, hedge: Hedge = PAIR, **options: object) -> None:
        self.clock = clock
        self.a, self.b = Model("a"), Model("b")
        self.journal = MemoryJournal()
        self.gateway = ModelGateway(
            chains={"fast": hedge},
            transports=Transports({"a": lambda: self.a, "b": lambda: self.b}),
            journal=self.journal,
            prices={"a": Price(1_000_000, 1_000_000), "b": Price(1_000_000, 1_000_000)},
            retry=Retry(first=0.0),
            **options,  # type: ignore[arg-type]
        )

    def begin(self, call: Coroutine[object, object, ModelReply]) -> "asyncio.Task[ModelReply]":
        """Ask in the background."""
        return asyncio.ensure_future(call)

    async def passes(self, seconds: float) -> None:
        """Time passes, and everybody who waited for it has had their turn."""
        await settled()
        self.clock.advance(seconds)
        await settled()


async def settled() -> None:
    """Let everything that can go on go on."""
    for _ in range(60):
        await asyncio.sleep(0)
    await asyncio.to_thread(lambda: None)
    for _ in range(60):
        await asyncio.sleep(0)


@pytest.fixture
def bench(loop_clock: LoopClock) -> Bench:
    """The usual pair."""
    return Bench(loop_clock)


def hedged(events: Events) -> list[Hedged]:
    """What was recorded of hedges."""
    return [event for event in events.all if isinstance(event, Hedged)]


async def test_a_quick_model_is_asked_alone(
    bench: Bench, run: Make, ask: Ask, events: Events
) -> None:
    """Nothing else is asked, recorded or set aside."""
    step = run()
    call = bench.begin(bench.gateway.complete(ask(), step))
    await bench.passes(1.9)
    bench.a.say("quick")
    assert (await call).text == "quick"
    assert (len(bench.b.asked), hedged(events), step.spend.held_calls) == (0, [], 0)


async def test_a_slow_model_is_overtaken(bench: Bench, run: Make, ask: Ask, events: Events) -> None:
    """The second answers, the first is cut off; both are on record, and neither was free."""
    asked, step = ask(), run()
    call = bench.begin(bench.gateway.complete(asked, step))
    await bench.passes(2.1)
    assert (len(bench.a.asked), len(bench.b.asked), step.spend.held_calls) == (1, 1, 2)
    bench.b.say("sooner")
    reply = await call
    assert (reply.text, reply.model, reply.usd) == ("sooner", "b", 15.0)
    assert bench.a.cancelled == 1
    (event,) = hedged(events)
    worst = event.lost_usd
    assert (event.models, event.model, event.lost, event.after) == (("a", "b"), "b", "a", 2.0)
    assert worst is not None
    assert worst > 512
    assert (step.spend.usd, step.spend.calls, step.spend.unpriced) == (15.0, 1, 1)
    assert (step.spend.lost_usd, step.spend.held_usd, step.spend.held_calls) == (
        0.0 if step.budget.usd is None else worst, 0, 0,
    )  # fmt: skip


async def test_both_calls_have_a_span(bench: Bench, run: Make, ask: Ask) -> None:
    """Each says that it was asked beside another; the one that was cut off is an error."""
    with recorded_spans() as exporter:
        call = bench.begin(bench.gateway.complete(ask(), run()))
        await bench.passes(2.1)
        bench.b.say("sooner")
        await call
        spans = exporter.get_finished_spans()
    assert check(spans) == {"chat"}
    told = {one.name: said(one) for one in spans if one.name.startswith("chat ")}
    assert {name: of.get(names.HEDGE) for name, of in told.items()} == {
        "chat a": None, "chat b": True,
    }  # fmt: skip
    assert told["chat a"][names.ERROR_TYPE] == "CancelledError"
    assert names.ERROR_TYPE not in told["chat b"]


async def test_what_was_cut_off_counts_in_a_run_that_goes_on(
    bench: Bench, run: Make, ask: Ask, events: Events
) -> None:
    """The spending that is rebuilt of the record is what it was."""
    step = run(budget=Budget(usd=10_000.0))
    call = bench.begin(bench.gateway.complete(ask(), step))
    await bench.passes(2.1)
    bench.b.say("sooner")
    await call
    again = spend([Recorded(run="r1", seq=n, at=0, event=e) for n, e in enumerate(events.all)])
    for name in ("usd", "calls", "unpriced", "lost_usd"):
        assert getattr(again, name) == getattr(step.spend, name), name
    assert again.lost_usd > 0


async def test_the_first_may_still_win(bench: Bench, run: Make, ask: Ask, events: Events) -> None:
    """Whoever answers first; the second is then the one that is cut off."""
    call = bench.begin(bench.gateway.complete(ask(), run()))
    await bench.passes(2.1)
    bench.a.say("after all")
    assert (await call).model == "a"
    assert bench.b.cancelled == 1
    assert (hedged(events)[0].model, hedged(events)[0].lost) == ("a", "b")


async def test_a_second_that_fails_changes_nothing(
    bench: Bench, run: Make, ask: Ask, events: Events
) -> None:
    """The first is waited for as it would have been."""
    call = bench.begin(bench.gateway.complete(ask(), run()))
    await bench.passes(2.1)
    bench.b.say(ModelOverloaded("busy"))
    await settled()
    assert not call.done()
    bench.a.say("late")
    assert (await call).model == "a"
    assert [(e.model, e.next) for e in events.failed] == [("b", "")]
    assert (hedged(events)[0].model, hedged(events)[0].lost) == ("a", "")


async def test_the_chain_does_not_ask_twice_whom_the_hedge_asks(
    bench: Bench, run: Make, ask: Ask, events: Events
) -> None:
    """The first fails for good while the second is at work: its answer is waited for."""
    call = bench.begin(bench.gateway.complete(ask(), run()))
    await bench.passes(2.1)
    bench.a.say(Misconfigured("no key"))
    await settled()
    assert len(bench.b.asked) == 1
    bench.b.say("instead")
    assert (await call).text == "instead"
    assert (len(bench.b.asked), bench.b.cancelled) == (1, 0)
    assert [(e.model, e.next) for e in events.failed] == [("a", "b")]


async def test_when_both_fail_the_chain_says_so(
    bench: Bench, run: Make, ask: Ask, events: Events
) -> None:
    """As it would without a hedge, and the event names nobody."""
    call = bench.begin(bench.gateway.complete(ask(), run()))
    await bench.passes(2.1)
    bench.b.say(Misconfigured("no key b"))
    await settled()
    bench.a.say(Misconfigured("no key a"))
    await settled()
    assert len(bench.b.asked) == 2, "the chain comes to it by itself"
    bench.b.say(Misconfigured("no key b"))
    with pytest.raises(NoModel):
        await call
    assert (hedged(events)[0].model, hedged(events)[0].lost) == ("", "")


async def test_one_model_is_asked_again(loop_clock: LoopClock, run: Make, ask: Ask) -> None:
    """A chain of one hedges with itself: a slow answer is often one slow machine."""
    bench = Bench(loop_clock, Hedge(("a",), after=2.0))
    call = bench.begin(bench.gateway.complete(ask(), run()))
    await bench.passes(2.1)
    assert len(bench.a.asked) == 2
    bench.a.say("again", call=1)
    assert (await call).text == "again"
    assert bench.a.cancelled == 1


async def test_no_third_call_is_made(bench: Bench, run: Make, ask: Ask) -> None:
    """However long both take."""
    call = bench.begin(bench.gateway.complete(ask(), run()))
    await bench.passes(2.1)
    await bench.passes(30.0)
    assert (len(bench.a.asked), len(bench.b.asked)) == (1, 1)
    bench.a.say("late")
    await call


async def test_a_budget_for_one_hedges_nothing(
    bench: Bench, run: Make, ask: Ask, events: Events
) -> None:
    """The second does not fit, so the first is waited for, and no failure is made up."""
    step = run(budget=Budget(calls=1))
    call = bench.begin(bench.gateway.complete(ask(), step))
    await bench.passes(2.1)
    assert (len(bench.b.asked), step.spend.held_calls) == (0, 1)
    bench.a.say("alone")
    assert (await call).text == "alone"
    assert events.failed == []


async def test_a_replay_asks_nobody(bench: Bench, run: Make, ask: Ask, events: Events) -> None:
    """Whichever answered, the answer has one place in the journal."""
    call = bench.begin(bench.gateway.complete(ask(), run()))
    await bench.passes(2.1)
    bench.b.say("sooner")
    await call
    reply = await bench.gateway.complete(ask(), run())
    assert (reply.text, reply.source) == ("sooner", "journal")
    assert (len(bench.a.asked), len(bench.b.asked), len(hedged(events))) == (1, 1, 1)


async def test_a_crash_loses_no_call_that_was_cut_off(
    bench: Bench, run: Make, ask: Ask, events: Events
) -> None:
    """With the answer in the journal stands what its hedge cost."""
    call = bench.begin(bench.gateway.complete(ask(), run(budget=Budget(usd=10_000.0))))
    await bench.passes(2.1)
    bench.b.say("sooner")
    await call
    before = [event for event in events.all if isinstance(event, Hedged | ModelCalled)]
    events.all.clear()
    again = replace(run(budget=Budget(usd=10_000.0)), recorded=lambda _: False)
    await bench.gateway.complete(ask(), again)
    assert events.all == before
    assert (again.spend.calls, again.spend.unpriced) == (1, 1)
    assert again.spend.lost_usd == before[0].lost_usd  # type: ignore[union-attr]


async def test_a_cancelled_run_leaves_nothing(bench: Bench, run: Make, ask: Ask) -> None:
    """Both calls end, and what was set aside is counted as lost."""
    step = run()
    call = bench.begin(bench.gateway.complete(ask(), step))
    await bench.passes(2.1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (bench.a.cancelled, bench.b.cancelled) == (1, 1)
    assert (step.spend.held_calls, step.spend.held_usd, step.spend.unpriced) == (0, 0, 2)


async def test_the_run_s_time_ends_both(bench: Bench, run: Make, ask: Ask) -> None:
    """A deadline is one for the whole."""
    step = replace(run(deadline=5.0), clock=lambda: 0.0)
    call = bench.begin(bench.gateway.complete(ask(), step))
    await bench.passes(2.1)
    await bench.passes(3.0)
    with pytest.raises(DeadlineExceeded):
        await call
    assert step.spend.held_calls == 0


async def test_a_model_that_is_always_overtaken_opens_its_breaker(
    loop_clock: LoopClock, run: Make, ask: Ask
) -> None:
    """One that is cut off after a fair time has failed; one that was cut off soon has not."""
    rules = CircuitBreaker(calls=2, failures=1.0, window=600.0, open_for=60.0, jitter=0.0)
    breaker = Breakers(rules, clock=lambda: 0.0)
    bench = Bench(loop_clock, breaker=breaker)

    async def overtaken(wait: float) -> None:
        call = bench.begin(bench.gateway.complete(ask(str(len(bench.a.asked))), run()))
        await bench.passes(2.1)
        await bench.passes(wait)
        bench.b.say("b")
        await call

    for _ in range(3):
        await overtaken(3.0)
    breaker.admit("a").release()
    for _ in range(2):
        await overtaken(11.0)
    with pytest.raises(CircuitOpen):
        breaker.admit("a")


async def test_a_request_that_is_invalid_waits_for_the_other(
    bench: Bench, run: Make, ask: Ask
) -> None:
    """The first good answer is taken, also where the first model calls the request invalid."""
    call = bench.begin(bench.gateway.complete(ask(), run()))
    await bench.passes(2.1)
    bench.a.say(ModelRejected("invalid"))
    await settled()
    bench.b.say("fine")
    assert (await call).text == "fine"


async def test_the_wait_is_learnt(loop_clock: LoopClock, run: Make, ask: Ask) -> None:
    """Of twenty answers nineteen took one second and one took three: at 0.95 it waits one."""
    bench = Bench(loop_clock, Hedge(("a", "b"), after=9.0, quantile=0.95))
    for n in range(LEARNT):
        call = bench.begin(bench.gateway.complete(ask(str(n)), run()))
        await bench.passes(3.0 if n == 7 else 1.0)
        bench.a.say("x")
        await call
    call = bench.begin(bench.gateway.complete(ask("next"), run()))
    await bench.passes(0.9)
    assert bench.b.asked == []
    await bench.passes(0.2)
    assert len(bench.b.asked) == 1
    bench.b.say("x")
    await call


def test_times_are_bounded_and_quantiles_exact() -> None:
    """Unknown below LEARNT; of more than REMEMBERED the latest count."""
    times = Times()
    for n in range(LEARNT - 1):
        times.add("a", float(n))
    assert times.quantile("a", 0.5) is None
    times.add("a", 99.0)
    assert (times.quantile("a", 0.5), times.quantile("a", 0.95)) == (9.0, 18.0)
    for _ in range(REMEMBERED):
        times.add("a", 5.0)
    assert times.quantile("a", 0.999) == 5.0
    assert times.quantile("b", 0.5) is None


@pytest.mark.parametrize(
    ("models", "options"),
    [((), {}), (("",), {}), (("a",), {"after": 0.0}), (("a",), {"after": float("inf")}),
     (("a",), {"quantile": 1.0}), (("a",), {"quantile": 0.0})],
)  # fmt: skip
def test_what_is_no_hedge(models: tuple[str, ...], options: dict[str, float]) -> None:
    """It says so when it is made."""
    with pytest.raises(Misconfigured):
        Hedge(models, **options)  # type: ignore[arg-type]


def test_its_models_are_listed() -> None:
    """And whether another model may answer for one that is well."""
    assert models_of(Hedge(("a", "b", "a"))) == ("a", "b")
    assert Hedge(("a", "b")).weakens
    assert not Hedge(("a", "a")).weakens
    assert not Hedge(("a",)).weakens


async def test_what_was_not_failed_is_not_recorded(
    bench: Bench, run: Make, ask: Ask, events: Events
) -> None:
    """A call that lost a race is no failure."""
    call = bench.begin(bench.gateway.complete(ask(), run()))
    await bench.passes(2.1)
    bench.b.say("sooner")
    await call
    assert not [event for event in events.all if isinstance(event, ModelFailed)]
