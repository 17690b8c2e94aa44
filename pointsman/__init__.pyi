from pointsman.errors import PointsmanError as PointsmanError
from pointsman.guardrails.asked import as_asked as as_asked
from pointsman.guardrails.breaker import CircuitBreaker as CircuitBreaker
from pointsman.guardrails.content import ContentFilter as ContentFilter
from pointsman.guardrails.grounding import GroundingGuard as GroundingGuard
from pointsman.guardrails.overbudget import OverBudget as OverBudget
from pointsman.guardrails.policy import ApprovalPolicy as ApprovalPolicy
from pointsman.guardrails.policy import PolicyRule as PolicyRule
from pointsman.guardrails.quota import Quota as Quota
from pointsman.guardrails.rate import RateLimit as RateLimit
from pointsman.nodes.budgets import Allowance as Allowance
from pointsman.nodes.message import Answer as Answer
from pointsman.nodes.message import Attachment as Attachment
from pointsman.nodes.message import Message as Message
from pointsman.nodes.node import Node as Node
from pointsman.nodes.routing.router import Router as Router
from pointsman.nodes.routing.rules import Rule as Rule
from pointsman.nodes.run import Budget as Budget
from pointsman.nodes.run import Run as Run
from pointsman.nodes.specialist import Specialist as Specialist
from pointsman.nodes.tool import Tool as Tool
from pointsman.nodes.tool import tool as tool
from pointsman.teams.result import Result as Result
from pointsman.teams.team import Team as Team
from pointsman.teams.tickets import Approve as Approve
from pointsman.teams.tickets import Edit as Edit
from pointsman.teams.tickets import Escalate as Escalate
from pointsman.teams.tickets import Reject as Reject
from pointsman.teams.tickets import Respond as Respond
from pointsman.teams.tickets import Ticket as Ticket

__version__: str
__all__: list[str]
