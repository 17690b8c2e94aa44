"""Circuit breakers: the whole table of states, one probe however many ask, and what counts."""

import asyncio
import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from pointsman.errors import (
    Attempt,
    BadOutput,
    BudgetExceeded,
    CircuitOpen,
    DeadlineExceeded,
    Misconfigured,
    ModelAuth,
    ModelOverloaded,
    ModelRejected,
    ModelTimeout,
    ModelUnreachable,
    NoModel,
    RateLimited,
    ToolFailed,
    ToolTimeout,
)
from pointsman.guardrails.breaker import MAX_CALLS, BreakerGuard, Breakers, CircuitBreaker
from pointsman.nodes.event import BreakerMoved
from pointsman.nodes.limits import BreakerState, Passage, is_outage
from pointsman.nodes.message import (
    Answer,
    Escalation,
    Failure,
    Invocation,
    Refusal,
    Request,
    ToolCall,
)
from tests.guardrails.bench import Bench, Inner, ask


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


RULES = CircuitBreaker(
    calls=3, failures=0.5, window=10.0, open_for=4.0, open_most=16.0, jitter=0.0, probe=6.0
)


class Table(RuleBasedStateMachine):
    """Any interleaving of calls that begin and end, of several keys, against a plain model of the
    documented table."""

    passages: Bundle[tuple[str, int, Passage]] = Bundle("passages")

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breakers = Breakers(RULES, clock=self.clock)
        self.state: dict[str, BreakerState] = {}
        self.calls: dict[str, deque[tuple[float, bool]]] = {}
        self.until: dict[str, float] = {}
        self.opened: dict[str, int] = {}
        self.probe: dict[str, int | None] = {}
        self.turn: dict[str, int] = {}
        self.told: list[BreakerState] = []
        self.moved: list[BreakerState] = []

    @initialize()
    def begin(self) -> None:
        for key in ("a", "b"):
            self.state[key], self.calls[key] = "closed", deque()
            self.until[key], self.opened[key] = 0.0, 0
            self.probe[key], self.turn[key] = None, 0

    def _to(self, key: str, state: BreakerState) -> None:
        self.state[key] = state
        self.turn[key] += 1
        self.calls[key].clear()
        self.probe[key] = None
        self.moved.append(state)

    def _opens(self, key: str, at: float) -> None:
        self.opened[key] += 1
        self._to(key, "open")
        self.until[key] = at + min(16.0, 4.0 * 2 ** (self.opened[key] - 1))

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 3.999, 4.0, 6.0, 8.0, 10.0, 20.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(target=passages, key=st.sampled_from(["a", "b"]))
    def a_call(self, key: str) -> tuple[str, int, Passage]:
        now = self.clock.now
        if self.probe[key] is not None and now >= self.until[key]:
            self._opens(key, self.until[key])
        if self.state[key] == "open" and now >= self.until[key]:
            self._to(key, "half_open")
        blocked = self.state[key] == "open" or self.probe[key] is not None
        if blocked:
            with pytest.raises(CircuitOpen) as caught:
                self.breakers.admit(key, self.told.append)
            assert caught.value.retry_after is not None
            assert 0 < caught.value.retry_after <= 16.0
            return key, -1, _Nothing()
        passage = self.breakers.admit(key, self.told.append)
        if self.state[key] == "half_open":
            self.turn[key] += 1
            self.probe[key] = self.turn[key]
            self.until[key] = now + RULES.probe
        return key, self.turn[key], passage

    @rule(one=consumes(passages), how=st.sampled_from(["succeeded", "failed", "release"]))
    def a_call_ends(self, one: tuple[str, int, Passage], how: str) -> None:
        key, turn, passage = one
        getattr(passage, how)()
        passage.failed()  # only the first end counts
        if turn != self.turn[key]:
            return
        if how == "release":
            self.probe[key] = None
        elif self.state[key] == "half_open":
            if how == "succeeded":
                self.opened[key] = 0
                self._to(key, "closed")
            else:
                self._opens(key, self.clock.now)
        else:
            calls = self.calls[key]
            calls.append((self.clock.now, how == "succeeded"))
            recent = [ok for at, ok in calls if at > self.clock.now - RULES.window]
            if how == "failed" and len(recent) >= 3 and recent.count(False) * 2 >= len(recent):
                self._opens(key, self.clock.now)

    @rule(key=st.sampled_from(["a", "b"]))
    def it_fails_often(self, key: str) -> None:
        for _ in range(3):
            self.a_call_ends(self.a_call(key), "failed")

    @rule(key=st.sampled_from(["a", "b"]))
    def its_time_is_over(self, key: str) -> None:
        self.clock.now = max(self.clock.now, self.until[key])

    @invariant()
    def both_agree(self) -> None:
        for key, state in self.state.items():
            assert self.breakers.state(key) == state
        assert self.told == self.moved


class _Nothing:
    """The passage of a call that was not let through."""

    def succeeded(self) -> None: ...
    def failed(self) -> None: ...
    def release(self) -> None: ...


