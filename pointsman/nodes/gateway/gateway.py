"""The one door to models. Every call passes it, in this order:

journal (this run already has the answer) → response cache → single-flight → circuit breaker of the
model → rate limits (requests and tokens) → budget reservation → transport with a time-out → settle
→ journal → (once the step's output passed its guards) the cache. Where a later one says no, what an
earlier one took is given back: the breaker's probe, the tokens, the reservation.
"""

import asyncio
import math
import random
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import replace
from typing import Literal

from pointsman.errors import BudgetExceeded, Misconfigured, NoModel, PointsmanError
from pointsman.nodes import conventions as names
from pointsman.nodes import telemetry
from pointsman.nodes.budgets import Budgets
from pointsman.nodes.event import Cascaded, Hedged, ModelFailed
from pointsman.nodes.gateway import key, recorded
from pointsman.nodes.gateway.asked import Asked
from pointsman.nodes.gateway.cache import ResponseCache
from pointsman.nodes.gateway.calling import Caller, Pieces, too_late
from pointsman.nodes.gateway.cascade import STRONG, Cascade, Tier
from pointsman.nodes.gateway.chain import Ask, Chain, Retry
from pointsman.nodes.gateway.cost import Price, Prices
from pointsman.nodes.gateway.entry import Entrance
from pointsman.nodes.gateway.flight import Flights
from pointsman.nodes.gateway.hedge import Hedge, Race
from pointsman.nodes.gateway.journal import Journal
from pointsman.nodes.gateway.kept import Answer, Tags
from pointsman.nodes.gateway.purse import Worst, purse
from pointsman.nodes.gateway.reading import Reading
from pointsman.nodes.gateway.similar import Near, SimilarAnswers
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Reader
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.limits import Breaker, Limiter
from pointsman.nodes.run import Run

MAX_PENDING_STEPS = 1_000
"""Steps whose answers may wait for `settle`; more than these are forgotten, oldest first."""

MAX_PENDING_ANSWERS = 100
"""Answers one step may hold for the cache; more are not cached."""

Pending = list[Answer]


