"""Which actions need a person: all that change the fleet. Nobody answering means no."""

from pointsman.guardrails.policy import ApprovalPolicy, PolicyRule
from pointsman.nodes.message import Terms

HOURS = 3600.0
TERMS = Terms(expires_after=4 * HOURS, remind_after=HOURS)
"""An incident that nobody looked at for four hours is another one by then."""

policy = ApprovalPolicy(terms=TERMS)
"""Of the outer team: what a panel cannot settle is asked on these terms."""

fixing = ApprovalPolicy(
    rules=(
        PolicyRule(
            "fixes",
            then="ask",
            tools=("restart_service", "roll_back"),
            reason="changes what customers pay through",
        ),
    ),
    terms=TERMS,
)
"""Of the team that repairs."""