TestTable = Table.TestCase
TestTable.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)


def opened(clock: Clock, rules: CircuitBreaker = RULES) -> Breakers:
    """Breakers of which `x` is open."""
    breakers = Breakers(rules, clock=clock, draw=lambda: 1.0)
    for _ in range(rules.calls):
        breakers.admit("x").failed()
    assert breakers.state("x") == "open"
    return breakers


def test_of_many_threads_at_once_one_is_the_probe() -> None:
    """Twenty threads ask in the same moment when the time is over: one call passes."""
    for _ in range(20):
        clock = Clock()
        breakers, gate = opened(clock), Barrier(20)
        clock.now += 100

        def tries(breakers: Breakers = breakers, gate: Barrier = gate) -> bool:
            gate.wait()
            try:
                breakers.admit("x")
            except CircuitOpen:
                return False
            return True

        with ThreadPoolExecutor(20) as pool:
            passed = [pool.submit(tries) for _ in range(20)]
            assert sum(one.result() for one in passed) == 1


async def test_of_many_visits_at_once_one_is_the_probe() -> None:
    """Twenty visits, all under way together: one reaches the specialist, and its success lets the
    next ones in."""
    clock = Clock()
    breakers = Breakers(RULES, clock=clock)
    for _ in range(3):
        breakers.admit("billing").failed()
    clock.now += 100
    reached, go = 0, asyncio.Event()

    async def slow(message, run):  # type: ignore[no-untyped-def]
        nonlocal reached
        reached += 1
        await go.wait()
        return message.reply(Answer(text="x"), sender="billing")

    node = BreakerGuard(breakers).wrap(slow)
    visits = [asyncio.ensure_future(node(ask(), Bench().run())) for _ in range(20)]
    await asyncio.sleep(0.01)
    assert reached == 1
    go.set()
    ended = await asyncio.gather(*visits, return_exceptions=True)
    assert sum(isinstance(one, CircuitOpen) for one in ended) == 19
    await node(ask(), Bench().run())
    assert (reached, breakers.state("billing")) == (2, "closed")


async def test_a_cancelled_probe_is_given_back() -> None:
    """The next call is the probe then."""
    clock = Clock()
    breakers = Breakers(RULES, clock=clock)
    for _ in range(3):
        breakers.admit("billing").failed()
    clock.now += 100

    async def hangs(message, run):  # type: ignore[no-untyped-def]
        await asyncio.Event().wait()

    visit = asyncio.ensure_future(BreakerGuard(breakers).wrap(hangs)(ask(), Bench().run()))
    await asyncio.sleep(0)
    visit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await visit
    await BreakerGuard(breakers).wrap(Inner())(ask(), Bench().run())
    assert breakers.state("billing") == "closed"


def test_each_failed_probe_doubles_the_time_up_to_a_bound() -> None:
    """And the jitter is added on top."""
    rules = CircuitBreaker(open_for=10.0, open_most=35.0, jitter=0.5)
    assert [rules.open_time(n, 0.0) for n in (1, 2, 3, 4, 5000)] == [10, 20, 35, 35, 35]
    assert rules.open_time(2, 1.0) == 30.0


def test_a_clock_that_is_set_back_does_not_keep_it_open() -> None:
    """Neither an open breaker nor a probe waits for longer than its time."""
    clock = Clock()
    breakers = opened(clock)
    clock.now -= 500
    with pytest.raises(CircuitOpen) as caught:
        breakers.admit("x")
    assert caught.value.retry_after == 4.0
    clock.now += 4.0
    breakers.admit("x")
    clock.now -= 500
    with pytest.raises(CircuitOpen):
        breakers.admit("x")
    clock.now += 6.0 + 8.0
    breakers.admit("x").succeeded()
    assert breakers.state("x") == "closed"


def test_keys_are_bounded_and_apart() -> None:
    """One key's failures are no other's; the key used least recently is forgotten."""
    breakers = Breakers(RULES, max_keys=2)
    for _ in range(3):
        breakers.admit("a").failed()
    breakers.admit("b").succeeded()
    with pytest.raises(CircuitOpen):
        breakers.admit("a")
    breakers.admit("c")
    assert [breakers.state(key) for key in "abc"] == ["open", "closed", "closed"]
    breakers.admit("d")
    assert breakers.state("a") == "closed"


