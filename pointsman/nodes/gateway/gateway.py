"""The one door to models. Every call passes it, in this order:

journal (this run already has the answer) → response cache → single-flight → budget reservation →
transport with a time-out → settle → journal → (once the step's output passed its guards) the cache.
The circuit breaker and the rate limits of a model belong in `_call`, before the reservation.
"""

import asyncio
import random
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from pointsman.errors import (
    BadOutput,
    DeadlineExceeded,
    Misconfigured,
    ModelRejected,
    ModelTimeout,
    PointsmanError,
)
from pointsman.nodes import telemetry
from pointsman.nodes.event import ModelCalled, ModelFailed
from pointsman.nodes.gateway import key
from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.chain import Chain, Retry
from pointsman.nodes.gateway.cost import Price, Prices
from pointsman.nodes.gateway.flight import Flights
from pointsman.nodes.gateway.journal import Journal
from pointsman.nodes.gateway.reservation import Reservation
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.gateway.transports import Transports, provider_of
from pointsman.nodes.run import Run

MAX_PENDING_STEPS = 1_000
"""Steps whose answers may wait for `settle`; more than these are forgotten, oldest first."""

MAX_PENDING_ANSWERS = 100
"""Answers one step may hold for the cache; more are not cached."""

Pending = list[tuple[str, ModelReply]]


