"""The gateway: journal, cache, single-flight, budget, chain and transports in their order."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

import pytest

from pointsman.errors import (
    BadOutput,
    BudgetExceeded,
    DeadlineExceeded,
    Misconfigured,
    ModelAuth,
    ModelOverloaded,
    ModelRejected,
    ModelTimeout,
    NoModel,
    StoreFull,
)
from pointsman.nodes.event import ModelCalled, ModelFailed
from pointsman.nodes.gateway import gateway as module
from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.chain import Retry
from pointsman.nodes.gateway.cost import Price
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import Journal, MemoryJournal
from pointsman.nodes.gateway.scripted import Script, Scripted, ScriptedTransport
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Usage
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.run import Budget, Gateway, Run, Spend
from tests.nodes.gateway.conftest import LoopClock


class Events(Protocol):
    """The fixture `events`."""

    @property
    def called(self) -> list[ModelCalled]: ...
    @property
    def failed(self) -> list[ModelFailed]: ...


Make = Callable[..., Run]
Ask = Callable[..., ModelRequest]
Build = Callable[..., ModelGateway]

PAID = ModelReply(model="x", text="paid", usd=0.25, seconds=2.0, usage=Usage(10, 5, 4))


class FullJournal(MemoryJournal):
    """A journal without space."""

    async def journal_put(
        self, run_id: str, step: str, occurrence: int, digest: str, reply: ModelReply
    ) -> None:
        """Fail."""
        raise StoreFull("no space is left")


class Slow:
    """A script whose answers wait until let."""

    def __init__(self, answer: Scripted = "late") -> None:
        self.let = asyncio.Event()
        self.begun = asyncio.Event()
        self.answer = answer

    async def __call__(self, request: ModelRequest) -> Scripted:
        """Wait, then answer."""
        self.begun.set()
        await self.let.wait()
        return self.answer


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[ResponseCache]:
    """A real cache on disk."""
    cache = ResponseCache(tmp_path / "cache")
    yield cache
    await cache.aclose()


@pytest.fixture
async def build() -> AsyncIterator[Build]:
    """Builds gateways over scripted models `a`, `b` … and closes them."""
    built: list[ModelGateway] = []

    def make(
        *,
        journal: Journal | None = None,
        cache: ResponseCache | None = None,
        prices: dict[str, Price] | None = None,
        timeout: float = 60.0,
        retry: Retry | None = None,
        **models: ScriptedTransport,
    ) -> ModelGateway:
        gateway = ModelGateway(
            chains={"fast": tuple(models)},
            transports=Transports({name: _given(model) for name, model in models.items()}),
            journal=journal or MemoryJournal(),
            cache=cache,
            prices=prices,
            timeout=timeout,
            retry=retry or Retry(first=0.0),
            draw=lambda: 0.5,
        )
        built.append(gateway)
        return gateway

    yield make
    for gateway in built:
        await gateway.aclose()


def _given(model: ScriptedTransport) -> Callable[[], ScriptedTransport]:
    return lambda: model


def scripted(*answers: Scripted) -> ScriptedTransport:
    """A model with these answers."""
    return ScriptedTransport(answers)


def always(script: Script) -> ScriptedTransport:
    """A model that is a function."""
    return ScriptedTransport(script)


async def test_an_answer_is_paid_counted_and_recorded(
    build: Build, run: Make, ask: Ask, events: Events
) -> None:
    """A model's answer carries the chain's name for it, its cost, and one event."""
    step = run()
    reply = await build(a=scripted(PAID)).complete(ask(purpose="act"), step)
    assert (reply.model, reply.text, reply.usd, reply.source) == ("a", "paid", 0.25, "model")
    assert (step.spend.usd, step.spend.calls, step.spend.unpriced) == (0.25, 1, 0)
    (event,) = events.called
    assert event.model_dump() == {
        "kind": "model_called", "purpose": "act", "specialist": "billing", "model": "a",
        "call": event.call, "similarity": None,
        "source": "model", "input_tokens": 10, "output_tokens": 5, "cached_tokens": 4,
        "usd": 0.25, "saved_usd": 0.0, "seconds": 2.0, "saved_seconds": 0.0,
    }  # fmt: skip


def test_it_is_the_gateway_that_nodes_see(build: Build) -> None:
    """The class satisfies the protocol in `nodes.run` (checked by the type checker, too)."""
    gateway: Gateway = build(a=scripted())
    assert callable(gateway.settle)


# Journal


async def test_a_step_run_again_answers_from_the_journal(
    build: Build, run: Make, ask: Ask, events: Events
) -> None:
    """After a crash the same step of the same run pays nothing, in whichever gateway."""
    journal = MemoryJournal()
    first = await build(journal=journal, a=scripted(PAID)).complete(ask(), run())
    again_step = run()
    again = await build(journal=journal, a=scripted()).complete(ask(), again_step)
    assert again == first.served_from("journal")
    assert (again_step.spend.usd, again_step.spend.calls) == (0.0, 0)
    assert [event.source for event in events.called] == ["model", "journal"]
    assert (events.called[1].usd, events.called[1].saved_usd) == (0.0, 0.0)


async def test_each_asking_has_its_own_answer(build: Build, run: Make, ask: Ask) -> None:
    """The same request asked twice in a step is two answers, and both come back in order."""
    journal = MemoryJournal()
    gateway = build(journal=journal, a=scripted("one", "two"))
    step = run()
    asked = [await gateway.complete(ask(), step) for _ in range(2)]
    assert [reply.text for reply in asked] == ["one", "two"]
    step = run()
    again = [await gateway.complete(ask(), step) for _ in range(2)]
    assert [reply.text for reply in again] == ["one", "two"]


@pytest.mark.parametrize("other", [{"id": "r2"}, {"step": "2:billing"}])
async def test_the_journal_is_one_steps(
    build: Build, run: Make, ask: Ask, other: dict[str, str]
) -> None:
    """Another run and another step ask anew."""
    gateway = build(a=scripted("one", "two"))
    await gateway.complete(ask(), run())
    assert (await gateway.complete(ask(), run(**other))).text == "two"


async def test_a_tier_has_its_own_answers(run: Make, ask: Ask) -> None:
    """Two tiers asked the same at once are two answers."""
    model = scripted("one", "two")
    gateway = ModelGateway(
        chains={"fast": ("a",), "strong": ("a",)},
        transports=Transports({"a": lambda: model}),
        journal=MemoryJournal(),
    )
    step = run()
    await gateway.complete(ask(), step)
    assert (await gateway.complete(ask(tier="strong"), step)).text == "two"
    again = run()
    assert (await gateway.complete(ask(tier="strong"), again)).text == "two"
    assert (await gateway.complete(ask(), again)).text == "one"


async def test_a_journal_that_cannot_write_is_no_silent_loss(
    build: Build, run: Make, ask: Ask
) -> None:
    """When the answer cannot be recorded the step fails, and the money stays counted."""
    step = run()
    with pytest.raises(StoreFull):
        await build(journal=FullJournal(), a=scripted(PAID)).complete(ask(), step)
    assert step.spend.usd == 0.25


# Cache


async def test_only_settled_answers_are_cached(
    build: Build, run: Make, ask: Ask, events: Events, cache: ResponseCache
) -> None:
    """An answer serves other runs once its step passed its guards, and says what was saved."""
    gateway = build(cache=cache, a=scripted(PAID, "unused"))
    first = run()
    await gateway.complete(ask(), first)
    await gateway.settle(first, keep=True)
    other = run("r2")
    hit = await gateway.complete(ask(), other)
    assert (hit.text, hit.source) == ("paid", "cache")
    assert (other.spend.usd, other.spend.calls) == (0.0, 0)
    event = events.called[-1]
    assert (event.source, event.usd, event.saved_usd) == ("cache", 0.0, 0.25)
    assert (event.seconds, event.saved_seconds, event.input_tokens) == (0.0, 2.0, 0)


@pytest.mark.parametrize("settled", [False, None])
async def test_what_did_not_pass_is_not_cached(
    build: Build, run: Make, ask: Ask, cache: ResponseCache, *, settled: bool | None
) -> None:
    """Answers of a step that failed, or was never settled, reach nobody else."""
    gateway = build(cache=cache, a=scripted("one", "two"))
    first = run()
    await gateway.complete(ask(), first)
    if settled is not None:
        await gateway.settle(first, keep=settled)
        await gateway.settle(first, keep=True)
    assert (await gateway.complete(ask(), run("r2"))).text == "two"


async def test_a_step_that_crashed_before_settling_still_fills_the_cache(
    build: Build, run: Make, ask: Ask, cache: ResponseCache
) -> None:
    """An answer out of the journal is cached when the step passes at last."""
    journal = MemoryJournal()
    await build(journal=journal, cache=cache, a=scripted("one")).complete(ask(), run())
    gateway = build(journal=journal, cache=cache, a=scripted())
    again = run()
    await gateway.complete(ask(), again)
    await gateway.settle(again, keep=True)
    assert (await gateway.complete(ask(), run("r2"))).source == "cache"


async def test_a_cached_answer_is_journalled(
    build: Build, run: Make, ask: Ask, cache: ResponseCache, tmp_path: Path
) -> None:
    """A step re-run finds the answer it got from the cache, even when the cache is gone."""
    journal = MemoryJournal()
    gateway = build(journal=journal, cache=cache, a=scripted("one"))
    first = run()
    await gateway.complete(ask(), first)
    await gateway.settle(first, keep=True)
    await gateway.complete(ask(), run("r2"))
    without = build(journal=journal, a=scripted())
    assert (await without.complete(ask(), run("r2"))).text == "one"


@pytest.mark.parametrize(
    ("run_options", "ask_options"),
    [
        ({"tenant": "other"}, {}),
        ({}, {"prompt_version": "2"}),
        ({}, {"max_tokens": 7}),
        ({}, {"cacheable": False}),
    ],
)
async def test_what_is_not_the_same_is_not_shared(
    build: Build,
    run: Make,
    ask: Ask,
    cache: ResponseCache,
    run_options: dict[str, str],
    ask_options: dict[str, object],
) -> None:
    """Another tenant, prompt or parameter, and a request that is not to be cached, ask anew."""
    gateway = build(cache=cache, a=scripted("one", "two"))
    first = run()
    await gateway.complete(ask(), first)
    await gateway.settle(first, keep=True)
    assert (await gateway.complete(ask(**ask_options), run("r2", **run_options))).text == "two"


async def test_what_is_not_to_be_cached_is_not(
    build: Build, run: Make, ask: Ask, cache: ResponseCache
) -> None:
    """An answer to a request that is not cacheable is not kept."""
    gateway = build(cache=cache, a=scripted("one", "two"))
    first = run()
    await gateway.complete(ask(cacheable=False), first)
    await gateway.settle(first, keep=True)
    assert (await gateway.complete(ask(), run("r2"))).text == "two"


async def test_the_purpose_is_no_part_of_the_key(
    build: Build, run: Make, ask: Ask, cache: ResponseCache
) -> None:
    """The same question for another purpose is the same question."""
    gateway = build(cache=cache, a=scripted("one"))
    first = run()
    await gateway.complete(ask(purpose="act"), first)
    await gateway.settle(first, keep=True)
    assert (await gateway.complete(ask(purpose="judge"), run("r2"))).source == "cache"


async def test_repeated_tries_never_collapse(
    build: Build, run: Make, ask: Ask, cache: ResponseCache
) -> None:
    """Two tries of one step stay two answers in the next run, which gets both from the cache."""
    gateway = build(cache=cache, a=scripted("one", "two"))
    for name in ("r1", "r2"):
        step = run(name)
        tries = await asyncio.gather(*(gateway.complete(ask(), step) for _ in range(2)))
        assert sorted(reply.text for reply in tries) == ["one", "two"]
        await gateway.settle(step, keep=True)


async def test_the_chains_order_is_the_caches_order(
    build: Build, run: Make, ask: Ask, cache: ResponseCache
) -> None:
    """An answer of the second model serves while the first has none; the first's wins later."""
    gateway = build(cache=cache, a=scripted(ModelTimeout("x"), "a's"), b=scripted("b's"))
    first = run()
    await gateway.complete(ask(), first)
    await gateway.settle(first, keep=True)
    hit = await gateway.complete(ask(), run("r2"))
    assert (hit.model, hit.text, hit.source) == ("b", "b's", "cache")
    only_a = build(cache=cache, a=scripted("a's"))
    second = run("r3")
    await only_a.complete(ask(), second)
    await only_a.settle(second, keep=True)
    assert (await gateway.complete(ask(), run("r4"))).text == "a's"