def test_memory_is_bounded_however_many_calls() -> None:
    """A window of any length holds the last calls only: old failures among very many do not open
    it, and new ones do."""
    breakers = Breakers(CircuitBreaker(window=1e6), clock=Clock())
    for _ in range(10 * MAX_CALLS):
        breakers.admit("x").succeeded()
    for _ in range(MAX_CALLS // 2 - 1):
        breakers.admit("x").failed()
    assert breakers.state("x") == "closed"
    breakers.admit("x").failed()
    assert breakers.state("x") == "open"


@pytest.mark.parametrize(
    "wrong",
    [
        {"calls": 0}, {"calls": MAX_CALLS + 1}, {"failures": 0.0}, {"failures": 1.5},
        {"window": 0.0}, {"open_for": -1.0}, {"open_most": float("inf")}, {"probe": 0.0},
        {"jitter": 2.0}, {"window": float("nan")},
    ],
)  # fmt: skip
def test_numbers_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    """A breaker that never opens, or never closes, cannot be made."""
    with pytest.raises(Misconfigured):
        CircuitBreaker(**wrong)  # type: ignore[arg-type]


def caused(cause: BaseException) -> ToolFailed:
    """What a tool's node raises for it."""
    error = ToolFailed("x")
    error.__cause__ = cause
    return error


def chain_of(*errors: str) -> NoModel:
    """A chain whose models failed so."""
    return NoModel("x", attempts=[Attempt("m", e, "x") for e in errors], transient=False)


OUTAGES = [
    ModelOverloaded("x"), ModelTimeout("x"), ModelUnreachable("x"), TimeoutError(),
    ConnectionResetError(), ToolTimeout("x"), caused(ConnectionRefusedError()),
    DeadlineExceeded("x", whose="specialist"), chain_of("ModelAuth", "ModelTimeout"),
]  # fmt: skip
NO_OUTAGES = [
    BadOutput("x"), ModelRejected("x"), ModelAuth("x"), BudgetExceeded("x"), RateLimited("x"),
    CircuitOpen("x"), DeadlineExceeded("x"), ToolFailed("x"), caused(KeyError()), KeyError("x"),
    chain_of("ModelAuth", "CircuitOpen", "RateLimited"), asyncio.CancelledError(),
]  # fmt: skip


@pytest.mark.parametrize("error", [*OUTAGES, *NO_OUTAGES], ids=repr)
async def test_what_counts_is_overload_outage_and_time_out(error: BaseException) -> None:
    """Enough of these open the breaker; of the others any number does not."""
    breakers = Breakers(RULES, clock=Clock())
    node = BreakerGuard(breakers).wrap(Inner(error))
    for _ in range(3):
        with pytest.raises(type(error)) as caught:
            await node(ask(), Bench().run())
        assert caught.value is error
    assert is_outage(error) is (error in OUTAGES)
    assert breakers.state("billing") == ("open" if error in OUTAGES else "closed")


@pytest.mark.parametrize(
    "payload",
    [
        Refusal(guard="content", rule="card", text="no"),
        Escalation(
            stage="input", guard="g", rule="r", reason="x", held=Request(text="x")
        ),
        Failure(error="NoRoute", text="x"),
    ],
    ids=lambda p: p.kind,
)  # fmt: skip
async def test_a_guards_no_says_nothing_about_the_specialist(payload: Refusal) -> None:
    """It neither counts as a success beside failures nor closes a half-open breaker."""
    clock = Clock()
    breakers = Breakers(RULES, clock=clock)
    stopped = BreakerGuard(breakers).wrap(Inner(payload))
    for _ in range(2):
        breakers.admit("billing").failed()
        await stopped(ask(), Bench().run())
    breakers.admit("billing").failed()
    clock.now += 100
    await stopped(ask(), Bench().run())
    assert breakers.state("billing") == "half_open"
    await BreakerGuard(breakers).wrap(Inner())(ask(), Bench().run())
    assert breakers.state("billing") == "closed"


async def test_changes_of_state_stand_in_the_record_of_the_run_that_made_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And an opening is a warning in the log."""
    clock, bench = Clock(), Bench()
    breakers = Breakers(RULES, what="specialist", clock=clock)
    failing = BreakerGuard(breakers).wrap(Inner(ModelTimeout("x")))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with pytest.raises(ModelTimeout):
                await failing(ask(), bench.run())
    assert "circuit breaker of specialist 'billing' is open" in caplog.text
    with pytest.raises(CircuitOpen, match=r"'billing' is open.* in 4 s"):
        await failing(ask(), bench.run())
    clock.now += 4
    await BreakerGuard(breakers).wrap(Inner())(ask(), bench.run())
    assert bench.events == [
        BreakerMoved(of="specialist", key="billing", state=state)
        for state in ("open", "half_open", "closed")
    ]


async def test_a_tools_breaker_is_kept_under_the_tools_name() -> None:
    """A call of a tool counts for the tool, whoever makes it."""
    breakers, bench = Breakers(RULES, clock=Clock()), Bench()
    call = Invocation(call=ToolCall(id="c", name="lookup"), effect="read")
    node = BreakerGuard(breakers).wrap(Inner(ToolTimeout("x")))
    for who in ("billing", "tech", "shipping"):
        with pytest.raises(ToolTimeout):
            await node(ask(call), bench.run(specialist=who))
    assert (breakers.state("lookup"), breakers.state("billing")) == ("open", "closed")
    assert bench.events == [BreakerMoved(of="tool", key="lookup", state="open")]