class ModelGateway:
    """Journal, cache, single-flight, budget and fallback chain in front of the transports.

    `chains` maps each tier to its models, first one first. `timeout` is what one call to one model
    may take, in seconds; the run's deadline may make it shorter. `sleep` and `draw` (0 to 1) are
    the clock and the dice of the retries, for tests.

    `aclose` closes the transports and the cache; the journal belongs to whoever made it.
    """

    def __init__(
        self,
        *,
        chains: Mapping[str, tuple[str, ...]],
        transports: Transports,
        journal: Journal,
        cache: ResponseCache | None = None,
        prices: Mapping[str, Price] | None = None,
        timeout: float = 120.0,
        retry: Retry | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Raises Misconfigured for a tier without a model and for a time-out that is none."""
        empty = [tier for tier, models in chains.items() if not models or not all(models)]
        if empty:
            raise Misconfigured(
                f"Tier {empty[0]!r} names no model.",
                hint='Try "embedded", or "openai/gpt-4o-mini".',
            )
        if not 0 < timeout < float("inf"):
            raise Misconfigured(f"A model time-out of {timeout} s cannot be.", hint="Try 60.")
        self._chains = {tier: tuple(models) for tier, models in chains.items()}
        self._transports = transports
        self._journal = journal
        self._cache = cache
        self._prices = Prices(prices)
        self._timeout = timeout
        self._chain = Chain(retry=retry or Retry(), sleep=sleep, draw=draw)
        self._flights = Flights()
        self._pending: OrderedDict[tuple[str, str], Pending] = OrderedDict()

    async def complete(self, request: ModelRequest, run: Run) -> ModelReply:
        """Answer the request.

        Raises NoModel, Misconfigured, BadOutput (ModelRejected, or every model answered nonsense),
        BudgetExceeded or DeadlineExceeded; and StoreError when the journal cannot keep the answer.
        """
        models = self._models(request.tier)
        content = key.content_digest(request)
        asked = key.journal_digest(content, request.tier)
        # Counted before the first await, so that calls made at once are numbered as they were made.
        occurrence = run.occurrences[asked]
        run.occurrences[asked] += 1
        with telemetry.span(f"chat {models[0]}", _attributes(models[0], run)) as span:
            reply = await self._journal.journal_get(run.id, run.step, occurrence, asked)
            if reply is not None:
                self._hold(run, request, content, occurrence, reply)
                reply = reply.served_from("journal")
                self._called(reply, request, run)
            else:
                reply = await self._answer(models, request, run, content, occurrence)
                self._called(reply, request, run)
                await self._journal.journal_put(run.id, run.step, occurrence, asked, reply)
                self._hold(run, request, content, occurrence, reply)
            span.set_attribute(telemetry.RESPONSE_MODEL, reply.model)
            span.set_attribute(telemetry.CACHE, reply.source)
            if reply.source == "model":
                span.set_attribute(telemetry.INPUT_TOKENS, reply.usage.input_tokens)
                span.set_attribute(telemetry.OUTPUT_TOKENS, reply.usage.output_tokens)
        return reply

    async def settle(self, run: Run, *, keep: bool) -> None:
        """Write the step's new answers to the cache (`keep`), or forget them. Never raises."""
        answers = self._pending.pop((run.id, run.step), [])
        if keep and self._cache is not None:
            await self._cache.put(answers)

    async def aclose(self) -> None:
        """Close the transports and the cache. Safe to call twice."""
        try:
            await self._transports.aclose()
        finally:
            if self._cache is not None:
                await self._cache.aclose()

    def _models(self, tier: str) -> tuple[str, ...]:
        models = self._chains.get(tier)
        if models is None:
            raise Misconfigured(
                f"There is no tier {tier!r}, only {', '.join(sorted(self._chains)) or 'none'}.",
                hint="Name it in models=.",
            )
        return models

    async def _answer(
        self,
        models: tuple[str, ...],
        request: ModelRequest,
        run: Run,
        content: str,
        occurrence: int,
    ) -> ModelReply:
        async def walk() -> ModelReply:
            return await self._walk(models, request, run)

        async with _deadline(run):
            if not request.cacheable:
                return await walk()
            if self._cache is not None:
                keys = [key.cache_key(content, model, run.tenant, occurrence) for model in models]
                cached = await self._cache.find(keys)
                if cached is not None:
                    return cached.served_from("cache")
            flight = key.flight_key(content, models, run.tenant, occurrence)
            return await self._flights.share(flight, walk)

    async def _walk(self, models: tuple[str, ...], request: ModelRequest, run: Run) -> ModelReply:
        def failed(model: str, error: PointsmanError, following: str) -> None:
            run.emit(
                ModelFailed(
                    model=model, error=type(error).__name__, message=str(error), next=following
                )
            )

        async def ask(model: str) -> ModelReply:
            return await self._call(model, request, run)

        return await self._chain.walk(models, ask, tier=request.tier, failed=failed)

    async def _call(self, model: str, request: ModelRequest, run: Run) -> ModelReply:
        """One call to one model, inside the run's budget."""
        transport = self._transports.of(model)
        worst = None if run.budget.usd is None else await self._prices.worst(model, request)
        limit = run.remaining(self._timeout)
        started = asyncio.get_running_loop().time()
        reservation = Reservation(run, worst)
        try:
            async with asyncio.timeout(limit):
                reply = await transport.send(model, request, limit)
        except (TimeoutError, ModelTimeout) as error:
            self._lost(reservation, model)
            if limit < self._timeout:
                raise _too_late(run) from error
            raise ModelTimeout(f"Model {model} gave no answer in {limit:g} s.") from error
        except (BadOutput, asyncio.CancelledError) as error:
            if not isinstance(error, ModelRejected):
                self._lost(reservation, model)
            raise
        finally:
            reservation.release()
        usd = self._prices.actual(model, reply)
        reservation.settle(usd)
        seconds = reply.seconds or asyncio.get_running_loop().time() - started
        return replace(reply, model=model, usd=usd, seconds=seconds, source="model")

    def _lost(self, reservation: Reservation, model: str) -> None:
        # The provider may charge for an answer that never arrived or could not be used.
        if not self._prices.free(model):
            reservation.lose()

    def _hold(
        self, run: Run, request: ModelRequest, content: str, occurrence: int, reply: ModelReply
    ) -> None:
        """Keep the answer until the step is settled. What came from the cache is there already."""
        if self._cache is None or not request.cacheable or reply.source == "cache":
            return
        place = (run.id, run.step)
        answers = self._pending.setdefault(place, [])
        self._pending.move_to_end(place)
        if len(answers) < MAX_PENDING_ANSWERS:
            cached = key.cache_key(content, reply.model, run.tenant, occurrence)
            answers.append((cached, replace(reply, source="model")))
        while len(self._pending) > MAX_PENDING_STEPS:
            self._pending.popitem(last=False)

    def _called(self, reply: ModelReply, request: ModelRequest, run: Run) -> None:
        new = reply.source == "model"
        shared = reply.source in ("cache", "flight")
        run.emit(
            ModelCalled(
                purpose=request.purpose,
                specialist=run.specialist,
                model=reply.model,
                source=reply.source,
                input_tokens=reply.usage.input_tokens if new else 0,
                output_tokens=reply.usage.output_tokens if new else 0,
                usd=reply.usd if new else 0.0,
                saved_usd=reply.usd if shared else 0.0,
                seconds=reply.seconds if new else 0.0,
                saved_seconds=reply.seconds if shared else 0.0,
            )
        )


@asynccontextmanager
async def _deadline(run: Run) -> AsyncGenerator[None]:
    """Ends the block at the run's deadline, whatever it waits for. Raises DeadlineExceeded."""
    left = None if run.deadline is None else run.remaining(float("inf"))
    try:
        async with asyncio.timeout(left):
            yield
    except TimeoutError as error:
        raise _too_late(run) from error


def _too_late(run: Run) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"Run {run.id} of team {run.team!r} reached its deadline while a model was at work.",
        hint="Give it a later deadline= or none.",
    )


def _attributes(model: str, run: Run) -> telemetry.Attributes:
    return {
        telemetry.OPERATION: "chat",
        telemetry.PROVIDER: provider_of(model),
        telemetry.REQUEST_MODEL: model,
        telemetry.AGENT: run.specialist,
        telemetry.RUN: run.id,
        telemetry.TENANT: run.tenant,
    }
