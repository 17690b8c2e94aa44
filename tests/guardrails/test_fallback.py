"""The fallback guard: which errors hand over to the fallback, and which must be seen."""

import pytest

from pointsman.errors import (
    BadOutput,
    BudgetExceeded,
    CircuitOpen,
    DeadlineExceeded,
    HopLimit,
    ModelAuth,
    ModelRejected,
    ModelTimeout,
    NoModel,
    PointsmanError,
    RateLimited,
    StoreFull,
    ToolFailed,
    Ungrounded,
    UnknownModel,
)
from pointsman.guardrails.fallback import FallbackGuard
from pointsman.nodes.event import FellBack
from pointsman.nodes.message import Answer, Handoff, Request
from tests.guardrails.bench import Bench, Inner, ask

OURS = [
    BadOutput("x"), Ungrounded("x"), ModelRejected("x"), DeadlineExceeded("x"),
    NoModel("x", attempts=(), transient=True), CircuitOpen("x"), RateLimited("x"),
]  # fmt: skip
NOT_OURS = [
    NoModel("x", attempts=(), transient=False), ModelAuth("x"), UnknownModel("x"),
    BudgetExceeded("x"), HopLimit("x"), ToolFailed("x"), StoreFull("x"), ModelTimeout("x"),
]  # fmt: skip


def names(error: object) -> str:
    """The error's class, for the test's id."""
    return type(error).__name__


@pytest.mark.parametrize("error", OURS, ids=names)
async def test_the_fallback_answers(error: PointsmanError) -> None:
    """It gets the message itself; its answer goes out as the specialist's, by `fallback`."""
    bench, stand_in, asked = Bench(), Inner(Answer(text="Rules say so.")), ask()
    reply = await FallbackGuard(stand_in).wrap(Inner(error))(asked, bench.run())
    assert stand_in.got == [asked]
    assert reply.sender == "billing"
    assert reply.payload == Answer(text="Rules say so.", by="fallback")
    assert bench.events == [FellBack(specialist="billing", error=names(error), message="x")]


@pytest.mark.parametrize("error", NOT_OURS, ids=names)
async def test_the_error_is_seen(error: PointsmanError) -> None:
    """A wrong key, an unknown model, a spent budget: no fallback may hide it."""
    bench, stand_in = Bench(), Inner()
    with pytest.raises(type(error)) as caught:
        await FallbackGuard(stand_in).wrap(Inner(error))(ask(), bench.run())
    assert caught.value is error
    assert stand_in.got == []
    assert bench.events == []


async def test_past_the_runs_deadline_nobody_goes_on() -> None:
    """The specialist's own time-out hands over; the run's does not."""
    stand_in = Inner()
    node = FallbackGuard(stand_in).wrap(Inner(BadOutput("x")))
    with pytest.raises(DeadlineExceeded):
        await node(ask(), Bench().run(deadline=999.0))
    assert stand_in.got == []


async def test_the_fallback_is_not_asked_without_need() -> None:
    """An answer passes as it is."""
    stand_in, inner = Inner(), Inner()
    reply = await FallbackGuard(stand_in).wrap(inner)(ask(), Bench().run())
    assert reply.payload is inner.gives
    assert stand_in.got == []


async def test_a_fallbacks_hand_off_and_error_pass() -> None:
    """It may hand on; when it fails too, its own error is seen."""
    gives = Handoff(to="tech", reason="x", request=Request(text="x"))
    reply = await FallbackGuard(Inner(gives)).wrap(Inner(BadOutput("x")))(ask(), Bench().run())
    assert reply.payload == gives
    second = BadOutput("the fallback's")
    with pytest.raises(BadOutput) as caught:
        await FallbackGuard(Inner(second)).wrap(Inner(BadOutput("x")))(ask(), Bench().run())
    assert caught.value is second


async def test_who_answers_where_the_specialist_was_not_asked() -> None:
    """An open breaker and a full bulkhead lead to `instead`; a failed visit does not."""
    late, early = Inner(Answer(text="late")), Inner(Answer(text="early"))
    for error in (CircuitOpen("x"), RateLimited("x"), BadOutput("x")):
        await FallbackGuard(late, early).wrap(Inner(error))(ask(), Bench().run())
    assert (len(late.got), len(early.got)) == (1, 2)
