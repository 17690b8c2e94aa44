"""The rate guard: GCRA's bound holds under any schedule, and work admitted before always ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Misconfigured
from pointsman.guardrails.rate import MAX_KEYS, RateLimit
from pointsman.nodes.message import Answer, Escalation, Outcomes, Refusal, Request
from tests.guardrails.bench import Bench, Inner, ask

SCHEDULE = st.lists(st.floats(0.0, 5.0), min_size=1, max_size=80)


@given(SCHEDULE, st.integers(1, 8), st.floats(0.1, 10.0), st.none() | st.integers(1, 8))
def test_no_window_lets_more_through_than_the_bound(
    gaps: list[float], rate: int, per: float, burst: int | None
) -> None:
    """Over any window of t seconds at most burst + rate * t / per messages pass."""
    limit, now, passed = RateLimit(rate, per, burst), 0.0, list[float]()
    for gap in gaps:
        now += gap
        if not limit.admit("k", now):
            passed.append(now)
    for i, begin in enumerate(passed):
        for k, end in enumerate(passed[i:], start=1):
            assert k <= (burst or rate) + rate * (end - begin) / per + 1e-6


@given(SCHEDULE, st.integers(1, 8), st.floats(0.1, 10.0), st.integers(1, 8))
def test_the_wait_it_names_is_enough(gaps: list[float], rate: int, per: float, burst: int) -> None:
    """A message that comes back after the seconds it was told passes."""
    limit, now = RateLimit(rate, per, burst), 0.0
    for gap in gaps:
        now += gap
        wait = limit.admit("k", now)
        if wait:
            now += wait + 1e-6
            assert limit.admit("k", now) == 0.0


def test_keys_have_nothing_to_do_with_each_other_and_are_bounded() -> None:
    """A tenant's flood does not touch another; the table of keys does not grow for ever."""
    limit = RateLimit(1, 60.0)
    assert limit.admit("a", 0.0) == 0.0
    assert limit.admit("a", 0.0) > 0.0
    assert limit.admit("b", 0.0) == 0.0
    for n in range(MAX_KEYS + 10):
        limit.admit(str(n), 0.0)
    assert len(limit._due) == MAX_KEYS


async def test_over_the_limit_a_message_is_refused_with_the_seconds_to_wait() -> None:
    """The inner node is not asked, and the verdict is recorded."""
    bench, inner = Bench(), Inner()
    node = RateLimit(1, 30.0).wrap(inner)
    await node(ask(), bench.run())
    reply = await node(ask(), bench.run())
    assert isinstance(reply.payload, Refusal)
    assert "30 s" in reply.payload.text
    assert len(inner.got) == 1
    assert bench.judged == [("block", "rate", 1)]


async def test_escalate_holds_the_message_and_an_admitted_run_passes() -> None:
    """A person can let a message through that came too soon."""
    bench, inner = Bench(), Inner()
    node = RateLimit(1, 30.0, action="escalate").wrap(inner)
    await node(ask(), bench.run())
    reply = await node(ask("again"), bench.run())
    assert isinstance(reply.payload, Escalation)
    assert reply.payload.held == Request(text="again")
    reply = await node(ask("again"), bench.run(admitted=("rate:rate",)))
    assert isinstance(reply.payload, Answer)


async def test_the_outcome_of_an_action_always_passes() -> None:
    """It is the end of work that was admitted before."""
    inner = Inner()
    node = RateLimit(1, 30.0).wrap(inner)
    outcomes = Outcomes(request=Request(text="x"), transcript=(), outcomes=())
    for payload in ("first", outcomes, outcomes):
        await node(ask(payload), Bench().run())
    assert len(inner.got) == 3


@pytest.mark.parametrize("bounds", [(0, 60.0, None), (1, 0.0, None), (1, 60.0, 0)])
def test_bounds_that_let_nothing_through_are_refused(
    bounds: tuple[int, float, int | None],
) -> None:
    """A limit of nothing is a mistake, and said when the guard is made."""
    with pytest.raises(Misconfigured):
        RateLimit(*bounds)