class ModelGateway:
    """Journal, cache, single-flight, budget and fallback chain in front of the transports.

    `chains` maps each tier to its models, first one first, to a cascade or to a hedge. `timeout` is
    what one call to one model may take, in seconds; the run's deadline may make it shorter.
    `breaker` and `limiter` stand before every call to a model. `refused` says what follows when a
    provider's content policy refuses a request. `guards` is a version of the rules that judge
    answers: with other rules, cached answers are not found. `flights` says whether equal calls that
    are under way at once become one. `draw` (0 to 1) are the dice of the retries.

    `aclose` closes the transports and the cache; the journal belongs to whoever made it.
    """

    def __init__(
        self,
        *,
        chains: Mapping[str, Tier],
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
        flights: bool = True,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Raises Misconfigured for a tier without a model and for a time-out that is none."""
        self._lead(chains)
        if not 0 < timeout < float("inf"):
            raise Misconfigured(f"A model time-out of {timeout} s cannot be.", hint="Try 60.")
        self._transports = transports
        self._journal = journal
        self._cache = cache
        self._timeout = timeout
        self._guards = guards
        self._budgets = budgets
        known = Prices(prices)
        self._caller = Caller(
            entrance=Entrance(breaker, limiter), prices=known, budgets=budgets, timeout=timeout,
            address=transports.address,
        )  # fmt: skip
        self._similar = SimilarAnswers(
            transports=transports, caller=self._caller, journal=journal, guards=guards
        )
        self._chain = Chain(
            retry=retry or Retry(), draw=draw, refused=refused, context=known.context
        )
        self._flights = Flights() if flights else None
        self._pending: OrderedDict[tuple[str, str], Pending] = OrderedDict()

    def _lead(self, chains: Mapping[str, Tier]) -> None:
        self.chains = dict(chains)
        self._cascades = {tier: c for tier, c in chains.items() if isinstance(c, Cascade)}
        self._hedges = {tier: c for tier, c in chains.items() if isinstance(c, Hedge)}
        self._chains = {
            tier: c.models if isinstance(c, Hedge) else tuple(c)
            for tier, c in chains.items()
            if not isinstance(c, Cascade)
        }
        empty = [tier for tier, models in self._chains.items() if not models or not all(models)]
        if empty:
            raise Misconfigured(
                f"Tier {empty[0]!r} names no model.",
                hint='Try "embedded", or "openai/gpt-4o-mini".',
            )
        self._tiers = tuple(chains)
        for tier, cascade in self._cascades.items():
            for part, models in cascade.parts().items():
                self._chains[_part(tier, part)] = models

    def leading_to(self, chains: Mapping[str, Tier]) -> "ModelGateway":
        """A door to other models that shares all else with this one: transports, journal, cache,
        bounds. Only this one closes them. Raises Misconfigured for a tier without a model."""
        other = copy(self)
        other._lead(chains)  # noqa: SLF001 (its own class)
        other._flights = None if self._flights is None else Flights()  # noqa: SLF001 (likewise)
        other._pending = OrderedDict()  # noqa: SLF001 (likewise)
        return other

    @property
    def budgets(self) -> Budgets | None:
        """The budgets that this gateway's runs share."""
        return self._budgets

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
        return await self._plain(request, run, read, self._budgets)

    async def _plain(
        self, request: ModelRequest, run: Run, read: Reader | None, budgets: Budgets | None
    ) -> ModelReply:
        models = self._models(request.tier)
        reading = Reading(read, request)
        asked = Asked.of(request, run, budgets)
        attributes = _attributes(request, run)
        with (
            recorded.met(asked),
            telemetry.own(names.GATEWAY_SPAN, request.tier, attributes) as span,
        ):
            reply = await recorded.replayed(self._journal, asked)
            if reply is not None:
                self._hold(asked, reply, None)
            else:
                reply, near = await self._answer(models, asked.beside(), reading)
                run.emit(recorded.called(reply, asked))
                await recorded.keep(self._journal, asked, reply)
                self._hold(asked, reply, near)
            span.set_attributes(_answered(reply))
        reading.end(reply)
        return reply

    async def _cascaded(
        self, cascade: Cascade, request: ModelRequest, run: Run, read: Reader | None
    ) -> ModelReply:
        """A cascade's answer, recorded as one, too: a replay takes the way that was taken."""
        if request.similar is not None:
            raise Misconfigured(
                f"Tier {request.tier!r} is a cascade, which takes no answer of a similar request.",
                hint="Give the specialist another tier, or cache=True.",
            )
        reading = Reading(read, request)
        asked = Asked.of(request, run)
        with recorded.met(asked):
            return await self._by_cascade(cascade, asked, reading, read)

    async def _by_cascade(
        self, cascade: Cascade, asked: Asked, reading: Reading, read: Reader | None
    ) -> ModelReply:
        request, run = asked.request, asked.run
        reply = await recorded.replayed(self._journal, asked, event=False)
        if reply is not None:
            reading.end(reply)
            return reply
        beside = asked.beside()
        parts = [(part, _for(part, one, request)) for part, one in cascade.requests(request)]
        worst = [await self._worst(part.tier, part, run) for _, part in parts]
        async with purse(beside.run, worst, self._budgets) as (within, budgets):

            async def ask(part: str, one: ModelRequest) -> ModelReply:
                along = read if part == STRONG else None
                return await self._plain(_for(part, one, request), within, along, budgets)

            reply, verdict = await cascade.answer(request, ask)
        beside.run.emit(
            Cascaded(
                call=asked.call, tier=request.tier, specialist=run.specialist, verdict=verdict,
                model=reply.model,
            )
        )  # fmt: skip
        await recorded.keep(self._journal, asked, reply)
        if verdict != "escalated":
            reading.end(reply)
        return reply

    async def _worst(self, tier: str, request: ModelRequest, run: Run) -> Worst:
        """The most a call of the tier can take, whichever of its models answers."""
        models = self._models(tier)
        seconds = run.remaining(self._timeout)
        each = [await self._caller.at_most(model, request, run, seconds) for model in models]
        dearest = max(each, key=lambda one: math.inf if one.usd is None else one.usd)
        return Worst(models[each.index(dearest)], dearest)

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
        self, models: tuple[str, ...], asked: Asked, reading: Reading
    ) -> tuple[ModelReply, Near | None]:
        """The answer, and where it lies among similar requests."""

        async def walk() -> ModelReply:
            return await self._walk(models, asked, reading)

        async with _deadline(asked.run):
            if not asked.request.cacheable:
                return await walk(), None
            content, run, occurrence = asked.content, asked.run, asked.occurrence
            keys = [self._key(content, model, run, occurrence) for model in models]
            near = None
            if self._cache is not None:
                cached = await self._cache.find(keys)
                if cached is not None:
                    return cached.served_from("cache"), None
                near = await self._similar.near(asked, models, self._cache)
                if near is not None and near.reply is not None:
                    return near.reply.served_from("cache"), near
            flight = key.flight_key(content, models, run.tenant, occurrence, guards=self._guards)
            try:
                shared = walk() if self._flights is None else self._flights.share(flight, walk)
                return await shared, near
            except (NoModel, BudgetExceeded):
                stale = None if self._cache is None else await self._cache.find(keys, stale=True)
                if stale is None:
                    raise
                return stale.served_from("cache"), None

    def _key(self, content: str, model: str, run: Run, occurrence: int) -> str:
        return key.cache_key(content, model, run.tenant, occurrence, guards=self._guards)

    async def _walk(self, models: tuple[str, ...], asked: Asked, reading: Reading) -> ModelReply:
        request, run = asked.request, asked.run
        hedge = self._hedges.get(request.tier)
        cut: list[tuple[str, float | None]] = []
        took: dict[str, float] = {}

        def failed(model: str, error: PointsmanError, following: str) -> None:
            run.emit(
                ModelFailed(
                    specialist=run.specialist,
                    model=model,
                    error=type(error).__name__,
                    message=str(error),
                    next=following,
                    seconds=took.pop(model, 0.0),
                )
            )

        def lose(model: str, usd: float | None) -> None:
            cut.append((model, usd))

        async def call(model: str, pieces: Pieces) -> ModelReply:
            began = time.perf_counter()
            beside = hedge is not None and model == hedge.beside
            try:
                return await self._caller.call(
                    self._transports.of(model).send, model, request, run, pieces,
                    budgets=asked.budgets, lost=lose, beside=beside,
                )  # fmt: skip
            finally:
                took[model] = time.perf_counter() - began

        async def walk(ask: Ask) -> ModelReply:
            return await self._chain.walk(models, ask, tier=request.tier, failed=failed)

        if hedge is None:
            return await walk(lambda model: call(model, reading))
        after = hedge.wait(self._caller.times)
        race = Race(hedge.beside, ask=call, reading=reading, failed=failed)
        answered = ""
        try:
            reply = await race.run(walk, after)
            answered = reply.model
        finally:
            if race.hedged:
                lost, usd = cut[0] if cut else ("", 0.0)
                run.emit(
                    Hedged(
                        tier=request.tier, specialist=run.specialist, after=after,
                        models=(models[0], hedge.beside), model=answered,
                        lost=lost, lost_usd=usd,
                    )
                )  # fmt: skip
        return reply

    def _hold(self, asked: Asked, reply: ModelReply, near: Near | None) -> None:
        """Keep the answer until the step is settled. What came from the cache is there already."""
        request, run = asked.request, asked.run
        if self._cache is None or not request.cacheable or reply.source == "cache":
            return
        place = (run.id, run.step)
        answers = self._pending.setdefault(place, [])
        self._pending.move_to_end(place)
        if len(answers) < MAX_PENDING_ANSWERS:
            tags = Tags(model=reply.model, prompt_version=request.prompt_version, **asked.names)
            cached = self._key(asked.content, reply.model, run, asked.occurrence)
            kept = replace(reply, source="model")
            similar = None if near is None else near.place(reply)
            answers.append(Answer(cached, kept, tags, request=request, similar=similar))
        while len(self._pending) > MAX_PENDING_STEPS:
            self._pending.popitem(last=False)


