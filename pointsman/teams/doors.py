"""The doors to a team's tools: one for each tool of each specialist."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.door import Door, door
from pointsman.guardrails.guard import Guard
from pointsman.guardrails.vault import RevealGuard
from pointsman.nodes.node import Node
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import AnyTool
from pointsman.teams.spec import TeamSpec

Around = Callable[[Specialist, AnyTool], Sequence[Guard]]
"""The team's own guards on a tool of a specialist, such as its rate limits and breakers."""


@dataclass(frozen=True)
class Doors:
    """By specialist, then tool. What is not here cannot be called."""

    by_specialist: Mapping[str, Mapping[str, Door]]

    def find(self, specialist: str, tool: str) -> Door | None:
        """The door of a specialist's tool; None where it has none of that name (any more)."""
        return self.by_specialist.get(specialist, {}).get(tool)

    def nodes(self, specialist: str) -> dict[str, Node]:
        """The specialist's tools as its tool loop calls them."""
        return {name: door.node for name, door in self.by_specialist.get(specialist, {}).items()}


def no_guards(specialist: Specialist, tool: AnyTool) -> Sequence[Guard]:
    """No guards of the team's own."""
    return ()


def team_doors(spec: TeamSpec, around: Around = no_guards) -> Doors:
    """The doors of every specialist. The team's content filters read arguments and results too; the
    vault stands inside of them."""
    filters = (*(g for g in spec.guards if isinstance(g, ContentFilter)), RevealGuard())
    return Doors(
        {
            s.name: {
                t.name: door(t, s.contract, around=around(s, t), filters=filters) for t in s.tools
            }
            for s in spec.specialists
        }
    )
