"""The fallback guard: a simpler specialist takes over where the first one cannot answer."""

from dataclasses import dataclass
from functools import partial

from pointsman.errors import (
    BadOutput,
    CircuitOpen,
    DeadlineExceeded,
    NoModel,
    PointsmanError,
    RateLimited,
)
from pointsman.guardrails.guard import closed
from pointsman.nodes.event import FellBack
from pointsman.nodes.message import Answer, Message, Refusal
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

_NOT_ASKED = (CircuitOpen, RateLimited)


@dataclass(frozen=True)
class FallbackGuard:
    """Lets `fallback` answer after bad output, the specialist's own time-out, and a chain of models
    that are all overloaded, slow, over our own limits or behind an open breaker.

    `instead` answers where the specialist was not asked at all: its breaker is open, or its
    bulkhead is full. Everything else passes: a wrong key, an unknown model or an unreachable
    host must be seen, and past the run's own deadline nobody may go on.
    """

    fallback: Node
    instead: Node | None = None
    """Default: `fallback`."""
    name: str = "fallback"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def backed(message: Message, run: Run) -> Message:
            try:
                return await inner(message, run)
            except (BadOutput, DeadlineExceeded, NoModel, *_NOT_ASKED) as error:
                unasked = isinstance(error, _NOT_ASKED)
                takes_over = closed(self.name, "output", run, partial(_takes_over, error, run))
                if isinstance(takes_over, Refusal):
                    return message.reply(takes_over, sender=run.specialist)
                if not takes_over:
                    raise
                run.emit(
                    FellBack(
                        specialist=run.specialist,
                        error=type(error).__name__,
                        message=error.message,
                    )
                )
            stand_in = self.instead if unasked and self.instead else self.fallback
            reply = await stand_in(message, run)
            payload = reply.payload
            if isinstance(payload, Answer) and payload.by == "model":
                reply = reply.carrying(payload.model_copy(update={"by": "fallback"}))
            return reply.model_copy(update={"sender": run.specialist or reply.sender})

        return backed


def _takes_over(error: PointsmanError, run: Run) -> bool:
    """Whether the fallback may answer. Raises DeadlineExceeded when the run's time is over."""
    if isinstance(error, NoModel) and not error.transient:
        return False
    run.remaining(float("inf"))
    return True
