"""The one door to models. Every call passes it, in this order:

journal (this run already has the answer) → response cache → single-flight → circuit breaker of the
model → rate limits (requests and tokens) → budget reservation → transport with a time-out → settle
→ journal → (once the step's output passed its guards) the cache. Where a later one says no, what an
earlier one took is given back: the breaker's probe, the tokens, the reservation.
"""

import asyncio
import random
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Literal

from pointsman.errors import (
    BadOutput,
    BudgetExceeded,
    DeadlineExceeded,
    Misconfigured,
    ModelRejected,
    ModelTimeout,
    NoModel,
    PointsmanError,
)
from pointsman.nodes import telemetry
from pointsman.nodes.budgets import Budgets, Cost
from pointsman.nodes.event import Cascaded, ModelCalled, ModelFailed
from pointsman.nodes.gateway import key
from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.cascade import STRONG, Cascade
from pointsman.nodes.gateway.chain import Chain, Retry
from pointsman.nodes.gateway.cost import Price, Prices, input_tokens
from pointsman.nodes.gateway.entry import Entrance, Entry
from pointsman.nodes.gateway.flight import Flights
from pointsman.nodes.gateway.journal import Journal
from pointsman.nodes.gateway.kept import Answer, Tags
from pointsman.nodes.gateway.providers import provider_of
from pointsman.nodes.gateway.purse import purse
from pointsman.nodes.gateway.reading import Reading
from pointsman.nodes.gateway.reservation import Booking, booked
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Reader, Transport
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.limits import Breaker, Limiter
from pointsman.nodes.run import Run

MAX_PENDING_STEPS = 1_000
"""Steps whose answers may wait for `settle`; more than these are forgotten, oldest first."""

MAX_PENDING_ANSWERS = 100
"""Answers one step may hold for the cache; more are not cached."""

FAIR_SECONDS = 10.0
"""A model that gave no answer in so long counts as failed for its breaker, even where the run's own
time ended first."""

Pending = list[Answer]