def _part(tier: str, part: str) -> str:
    """The tier under which a part of a cascade is asked."""
    return f"{tier}, {part}"


def _for(part: str, one: ModelRequest, request: ModelRequest) -> ModelRequest:
    return replace(one, tier=_part(request.tier, part))


@asynccontextmanager
async def _deadline(run: Run) -> AsyncGenerator[None]:
    """Ends the block at the run's deadline, whatever it waits for. Raises DeadlineExceeded."""
    left = None if run.deadline is None else run.remaining(float("inf"))
    try:
        async with asyncio.timeout(left):
            yield
    except TimeoutError as error:
        raise too_late(run) from error


def _attributes(request: ModelRequest, run: Run) -> telemetry.Attributes:
    return {
        names.TIER: request.tier,
        names.PURPOSE: request.purpose,
        names.AGENT: run.specialist,
        names.RUN: run.id,
        names.TENANT: run.tenant,
    }


def _answered(reply: ModelReply) -> telemetry.Attributes:
    said: dict[str, telemetry.Value] = {
        names.RESPONSE_MODEL: reply.model,
        names.SOURCE: reply.source,
        names.FALLBACKS: len(reply.fallbacks),
    }
    if reply.similarity is not None:
        said[names.SIMILARITY] = reply.similarity
    return said