async def test_pending_answers_are_bounded(
    build: Build, run: Make, ask: Ask, cache: ResponseCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps that are never settled are forgotten, the oldest first."""
    monkeypatch.setattr(module, "MAX_PENDING_STEPS", 2)
    monkeypatch.setattr(module, "MAX_PENDING_ANSWERS", 1)
    model = always(lambda request: request.turns[0].content)
    gateway = build(cache=cache, a=model)
    steps = [run(f"r{number}") for number in range(3)]
    for number, step in enumerate(steps):
        await gateway.complete(ask(f"first {number}"), step)
        await gateway.complete(ask(f"second {number}"), step)
    for step in steps:
        await gateway.settle(step, keep=True)
    later = run("later")
    found = [
        (await gateway.complete(ask(f"{which} {number}"), later)).source
        for number in range(3)
        for which in ("first", "second")
    ]
    assert found == ["model", "model", "cache", "model", "cache", "model"]


# Single-flight


async def test_identical_calls_of_many_runs_make_one(
    build: Build, run: Make, ask: Ask, events: Events
) -> None:
    """A hundred runs that ask the same at once pay for one call, and each is told."""
    slow = Slow(PAID)
    model = always(slow)
    gateway = build(a=model)
    steps = [run(f"r{number}") for number in range(100)]
    tasks = [asyncio.create_task(gateway.complete(ask(), step)) for step in steps]
    await _until(lambda: bool(model.requests))
    slow.let.set()
    replies = await asyncio.gather(*tasks)
    assert len(model.requests) == 1
    assert {reply.text for reply in replies} == {"paid"}
    assert sum(step.spend.calls for step in steps) == 1
    shared = [event for event in events.called if event.source == "flight"]
    assert len(shared) == 99
    assert {(event.usd, event.saved_usd) for event in shared} == {(0.0, 0.25)}


async def test_a_leader_out_of_time_fails_alone(
    build: Build, run: Make, ask: Ask, loop_clock: LoopClock
) -> None:
    """The leader's own deadline is no reason for its followers to fail: one of them leads on."""
    slow = Slow("one")
    model = always(slow)
    gateway = build(a=model)
    hurried = asyncio.create_task(gateway.complete(ask(), run("hurried", deadline=0.02)))
    await _until(lambda: bool(model.requests))
    others = [asyncio.create_task(gateway.complete(ask(), run(f"r{n}"))) for n in range(3)]
    loop_clock.advance(0.03)
    with pytest.raises(DeadlineExceeded):
        await hurried
    await _until(lambda: len(model.requests) == 2)
    slow.let.set()
    assert [reply.text for reply in await asyncio.gather(*others)] == ["one"] * 3
    assert len(model.requests) == 2


async def test_tenants_do_not_share_a_flight(build: Build, run: Make, ask: Ask) -> None:
    """Two tenants that ask the same at once are two calls."""
    slow = Slow()
    model = always(slow)
    gateway = build(a=model)
    calls = [
        asyncio.create_task(gateway.complete(ask(), run(tenant, tenant=tenant)))
        for tenant in ("x", "y")
    ]
    await _until(lambda: len(model.requests) == 2)
    slow.let.set()
    assert [reply.source for reply in await asyncio.gather(*calls)] == ["model", "model"]


# Chain, time-outs, deadline


async def test_fallback_is_told_and_the_answer_names_its_model(
    build: Build, run: Make, ask: Ask, events: Events
) -> None:
    """When the first model fails the second answers, and the event says why and what is next."""
    gateway = build(a=scripted(ModelAuth("no key", hint="set it")), b=scripted("fine"))
    assert (await gateway.complete(ask(), run())).model == "b"
    (failure,) = events.failed
    assert (failure.model, failure.error, failure.next) == ("a", "ModelAuth", "b")
    assert failure.message == "no key set it"


async def test_overload_is_retried_by_one_owner(build: Build, run: Make, ask: Ask) -> None:
    """A model is asked `attempts` times, then the next one, and each asking is one call."""
    busy = always(lambda request: ModelOverloaded("busy"))
    gateway = build(retry=Retry(attempts=2), a=busy, b=scripted("fine"))
    assert (await gateway.complete(ask(), run())).text == "fine"
    assert len(busy.requests) == 2


async def test_a_model_that_hangs_is_left(build: Build, run: Make, ask: Ask) -> None:
    """After the time-out the next model is asked, and the lost call is not counted as free."""
    step = run()
    gateway = build(timeout=0.01, a=always(Slow()), b=scripted("fine"))
    assert (await gateway.complete(ask(), step)).text == "fine"
    assert (step.spend.calls, step.spend.unpriced) == (1, 1)
    assert step.spend.held_calls == 0


async def test_no_model_is_transient_when_all_hang(build: Build, run: Make, ask: Ask) -> None:
    """A chain that times out throughout says that later may be better."""
    with pytest.raises(NoModel) as caught:
        await build(timeout=0.01, a=always(Slow()), b=always(Slow())).complete(ask(), run())
    assert caught.value.transient


async def test_the_runs_deadline_ends_the_call(build: Build, run: Make, ask: Ask) -> None:
    """A deadline before the time-out is DeadlineExceeded, and no other model is asked."""
    second = scripted("too late")
    gateway = build(a=always(Slow()), b=second)
    with pytest.raises(DeadlineExceeded):
        await gateway.complete(ask(), run(deadline=0.02))
    assert not second.requests
    with pytest.raises(DeadlineExceeded):
        await gateway.complete(ask(), run(step="2", deadline=-1.0))


async def test_a_follower_keeps_its_own_deadline(build: Build, run: Make, ask: Ask) -> None:
    """Waiting for somebody else's call ends at the follower's deadline, not at the leader's."""
    slow = Slow()
    gateway = build(a=always(slow))
    leader = asyncio.create_task(gateway.complete(ask(), run("r1")))
    await asyncio.sleep(0)
    with pytest.raises(DeadlineExceeded):
        await gateway.complete(ask(), run("r2", deadline=0.02))
    slow.let.set()
    assert (await leader).text == "late"


async def test_an_invalid_request_is_not_passed_on(
    build: Build, run: Make, ask: Ask, events: Events
) -> None:
    """ModelRejected ends the chain, costs nothing, and is recorded."""
    step = run()
    second = scripted("fine")
    with pytest.raises(ModelRejected):
        await build(a=scripted(ModelRejected("too long")), b=second).complete(ask(), step)
    assert not second.requests
    assert step.spend.unpriced == 0
    assert [(failure.error, failure.next) for failure in events.failed] == [("ModelRejected", "")]


async def test_an_unexpected_error_is_loud_and_leaks_nothing(
    build: Build, run: Make, ask: Ask
) -> None:
    """A bug in a transport comes out as it is; the reservation is given back."""
    step = run()
    with pytest.raises(ZeroDivisionError):
        await build(a=scripted(ZeroDivisionError())).complete(ask(), step)
    assert step.spend.held_calls == 0


async def test_cancellation_passes_and_leaks_nothing(build: Build, run: Make, ask: Ask) -> None:
    """A cancelled call gives its reservation back, counts as unpriced, and stays cancelled."""
    step = run()
    model = always(Slow())
    task = asyncio.create_task(build(a=model).complete(ask(), step))
    await _until(lambda: bool(model.requests))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (step.spend.held_calls, step.spend.unpriced) == (0, 1)


# Budget


async def test_calls_at_once_stay_inside_the_budget(build: Build, run: Make, ask: Ask) -> None:
    """Of 200 calls at once on money for 100 exactly 100 are made, and the sums are exact."""
    price = Price(0.0, 1_000_000.0)

    def answer(request: ModelRequest) -> ModelReply:
        return ModelReply(model="a", text="x", usage=Usage(0, 1))

    async def later(request: ModelRequest) -> Scripted:
        await asyncio.sleep(0)
        return answer(request)

    model = always(later)
    gateway = build(prices={"a": price}, a=model)
    step = run(budget=Budget(usd=100.0, calls=None))
    calls = [gateway.complete(ask(str(number), max_tokens=1), step) for number in range(200)]
    replies = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(reply, ModelReply) for reply in replies) == 100
    assert sum(isinstance(reply, BudgetExceeded) for reply in replies) == 100
    assert len(model.requests) == 100
    assert (step.spend.usd, step.spend.calls, step.spend.held_usd) == (100.0, 100, 0.0)


