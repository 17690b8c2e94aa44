"""A specialist that fails for some visits, as one none of whose models answers."""

from dataclasses import dataclass, field

from pointsman.errors import NoModel
from pointsman.evals.drill.injector import Injector
from pointsman.nodes.message import Message
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

MOST_VISITS = 3


@dataclass
class Outage:
    """A guard around a specialist, innermost: its visit fails while an outage lasts.

    An outage is of one case: it begins with a visit that is struck, and takes one to three. So the
    specialist's breaker counts it, opens where there were enough, and its fallback answers.
    """

    specialist: str
    injector: Injector
    name: str = "drill-outage"
    left: dict[str, int] = field(default_factory=dict[str, int], init=False)
    """Visits that fail yet, by case."""

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def visited(message: Message, run: Run) -> Message:
            if self._down():
                why = f"Specialist {self.specialist!r} is down, by a fault of the drill."
                raise NoModel(why, attempts=(), transient=True)
            return await inner(message, run)

        return visited

    def _down(self) -> bool:
        case = self.injector.current
        left = self.left.get(case, 0)
        if not left:
            spot = self.injector.strike("specialist", self.specialist)
            left = 0 if spot is None else 1 + int(spot.draw * MOST_VISITS)
        self.left[case] = max(0, left - 1)
        return left > 0
