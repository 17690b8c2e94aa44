"""What stands between a call and its model: the model's circuit breaker, then the rate limits."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pointsman.errors import is_control_flow
from pointsman.nodes.event import BreakerMoved
from pointsman.nodes.gateway.cost import input_tokens
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.limits import Breaker, BreakerState, Limiter, Permit, Use, is_outage
from pointsman.nodes.run import Run

log = logging.getLogger("pointsman.gateway")

MAX_WAIT = 20.0
"""Seconds a call waits for its turn under the rate limits, before its chain goes on."""


@dataclass
class Entry:
    """One call past its breaker and limits. The gateway says what becomes of it."""

    sent: bool = False
    """Whether the transport was asked: before that, everything is given back."""
    tokens: int | None = 0
    """What the call took, input and output; None where nobody knows, which is the estimate."""
    hung: bool = False
    """It gave no answer in a time that was fair."""


@dataclass(frozen=True)
class Entrance:
    """Takes breaker and limits before a call, and gives back or settles after it."""

    breaker: Breaker | None = None
    limiter: Limiter | None = None

    @asynccontextmanager
    async def entry(self, model: str, request: ModelRequest, run: Run) -> AsyncGenerator[Entry]:
        """For the block. Raises CircuitOpen, RateLimited or DeadlineExceeded; then nothing is
        taken."""
        entry = Entry()

        def tell(state: BreakerState) -> None:
            run.emit(BreakerMoved(of="model", key=model, state=state))

        if self.breaker is None:
            async with self._limited(model, request, run, entry):
                yield entry
            return
        passage = self.breaker.admit(model, tell)
        try:
            async with self._limited(model, request, run, entry):
                yield entry
        except asyncio.CancelledError:
            if entry.sent and entry.hung:
                passage.failed()
            raise
        except Exception as error:
            if entry.sent and (entry.hung or is_outage(error)):
                passage.failed()
            raise
        else:
            passage.succeeded()
        finally:
            passage.release()

    @asynccontextmanager
    async def _limited(
        self, model: str, request: ModelRequest, run: Run, entry: Entry
    ) -> AsyncGenerator[None]:
        if self.limiter is None:
            yield
            return
        use = Use(
            team=run.team,
            tenant=run.tenant,
            thread=run.thread,
            specialist=run.specialist,
            model=model,
            tokens=input_tokens(request) + request.max_tokens,
            priority=run.priority,
        )
        permit = await self.limiter.acquire(use, wait=run.remaining(MAX_WAIT))
        try:
            yield
        finally:
            await _end(permit, entry)


async def _end(permit: Permit, entry: Entry) -> None:
    """An answer that was paid for is not lost because the limiter cannot be reached."""
    try:
        if entry.sent:
            await permit.settle(entry.tokens)
        else:
            await permit.release()
    except Exception as error:
        if is_control_flow(error):
            raise
        log.warning("a rate limit could not be settled: %s", type(error).__name__)
