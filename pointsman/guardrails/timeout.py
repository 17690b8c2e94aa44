"""The time-out guard."""

import asyncio
from dataclasses import dataclass, replace

from pointsman.errors import DeadlineExceeded
from pointsman.guardrails.guard import closed
from pointsman.nodes.message import Message, Refusal
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

CLOCKS_APART = 0.05
"""Seconds by which the run's clock and the event loop's may differ at the end of a visit."""


@dataclass(frozen=True)
class TimeoutGuard:
    """Gives one visit `seconds`, or what is left to the run's deadline if that is less.

    What is inside gets a run whose deadline is the visit's, so that a model call, and a tool call
    under it, never gets more time than the visit has left. Raises DeadlineExceeded. A cancellation
    from outside is forwarded as it is.
    """

    seconds: float
    name: str = "timeout"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def timed(message: Message, run: Run) -> Message:
            bounds = closed(self.name, "input", run, lambda: self._bounds(run))
            if isinstance(bounds, Refusal):
                return message.reply(bounds, sender=run.specialist)
            seconds, visit = bounds
            timeout = visit.tape.timeout(seconds)
            ends = asyncio.get_running_loop().time() + seconds
            try:
                async with timeout:
                    return await inner(message, visit)
            except TimeoutError as error:
                if not timeout.expired():
                    raise
                raise self._too_late(run, seconds) from error
            except DeadlineExceeded as error:
                # A model call may see the visit's end a moment before this guard does.
                if asyncio.get_running_loop().time() < ends - CLOCKS_APART:
                    raise
                raise self._too_late(run, seconds) from error

        return timed

    def _bounds(self, run: Run) -> tuple[float, Run]:
        """Seconds for the visit, and its run."""
        seconds = run.remaining(self.seconds)
        own = run.clock() + self.seconds
        deadline = own if run.deadline is None else min(own, run.deadline)
        return seconds, replace(run, deadline=deadline)

    def _too_late(self, run: Run, seconds: float) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"Specialist {run.specialist!r} gave no answer in {seconds:g} s.",
            hint="Raise its timeout, or use a faster model.",
            whose="run" if seconds < self.seconds else "specialist",
        )
