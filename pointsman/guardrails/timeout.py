"""The time-out guard."""

import asyncio
from dataclasses import dataclass

from pointsman.errors import DeadlineExceeded
from pointsman.guardrails.guard import closed
from pointsman.nodes.message import Message, Refusal
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run


@dataclass(frozen=True)
class TimeoutGuard:
    """Gives one visit `seconds`, or what is left to the run's deadline if that is less.

    Raises DeadlineExceeded. A cancellation from outside is forwarded as it is.
    """

    seconds: float
    name: str = "timeout"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def timed(message: Message, run: Run) -> Message:
            seconds = closed(self.name, "input", run, lambda: run.remaining(self.seconds))
            if isinstance(seconds, Refusal):
                return message.reply(seconds, sender=run.specialist)
            timeout = asyncio.timeout(seconds)
            try:
                async with timeout:
                    return await inner(message, run)
            except TimeoutError as error:
                if not timeout.expired():
                    raise
                raise DeadlineExceeded(
                    f"Specialist {run.specialist!r} gave no answer in {seconds:g} s.",
                    hint="Raise its timeout, or use a faster model.",
                ) from error

        return timed
