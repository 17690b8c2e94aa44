"""What a team is: the frozen description that everything else is made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pointsman.guardrails.breaker import CircuitBreaker
from pointsman.guardrails.guard import Guard
from pointsman.guardrails.overbudget import OverBudget
from pointsman.guardrails.policy import ApprovalPolicy
from pointsman.guardrails.quota import Quota
from pointsman.nodes.budgets import Allowance
from pointsman.nodes.gateway.cascade import Cascade
from pointsman.nodes.gateway.cost import Price
from pointsman.nodes.limits import Limiter
from pointsman.nodes.router import Router
from pointsman.nodes.run import Budget
from pointsman.nodes.specialist import AnyTool, Specialist

ROUTE = "route"
END = "end"
RESERVED = frozenset(
    {"intake", ROUTE, "gate", "execute", "finish", END, "none", "person"}
    | {"checkpoint_id", "checkpoint_map", "checkpoint_ns", "configurable"}
)
"""Names of the graph's own steps, and LangGraph's that do not begin with `__`; no specialist may
have one."""


@dataclass(frozen=True, kw_only=True)
class TeamSpec:
    """A team as given, defaults filled in. Checked by `check.findings`."""

    name: str
    specialists: tuple[Specialist, ...]
    router: Router
    transitions: Mapping[str, tuple[str, ...]]
    """Who may follow whom: `route` and every specialist to specialists, `route` and `end`."""
    guards: tuple[Guard, ...]
    """Guards around every specialist, outermost first."""
    policy: ApprovalPolicy
    reviewers: Mapping[str, tuple[str, ...]]
    """Groups of reviewers: name -> people. The policy's rules and escalations name them."""
    max_hops: int
    """How often a run may be routed or handed on."""
    max_rounds: int
    """How often a run may propose actions."""
    window: int
    """Messages of the thread that a run sees."""
    models: Mapping[str, tuple[str, ...] | Cascade] | None
    prices: Mapping[str, Price] | None
    home: Path | None
    prompts: Path | None
    budget: Budget
    """Of each run, unless it is given its own."""
    budgets: tuple[Allowance, ...]
    """What runs share."""
    over_budget: OverBudget
    breaker: CircuitBreaker | None
    """Of every specialist and every model, each on its own; None for none."""
    limits: tuple[Quota, ...] | Limiter
    """Rate limits of visits, tool calls and model calls: quotas, kept in memory by each process, or
    a limiter of your own."""
    no_route: str
    """What the user reads when nobody handles the message."""

    def specialist(self, name: str) -> Specialist:
        """The specialist of that name. Raises KeyError."""
        return next(s for s in self.specialists if s.name == name)

    def tool(self, specialist: str, name: str) -> AnyTool | None:
        """A specialist's tool by name; None where it has none of that name (any more)."""
        for spec in self.specialists:
            if spec.name == specialist:
                return next((t for t in spec.tools if t.name == name), None)
        return None


def default_transitions(specialists: tuple[Specialist, ...]) -> dict[str, tuple[str, ...]]:
    """The table the hand-offs of the specialists make: route to all, each to its own and to end."""
    table = {ROUTE: (*(s.name for s in specialists), END)}
    return table | {s.name: (*s.hands_off_to, END) for s in specialists}
