"""What a team is: the frozen description that everything else is made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pointsman.guardrails.breaker import CircuitBreaker
from pointsman.guardrails.guard import Guard
from pointsman.guardrails.overbudget import OverBudget
from pointsman.guardrails.policy import ApprovalPolicy
from pointsman.guardrails.quota import Quota
from pointsman.nodes.budgets import Allowance
from pointsman.nodes.gateway.cascade import Tier
from pointsman.nodes.gateway.cost import Price
from pointsman.nodes.limits import Limiter
from pointsman.nodes.routing.router import Router
from pointsman.nodes.run import Budget
from pointsman.nodes.schemas import Upcast
from pointsman.nodes.specialist import AnyTool, Specialist
from pointsman.teams.blackboard import Blackboard
from pointsman.teams.memory import Memory

ROUTE = "route"
END = "end"
RESERVED = frozenset(
    {"intake", ROUTE, "gate", "execute", "delegate", "wait", "finish", END, "none", "person"}
    | {"checkpoint_id", "checkpoint_map", "checkpoint_ns", "configurable"}
)
"""Names of the graph's own steps, and LangGraph's that do not begin with `__`; no specialist may
have one."""


@dataclass(frozen=True, slots=True)
class FallBackTo:
    """The specialist that has the last word in a run that hit a bound."""

    to: str


WhenBound = Literal["partial", "fail", "person"] | FallBackTo


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
    models: Mapping[str, Tier] | None
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
    edge_limits: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    """By edge of the table, `("billing", "tech")` or `("route", "billing")`: how often a run may
    take it. None for the others."""
    max_seconds: float | None = None
    """How long a run may work, unless it is given a shorter deadline. Waiting for people does not
    count."""
    when_bound: WhenBound = "partial"
    """What follows when hops, an edge, rounds, time or money of a run are used up, or it goes in
    circles: `partial`, an end that says which and what was done; `fail`; `person`, who says where
    it goes or answers; or a specialist that is visited once, outside the table."""
    max_tasks: int = 16
    """How many tasks one delegation may have."""
    max_parallel: int = 4
    """How many of them run at once."""
    max_depth: int = 3
    """How deep runs may lie below the run of the message."""
    why: Mapping[str, str] = field(default_factory=dict[str, str], compare=False)
    """Reasons for numbers that have no `why` of their own, for the team's design page: part -> why,
    e.g. `{"max_hops": …, "billing.timeout": …}`."""

    memory: Memory = field(default_factory=Memory)
    """How much of a thread a run is given."""
    upcasts: Mapping[str, Upcast] = field(default_factory=dict[str, Upcast])
    """By `TEAM.SPECIALIST@VERSION`: makes a specialist's input of the next version out of one of
    that version, which others still send."""
    blackboard: Blackboard = field(default_factory=Blackboard)
    """What its specialists share, and who may read and write it."""

    def specialist(self, name: str) -> Specialist:
        """The specialist of that name. Raises KeyError."""
        return next(s for s in self.specialists if s.name == name)

    @property
    def after_bound(self) -> tuple[str, ...]:
        """The steps that a bound may lead to, beside the end."""
        if isinstance(self.when_bound, FallBackTo):
            return (self.when_bound.to,)
        return ("gate", "execute") if self.when_bound == "person" else ()

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
