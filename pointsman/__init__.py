"""LLM agent teams on LangGraph: routed, guarded, approved by people; effects happen once."""

from importlib import import_module

_FACE = """
errors: PointsmanError
guardrails.asked: as_asked
guardrails.breaker: CircuitBreaker
guardrails.content: ContentFilter
guardrails.grounding: GroundingGuard
guardrails.overbudget: OverBudget
guardrails.policy: ApprovalPolicy PolicyRule
guardrails.quota: Quota
guardrails.rate: RateLimit
nodes.budgets: Allowance
nodes.message: Answer Attachment Message Request Task
nodes.node: Node
nodes.panel: Panel
nodes.plan: Plan
nodes.routing.router: Router
nodes.routing.rules: Rule
nodes.run: Budget Run
nodes.specialist: Specialist
nodes.tool: Tool tool
teams.blackboard: Blackboard Entry
teams.memory: Memory
teams.result: Result
teams.team: Team
teams.tickets: Approve Edit Escalate Reject Respond Ticket
"""
_HOME = {n: line.split(":")[0] for line in _FACE.split("\n") for n in line.split()[1:]}
__version__ = "0.1.0"
__all__ = sorted(_HOME)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    """Import a public name at first use: `import pointsman` costs next to nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'pointsman' has no attribute {name!r}")
    return getattr(import_module(f"pointsman.{_HOME[name]}"), name)
