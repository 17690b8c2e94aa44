"""The fallback chain: a tier's models in order, and what each error means for the next step.

| a model's error         | why                             | then                                |
|-------------------------|---------------------------------|-------------------------------------|
| ModelOverloaded         | 429, 5xx, a dropped connection  | retry the same model, then the next |
| RateLimited             | one of our own limits           | retry the same model, then the next |
| CircuitOpen             | it failed too often just now    | next model                          |
| ModelTimeout            | it may hang again as long       | next model                          |
| ModelUnreachable        | its host is away                | next model                          |
| ModelAuth               | no key, or a refused one        | next model                          |
| UnknownModel            | nobody serves it                | next model                          |
| any other Misconfigured | e.g. a package is missing       | next model                          |
| ContextOverflow         | the request is too long for it  | the next model that reads more      |
| ContentRefused          | its provider's content policy   | give up, or the next (`refused`)    |
| any other ModelRejected | the request itself is invalid   | give up                             |
| any other BadOutput     | it answered nonsense            | next model                          |
| any other               | e.g. the run's budget or time   | give up                             |

Retries have one owner, this module, and stamina makes them: full-jitter exponential backoff
(Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015), at least the provider's
Retry-After. A wait that is longer than `Retry.longest` is not waited: the next model is asked at
once.

Which model reads more is in the price list. After an overflow the first of the rest that is known
to read more than the failed one is asked, else the first of which nothing is known; none of those
known to read no more, which would only refuse as well.

When every model failed, or none is left that may be asked: a chain of one model raises that model's
Misconfigured itself; where the last one asked calls the request invalid, its ModelRejected is
raised; a chain whose every model answered nonsense raises the last BadOutput; all else raises
NoModel. An answer names the models that failed before its own: `ModelReply.fallbacks`.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

from pointsman.errors import (
    Attempt,
    BadOutput,
    CircuitOpen,
    ContentRefused,
    ContextOverflow,
    Misconfigured,
    ModelOverloaded,
    ModelRejected,
    ModelTimeout,
    ModelUnreachable,
    NoModel,
    PointsmanError,
    RateLimited,
    Retryable,
)
from pointsman.nodes.gateway.transport import ModelReply

Step = Literal["retry", "next", "bigger", "stop"]

TABLE: tuple[tuple[type[PointsmanError], Step], ...] = (
    (ModelOverloaded, "retry"),
    (RateLimited, "retry"),
    (CircuitOpen, "next"),
    (ModelTimeout, "next"),
    (ModelUnreachable, "next"),
    (Misconfigured, "next"),
    (ContextOverflow, "bigger"),
    (ContentRefused, "stop"),
    (ModelRejected, "stop"),
    (BadOutput, "next"),
)
"""Most specific class first; what no line names stops the chain."""

TRANSIENT = (ModelOverloaded, ModelTimeout, RateLimited, CircuitOpen)
"""Errors that pass by themselves, and that nobody has to mend."""


def step_after(error: PointsmanError) -> Step:
    """What the table says of an error."""
    for kind, step in TABLE:
        if isinstance(error, kind):
            return step
    return "stop"


@dataclass(frozen=True, slots=True)
class Retry:
    """How one model is asked again. Times are in seconds."""

    attempts: int = 3
    """Calls to one model in all, the first included."""
    first: float = 0.5
    """The first wait is random between 0 and this; each further one between 0 and twice as much."""
    most: float = 8.0
    """No random wait is drawn from more than this."""
    longest: float = 20.0
    """A provider that asks for a longer wait is left for the next model."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.first, self.most, self.longest) < 0:
            raise Misconfigured(
                f"{self!r} is no retry policy.", hint="attempts is 1 or more, the times 0 or more."
            )

    def wait(self, tried: int, retry_after: float | None, draw: Callable[[], float]) -> float:
        """Seconds to wait after the `tried`-th failure. `draw` gives a number from 0 to 1."""
        jitter = draw() * min(self.most, self.first * 2 ** (tried - 1))
        return max(jitter, retry_after or 0.0)


