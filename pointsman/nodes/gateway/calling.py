"""One call to one model: past its breaker and limits, inside the budgets, in its time, and paid."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from pointsman.errors import (
    BadOutput,
    DeadlineExceeded,
    ModelRejected,
    ModelTimeout,
    PointsmanError,
)
from pointsman.nodes.budgets import Budgets, Cost
from pointsman.nodes.gateway import traced
from pointsman.nodes.gateway.cost import Prices, input_tokens
from pointsman.nodes.gateway.entry import Entrance, Entry
from pointsman.nodes.gateway.hedge import Times
from pointsman.nodes.gateway.reservation import Booking, booked
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Read
from pointsman.nodes.run import Run

FAIR_SECONDS = 10.0
"""A model that gave no answer in so long counts as failed for its breaker, even where the run's own
time ended first, or another model's answer came before."""

Lost = Callable[[str, float | None], None]
"""Told of a call that was cut off: its model, and what it cost at most (None: not known)."""


class Pieces(Protocol):
    """What takes the pieces of an answer (see `reading.py`)."""

    @property
    def begun(self) -> bool: ...
    def next_try(self) -> Read | None: ...


class Send(Protocol):
    """How the model is asked: `Transport.send`, or what embeds a text."""

    async def __call__(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply: ...


@dataclass(frozen=True, slots=True)
class _One:
    """One call, let in and paid for in advance."""

    send: Send
    model: str
    request: ModelRequest
    run: Run
    reading: Pieces
    entry: Entry
    booking: Booking
    left: float
    """Seconds that it may take at most."""
    lost: Lost | None


class Caller:
    """Calls models. `timeout` is what one call may take, in seconds; the run's deadline may make it
    shorter. `times` learns how long models take."""

    def __init__(
        self, *, entrance: Entrance, prices: Prices, budgets: Budgets | None, timeout: float,
        address: traced.Address | None = None,
    ) -> None:  # fmt: skip
        self._entrance = entrance
        self._prices = prices
        self._budgets = budgets
        self._timeout = timeout
        self._address = address
        self.times = Times()

    async def call(
        self, send: Send, model: str, request: ModelRequest, run: Run, reading: Pieces, *,
        budgets: Budgets | None = None, lost: Lost | None = None, beside: bool = False,
    ) -> ModelReply:  # fmt: skip
        """Ask once. Raises what the transport raises, CircuitOpen, RateLimited, BudgetExceeded,
        DeadlineExceeded, StoreError, and Misconfigured for a price that a budget must know.

        `lost` is told where the call is cancelled and may have cost something. `beside`: another
        model is asked at once.
        """
        # Looked up now, so that between an answer and its price nothing is waited for.
        await self._prices.price(model)
        async with self._entrance.entry(model, request, run) as entry:
            left = run.remaining(self._timeout)
            worst = await self.at_most(model, request, run, left)
            async with booked(run, model, worst, budgets or self._budgets) as booking:
                one = _One(send, model, request, run, reading, entry, booking, left, lost)
                told = traced.asking(model, request, run, self._address, beside=beside)
                with told as span:
                    reply = await self._made(one)
                    traced.answered(span, request, reply, run)
                return reply

    async def _made(self, one: "_One") -> ModelReply:
        model, entry, booking = one.model, one.entry, one.booking
        limit = min(one.left, booking.seconds)
        clock = asyncio.get_running_loop().time
        started, may_cost = clock(), True
        entry.sent = True
        try:
            async with asyncio.timeout(limit):
                reply = await _sent(one.send, model, one.request, limit, one.reading)
            may_cost = False
        except asyncio.CancelledError:
            self._cut_off(model, entry, clock() - started)
            if one.lost is not None and not self._prices.free(model):
                one.lost(model, await self._prices.most(model, one.request))
            raise
        except (TimeoutError, ModelTimeout) as error:
            entry.hung = limit >= min(self._timeout, FAIR_SECONDS)
            if limit == one.left < self._timeout:
                raise too_late(one.run) from error
            raise ModelTimeout(f"Model {model} gave no answer in {limit:g} s.") from error
        except PointsmanError as error:
            refused = not isinstance(error, BadOutput) or isinstance(error, ModelRejected)
            may_cost = one.reading.begun or not refused
            raise
        finally:
            if may_cost:
                self._lost(booking, entry, model)
        return self._paid(model, reply, booking, entry, clock() - started)

    async def at_most(self, model: str, request: ModelRequest, run: Run, seconds: float) -> Cost:
        """The most that a call can take. Its price is looked up where a budget bounds it."""
        bounded = _bounded(run) or self._budgets is not None
        usd = await self._prices.worst(model, request) if bounded else None
        return Cost(usd, input_tokens(request) + request.max_tokens, seconds)

    def _paid(
        self, model: str, reply: ModelReply, booking: Booking, entry: Entry, elapsed: float
    ) -> ModelReply:
        usd = self._prices.actual(model, reply)
        entry.tokens = (reply.usage.input_tokens + reply.usage.output_tokens) or None
        booking.settle(Cost(usd, entry.tokens, elapsed))
        self.times.add(model, elapsed)
        seconds = reply.seconds or elapsed
        return replace(reply, model=model, usd=usd, seconds=seconds, source="model")

    def _cut_off(self, model: str, entry: Entry, elapsed: float) -> None:
        """It would have taken longer: known all the same, or only quick calls would be."""
        self.times.add(model, elapsed)
        entry.hung = elapsed >= min(self._timeout, FAIR_SECONDS)

    def _lost(self, booking: Booking, entry: Entry, model: str) -> None:
        # The provider may charge, and count, an answer that never arrived or could not be used.
        entry.tokens = None
        if not self._prices.free(model):
            booking.lose()


def too_late(run: Run) -> DeadlineExceeded:
    """The run's time has ended."""
    return DeadlineExceeded(
        f"Run {run.id} of team {run.team!r} reached its deadline while a model was at work.",
        hint="Give it a later deadline= or none.",
    )


def _bounded(run: Run) -> bool:
    """Whether the run's own budget, or that of a run it works for, is in US dollars."""
    above = [spend.above for spend in run.spend.all()]
    return run.budget.usd is not None or any(one and one[0].usd is not None for one in above)


async def _sent(
    send: Send, model: str, request: ModelRequest, limit: float, reading: Pieces
) -> ModelReply:
    read = reading.next_try()
    if read is None:
        return await send(model, request, limit)
    return await send(model, request, limit, read)