class ModelGateway:
    """Journal, cache, single-flight, budget and fallback chain in front of the transports.

    `chains` maps each tier to its models, first one first, or to a cascade. `timeout` is what one
    call to one model may take, in seconds; the run's deadline may make it shorter. `breaker` and
    `limiter` stand before every call to a model. `refused` says what follows when a provider's
    content policy refuses a request. `guards` is a version of the rules that judge answers: with
    other rules, cached answers are not found. `draw` (0 to 1) are the dice of the retries.

    `aclose` closes the transports and the cache; the journal belongs to whoever made it.
    """

    def __init__(
        self,
        *,
        chains: Mapping[str, tuple[str, ...] | Cascade],
        transports: Transports,
        journal: Journal,
        cache: ResponseCache | None = None,
        prices: Mapping[str, Price] | None = None,
        timeout: float = 120.0,
        breaker: Breaker | None = None,
        limiter: Limiter | None = None,
        budgets: Budgets | None = None,
        retry: Retry | None = None,
        refused: Literal["stop", "next"] = "stop",
        guards: str = "",
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Raises Misconfigured for a tier without a model and for a time-out that is none."""
        self._cascades = {tier: c for tier, c in chains.items() if isinstance(c, Cascade)}
        self._chains = {t: tuple(c) for t, c in chains.items() if not isinstance(c, Cascade)}
        empty = [tier for tier, models in self._chains.items() if not models or not all(models)]
        if empty:
            raise Misconfigured(
                f"Tier {empty[0]!r} names no model.",
                hint='Try "embedded", or "openai/gpt-4o-mini".',
            )
        if not 0 < timeout < float("inf"):
            raise Misconfigured(f"A model time-out of {timeout} s cannot be.", hint="Try 60.")
        self._tiers = tuple(chains)
        for tier, cascade in self._cascades.items():
            for part, models in cascade.parts().items():
                self._chains[_part(tier, part)] = models
        self._transports = transports
        self._journal = journal
        self._cache = cache
        self._prices = Prices(prices)
        self._timeout = timeout
        self._guards = guards
        self._entrance = Entrance(breaker, limiter)
        self._budgets = budgets
        self._chain = Chain(
            retry=retry or Retry(), draw=draw, refused=refused, context=self._prices.context
        )
        self._flights = Flights()
        self._pending: OrderedDict[tuple[str, str], Pending] = OrderedDict()

    async def complete(
        self, request: ModelRequest, run: Run, read: Reader | None = None
    ) -> ModelReply:
        """Answer the request. `read` gets the text piece by piece while it is written; what it
        raises ends the call, and counts for the chain as the model's error.

        Raises NoModel, Misconfigured, BadOutput (ModelRejected, or every model answered nonsense),
        BudgetExceeded or DeadlineExceeded; and StoreError when the journal cannot keep the answer.
        """
        cascade = self._cascades.get(request.tier)
        if cascade is not None:
            return await self._cascaded(cascade, request, run, read)
        models = self._models(request.tier)
        reading = Reading(read, request)
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
                reply = await self._answer(models, request, run, content, occurrence, reading)
                self._called(reply, request, run)
                await self._journal.journal_put(run.id, run.step, occurrence, asked, reply)
                self._hold(run, request, content, occurrence, reply)
            span.set_attribute(telemetry.RESPONSE_MODEL, reply.model)
            span.set_attribute(telemetry.CACHE, reply.source)
            if reply.source == "model":
                span.set_attribute(telemetry.INPUT_TOKENS, reply.usage.input_tokens)
                span.set_attribute(telemetry.OUTPUT_TOKENS, reply.usage.output_tokens)
        reading.end(reply)
        return reply

    async def _cascaded(
        self, cascade: Cascade, request: ModelRequest, run: Run, read: Reader | None
    ) -> ModelReply:
        """A cascade's answer, recorded as one, too: a replay takes the way that was taken."""
        reading = Reading(read, request)
        asked = key.journal_digest(key.content_digest(request), request.tier)
        occurrence = run.occurrences[asked]
        run.occurrences[asked] += 1
        reply = await self._journal.journal_get(run.id, run.step, occurrence, asked)
        if reply is not None:
            reply = reply.served_from("journal")
            self._called(reply, request, run)
            reading.end(reply)
            return reply
        parts = [(part, _for(part, one, request)) for part, one in cascade.requests(request)]
        worst = [await self._worst(part.tier, part, run) for _, part in parts]
        async with purse(run, worst) as within:

            async def ask(part: str, one: ModelRequest) -> ModelReply:
                along = read if part == STRONG else None
                return await self.complete(_for(part, one, request), within, along)

            reply, verdict = await cascade.answer(request, ask)
        run.emit(
            Cascaded(
                tier=request.tier, specialist=run.specialist, verdict=verdict, model=reply.model
            )
        )
        await self._journal.journal_put(run.id, run.step, occurrence, asked, reply)
        if verdict != "escalated":
            reading.end(reply)
        return reply

    async def _worst(self, tier: str, request: ModelRequest, run: Run) -> float | None:
        """The most a call of the tier can cost, whichever of its models answers."""
        if run.budget.usd is None:
            return None
        each = [await self._prices.worst(model, request) for model in self._models(tier)]
        return None if None in each else max(usd for usd in each if usd is not None)

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
                f"There is no tier {tier!r}, only {', '.join(sorted(self._tiers)) or 'none'}.",
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
        reading: Reading,
    ) -> ModelReply:
        async def walk() -> ModelReply:
            return await self._walk(models, request, run, reading)

        async with _deadline(run):
            if not request.cacheable:
                return await walk()
            keys = [self._key(content, model, run, occurrence) for model in models]
            if self._cache is not None:
                cached = await self._cache.find(keys)
                if cached is not None:
                    return cached.served_from("cache")
            flight = key.flight_key(content, models, run.tenant, occurrence, guards=self._guards)
            try:
                return await self._flights.share(flight, walk)
            except (NoModel, BudgetExceeded):
                stale = None if self._cache is None else await self._cache.find(keys, stale=True)
                if stale is None:
                    raise
                return stale.served_from("cache")

    def _key(self, content: str, model: str, run: Run, occurrence: int) -> str:
        return key.cache_key(content, model, run.tenant, occurrence, guards=self._guards)

    async def _walk(
        self, models: tuple[str, ...], request: ModelRequest, run: Run, reading: Reading
    ) -> ModelReply:
        def failed(model: str, error: PointsmanError, following: str) -> None:
            run.emit(
                ModelFailed(
                    specialist=run.specialist,
                    model=model,
                    error=type(error).__name__,
                    message=str(error),
                    next=following,
                )
            )

        async def ask(model: str) -> ModelReply:
            return await self._call(model, request, run, reading)

        return await self._chain.walk(models, ask, tier=request.tier, failed=failed)

    async def _call(
        self, model: str, request: ModelRequest, run: Run, reading: Reading
    ) -> ModelReply:
        """One call to one model, past its breaker and limits and inside the run's budget."""
        transport = self._transports.of(model)
        # Looked up now, so that between an answer and its price nothing is waited for.
        await self._prices.price(model)
        async with self._entrance.entry(model, request, run) as entry:
            left = run.remaining(self._timeout)
            worst = await self._at_most(model, request, run, left)
            async with booked(run, model, worst, self._budgets) as booking:
                limit = min(left, booking.seconds)
                started = asyncio.get_running_loop().time()
                entry.sent, may_cost = True, True
                try:
                    async with asyncio.timeout(limit):
                        reply = await _send(transport, model, request, limit, reading)
                    may_cost = False
                except (TimeoutError, ModelTimeout) as error:
                    entry.hung = limit >= min(self._timeout, FAIR_SECONDS)
                    if limit == left < self._timeout:
                        raise _too_late(run) from error
                    raise ModelTimeout(f"Model {model} gave no answer in {limit:g} s.") from error
                except PointsmanError as error:
                    refused = not isinstance(error, BadOutput) or isinstance(error, ModelRejected)
                    may_cost = reading.begun or not refused
                    raise
                finally:
                    if may_cost:
                        self._lost(booking, entry, model)
                usd = self._prices.actual(model, reply)
                entry.tokens = (reply.usage.input_tokens + reply.usage.output_tokens) or None
                elapsed = asyncio.get_running_loop().time() - started
                booking.settle(Cost(usd, entry.tokens, elapsed))
        seconds = reply.seconds or elapsed
        return replace(reply, model=model, usd=usd, seconds=seconds, source="model")

    async def _at_most(self, model: str, request: ModelRequest, run: Run, seconds: float) -> Cost:
        """The most that a call can take."""
        bounded = run.budget.usd is not None or self._budgets is not None
        usd = await self._prices.worst(model, request) if bounded else None
        return Cost(usd, input_tokens(request) + request.max_tokens, seconds)

    def _lost(self, booking: Booking, entry: Entry, model: str) -> None:
        # The provider may charge, and count, an answer that never arrived or could not be used.
        entry.tokens = None
        if not self._prices.free(model):
            booking.lose()

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
            tags = Tags(
                team=run.team, specialist=run.specialist, model=reply.model, tenant=run.tenant,
                prompt_version=request.prompt_version,
            )  # fmt: skip
            cached = self._key(content, reply.model, run, occurrence)
            kept = replace(reply, source="model")
            answers.append(Answer(cached, kept, tags, request=request))
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
                cached_tokens=reply.usage.cached_tokens if new else 0,
                usd=reply.usd if new else 0.0,
                saved_usd=reply.usd if shared else 0.0,
                seconds=reply.seconds if new else 0.0,
                saved_seconds=reply.seconds if shared else 0.0,
            )
        )


def _part(tier: str, part: str) -> str:
    """The tier under which a part of a cascade is asked."""
    return f"{tier}, {part}"


def _for(part: str, one: ModelRequest, request: ModelRequest) -> ModelRequest:
    return replace(one, tier=_part(request.tier, part))


async def _send(
    transport: Transport, model: str, request: ModelRequest, limit: float, reading: Reading
) -> ModelReply:
    read = reading.next_try()
    if read is None:
        return await transport.send(model, request, limit)
    return await transport.send(model, request, limit, read)


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
