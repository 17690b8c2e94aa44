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
nodes.message: Answer Attachment Message Request Task; nodes.node: Node
nodes.panel: Panel; nodes.plan: Plan
nodes.routing.router: Router
nodes.routing.rules: Rule
nodes.run: Budget Run
nodes.specialist: Specialist
nodes.tool: Tool tool
teams.blackboard: Blackboard Entry
teams.memory: Memory; teams.result: Result
teams.team: Team
teams.tickets: Approve Edit Escalate Reject Respond Ticket
views.telemetry: telemetry
"""
_LINES = [line.split() for line in _FACE.replace("; ", "\n").splitlines()]
_HOME = {name: home[:-1] for home, *names in _LINES[1:] for name in names}
__version__ = "0.1.0"
__all__ = sorted(_HOME)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    """Import a public name at first use: `import pointsman` costs next to nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'pointsman' has no attribute {name!r}")
    module = import_module(f"pointsman.{_HOME[name]}")
    return module if name == "telemetry" else getattr(module, name)
