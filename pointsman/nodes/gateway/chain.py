"""The fallback chain: a tier's models in order, and what each error means for the next step.

| a model's error         | why                             | then                                |
|-------------------------|---------------------------------|-------------------------------------|
| ModelOverloaded         | 429, 5xx, a dropped connection  | retry the same model, then the next |
| RateLimited             | one of our own limits           | retry the same model, then the next |
| ModelTimeout            | it may hang again as long       | next model                          |
| ModelUnreachable        | its host is away                | next model                          |
| ModelAuth               | no key, or a refused one        | next model                          |
| UnknownModel            | nobody serves it                | next model                          |
| any other Misconfigured | e.g. a package is missing       | next model                          |
| ModelRejected           | the request itself is invalid   | give up                             |
| any other BadOutput     | it answered nonsense            | next model                          |
| any other               | e.g. the run's budget or time   | give up                             |

Retries have one owner, this module: full-jitter exponential backoff (Brooker, "Exponential Backoff
And Jitter", AWS Architecture Blog 2015), at least the provider's Retry-After. A wait that is longer
than `Retry.longest` is not waited: the next model is asked at once.

When every model failed: a chain of one model raises that model's Misconfigured itself; a chain
whose every model answered nonsense raises the last BadOutput; all else raises NoModel.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pointsman.errors import (
    Attempt,
    BadOutput,
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

Step = Literal["retry", "next", "stop"]

TABLE: tuple[tuple[type[PointsmanError], Step], ...] = (
    (ModelOverloaded, "retry"),
    (RateLimited, "retry"),
    (ModelTimeout, "next"),
    (ModelUnreachable, "next"),
    (Misconfigured, "next"),
    (ModelRejected, "stop"),
    (BadOutput, "next"),
)
"""Most specific class first; what no line names stops the chain."""


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


class Chain:
    """Walks a tier's models. `sleep` and `draw` are the clock and the dice, for tests."""

    def __init__(
        self,
        *,
        retry: Retry,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._retry = retry
        self._sleep = sleep
        self._draw = draw

    async def walk(
        self, models: Sequence[str], ask: Ask, *, tier: str, failed: Failed
    ) -> ModelReply:
        """The first answer of a model. Raises as the module's text says."""
        errors: list[tuple[str, PointsmanError]] = []
        for model, following in zip(models, (*models[1:], ""), strict=True):
            try:
                return await self._ask(model, ask)
            except PointsmanError as error:
                stop = step_after(error) == "stop"
                if not stop or isinstance(error, ModelRejected):
                    failed(model, error, "" if stop else following)
                if stop:
                    raise
                errors.append((model, error))
        raise _all_failed(errors, tier)

    async def _ask(self, model: str, ask: Ask) -> ModelReply:
        for tried in range(1, self._retry.attempts):
            try:
                return await ask(model)
            except Retryable as error:
                wait = self._retry.wait(tried, error.retry_after, self._draw)
                if step_after(error) != "retry" or wait > self._retry.longest:
                    raise
            await self._sleep(wait)
        return await ask(model)


def _all_failed(errors: Sequence[tuple[str, PointsmanError]], tier: str) -> PointsmanError:
    last = errors[-1][1]
    if len(errors) == 1 and isinstance(last, Misconfigured):
        return last
    if all(isinstance(error, BadOutput) for _, error in errors):
        return last
    each = "; ".join(f"{model}: {error.message.rstrip('.')}" for model, error in errors)
    return NoModel(
        f"No model of tier {tier!r} answered ({each}).",
        attempts=[Attempt(model, type(e).__name__, e.message) for model, e in errors],
        transient=all(isinstance(error, ModelOverloaded | ModelTimeout) for _, error in errors),
    )