async def test_the_default_budget_bounds_calls(build: Build, run: Make, ask: Ask) -> None:
    """A run that never ends its loop is stopped by the number of calls."""
    gateway = build(a=always(lambda request: "again"))
    step = run(spend=Spend(calls=199))
    await gateway.complete(ask("1"), step)
    with pytest.raises(BudgetExceeded, match="200 model calls"):
        await gateway.complete(ask("2"), step)


async def test_an_unknown_price_is_counted_as_unpriced(
    build: Build, run: Make, ask: Ask, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    """A budget in dollars over a model of unknown price warns; the cost stays None, not 0."""
    unknown = ModelReply(model="a", text="x", usd=None, usage=Usage(1, 1))
    step = run(budget=Budget(usd=1.0))
    with caplog.at_level(logging.WARNING):
        await build(a=scripted(unknown)).complete(ask(), step)
    assert (step.spend.usd, step.spend.unpriced) == (0.0, 1)
    assert events.called[0].usd is None
    assert "price of model a is not known" in caplog.text


async def test_nonsense_is_paid_for_too(build: Build, run: Make, ask: Ask) -> None:
    """A model's unusable answer is not counted as free."""
    step = run()
    with pytest.raises(BadOutput):
        await build(a=scripted(BadOutput("nonsense"))).complete(ask(), step)
    assert (step.spend.calls, step.spend.unpriced) == (0, 1)


# Making and closing


@pytest.mark.parametrize(
    "options",
    [{"chains": {"fast": ()}}, {"chains": {"fast": ("a", "")}}, {"timeout": 0.0}],
)
def test_impossible_gateways_are_refused(options: dict[str, object]) -> None:
    """A tier without a model and a time-out of nothing are errors when the gateway is made."""
    given = {"chains": {"fast": ("a",)}, **options}
    with pytest.raises(Misconfigured):
        ModelGateway(transports=Transports(), journal=MemoryJournal(), **given)  # type: ignore[arg-type]


async def test_an_unknown_tier_is_named(build: Build, run: Make, ask: Ask) -> None:
    """Asking for a tier that nobody defined names it and those there are."""
    with pytest.raises(Misconfigured, match="no tier 'strong', only fast"):
        await build(a=scripted("x")).complete(ask(tier="strong"), run())


async def test_closing_closes_models_and_cache(run: Make, ask: Ask, tmp_path: Path) -> None:
    """What was opened is closed, and closing twice is fine."""
    model = scripted("x")
    gateway = ModelGateway(
        chains={"fast": ("scripted",)},
        transports=Transports({"scripted": lambda: model}),
        journal=MemoryJournal(),
        cache=ResponseCache(tmp_path / "cache"),
    )
    step = run()
    await gateway.complete(ask(), step)
    await gateway.settle(step, keep=True)
    await gateway.aclose()
    await gateway.aclose()
    assert model.closed
    assert not _files(tmp_path, "*-wal")


def _files(folder: Path, pattern: str) -> list[Path]:
    return list(folder.rglob(pattern))


async def _until(done: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if done():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


async def test_a_hundred_equal_calls_are_one(
    build: Build, run: Make, ask: Ask, events: Events
) -> None:
    """A hundred runs that ask the same at once make one call; one pays, and the others share."""
    model = Slow("same")
    script = always(model)
    gateway = build(a=script)
    runs = [run(f"r{n}") for n in range(100)]
    calls = [asyncio.create_task(gateway.complete(ask(), step)) for step in runs]
    await model.begun.wait()
    model.let.set()
    replies = await asyncio.gather(*calls)
    assert len(script.requests) == 1
    assert {reply.text for reply in replies} == {"same"}
    assert sorted(event.source for event in events.called) == ["flight"] * 99 + ["model"]
    assert sum(step.spend.calls for step in runs) == 1


async def test_a_leader_that_fails_fails_alone(build: Build, run: Make, ask: Ask) -> None:
    """Of a hundred equal calls the one that leads fails; the next leads, and 99 have an answer."""
    script = scripted(ModelRejected("first"), "fine")
    gateway = build(a=script)
    calls = [gateway.complete(ask(), run(f"r{n}")) for n in range(100)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert len([o for o in outcomes if isinstance(o, ModelRejected)]) == 1
    assert len([o for o in outcomes if isinstance(o, ModelReply) and o.text == "fine"]) == 99
    assert len(script.requests) == 2