Ask = Callable[[str], Awaitable[ModelReply]]
Failed = Callable[[str, PointsmanError, str], None]
"""Told of each model that failed: its name, its last error, the model tried next (or "")."""
Context = Callable[[str], Awaitable[int | None]]
"""Tokens a model reads at most; None where that is not known."""


async def _unknown(_model: str) -> None:
    return None


class Chain:
    """Walks a tier's models. `draw` are the dice, for tests.

    `refused` says what follows when a provider's content policy refuses a request: nothing, or the
    next model. `stamina.set_active(False)` turns its retries off, and stamina's hooks hear of each.
    """

    def __init__(
        self,
        *,
        retry: Retry,
        draw: Callable[[], float] = random.random,
        refused: Literal["stop", "next"] = "stop",
        context: Context = _unknown,
    ) -> None:
        self._retry = retry
        self._draw = draw
        self._refused: Step = refused
        self._context = context

    async def walk(
        self, models: Sequence[str], ask: Ask, *, tier: str, failed: Failed
    ) -> ModelReply:
        """The first answer of a model. Raises as the module's text says."""
        errors: list[tuple[str, PointsmanError]] = []
        left = tuple(models)
        while left:
            model, *rest = left
            try:
                reply = await self._ask(model, ask)
            except PointsmanError as error:
                left = await self._following(model, error, rest)
                step = self._step(error)
                if step != "stop" or isinstance(error, ModelRejected):
                    failed(model, error, left[0] if left else "")
                if step == "stop" or (not left and isinstance(error, ModelRejected)):
                    raise
                errors.append((model, error))
            else:
                return replace(reply, fallbacks=_attempts(errors)) if errors else reply
        raise _all_failed(errors, tier)

    def _step(self, error: PointsmanError) -> Step:
        return self._refused if isinstance(error, ContentRefused) else step_after(error)

    async def _following(
        self, model: str, error: PointsmanError, rest: Sequence[str]
    ) -> tuple[str, ...]:
        """The models that may still be asked."""
        step = self._step(error)
        if step != "bigger":
            return () if step == "stop" else tuple(rest)
        reads = await self._context(model)
        if reads is None:
            return tuple(rest)
        others = [(other, await self._context(other)) for other in rest]
        more = [(name, known) for name, known in others if known is None or known > reads]
        first = next((n for n, (_, known) in enumerate(more) if known is not None), 0)
        return tuple(name for name, _ in more[first:])

    async def _ask(self, model: str, ask: Ask) -> ModelReply:
        from stamina import retry_context

        tried = count(1)

        def backoff(error: Exception) -> float | bool:
            if not isinstance(error, Retryable) or step_after(error) != "retry":
                return False
            wait = self._retry.wait(next(tried), error.retry_after, self._draw)
            return wait if wait <= self._retry.longest else False

        async for attempt in retry_context(backoff, self._retry.attempts, timeout=None):
            with attempt:
                return await ask(model)
        raise AssertionError("stamina raises the last error")


def _attempts(errors: Sequence[tuple[str, PointsmanError]]) -> tuple[Attempt, ...]:
    return tuple(Attempt(model, type(e).__name__, e.message) for model, e in errors)


def _all_failed(errors: Sequence[tuple[str, PointsmanError]], tier: str) -> PointsmanError:
    last = errors[-1][1]
    if len(errors) == 1 and isinstance(last, Misconfigured):
        return last
    if all(isinstance(error, BadOutput) for _, error in errors):
        return last
    each = "; ".join(f"{model}: {error.message.rstrip('.')}" for model, error in errors)
    failed = NoModel(
        f"No model of tier {tier!r} answered ({each}).",
        attempts=_attempts(errors),
        transient=all(isinstance(error, TRANSIENT) for _, error in errors),
    )
    waits = [error.retry_after for _, error in errors if isinstance(error, Retryable)]
    failed.retry_after = min((wait for wait in waits if wait is not None), default=None)
    return failed
