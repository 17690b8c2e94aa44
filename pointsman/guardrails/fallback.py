"""The fallback guard: a simpler specialist takes over where the first one cannot answer."""

from dataclasses import dataclass

from pointsman.errors import BadOutput, DeadlineExceeded, NoModel, PointsmanError
from pointsman.nodes.event import FellBack
from pointsman.nodes.message import Answer, Message
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run


@dataclass(frozen=True)
class FallbackGuard:
    """Lets `fallback` answer after bad output, the specialist's own time-out, and a chain of models
    that are all overloaded or slow.

    Everything else passes: a wrong key, an unknown model or an unreachable host must be seen, and
    past the run's own deadline nobody may go on.
    """

    fallback: Node
    name: str = "fallback"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def backed(message: Message, run: Run) -> Message:
            try:
                return await inner(message, run)
            except (BadOutput, DeadlineExceeded, NoModel) as error:
                if not _ours(error):
                    raise
                run.remaining(float("inf"))
                run.emit(
                    FellBack(
                        specialist=run.specialist,
                        error=type(error).__name__,
                        message=error.message,
                    )
                )
            reply = await self.fallback(message, run)
            payload = reply.payload
            if isinstance(payload, Answer) and payload.by == "model":
                reply = reply.carrying(payload.model_copy(update={"by": "fallback"}))
            return reply.model_copy(update={"sender": run.specialist or reply.sender})

        return backed


def _ours(error: PointsmanError) -> bool:
    return not isinstance(error, NoModel) or error.transient
