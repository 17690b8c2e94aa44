"""LLM agent teams on LangGraph: routed, guarded, approved by people; effects happen once."""

from importlib import import_module

_HOME = {
    "Answer": "nodes.message",
    "Approve": "teams.tickets",
    "ApprovalPolicy": "guardrails.policy",
    "Attachment": "nodes.message",
    "Budget": "nodes.run",
    "ContentFilter": "guardrails.content",
    "Edit": "teams.tickets",
    "Escalate": "teams.tickets",
    "GroundingGuard": "guardrails.grounding",
    "Message": "nodes.message",
    "Node": "nodes.node",
    "PointsmanError": "errors",
    "PolicyRule": "guardrails.policy",
    "RateLimit": "guardrails.rate",
    "Reject": "teams.tickets",
    "Respond": "teams.tickets",
    "Result": "teams.result",
    "Router": "nodes.router",
    "Rule": "nodes.router",
    "Run": "nodes.run",
    "Specialist": "nodes.specialist",
    "Team": "teams.team",
    "Ticket": "teams.tickets",
    "Tool": "nodes.tool",
    "tool": "nodes.tool",
}
__version__ = "0.1.0"
__all__ = sorted(_HOME)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    """Import a public name at first use, so that `import pointsman` costs next to nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'pointsman' has no attribute {name!r}")
    return getattr(import_module(f"pointsman.{_HOME[name]}"), name)
