"""A ticket as the page shows it: plain JSON, with everything from models and messages as text."""

from datetime import datetime

from pointsman.nodes.digest import JsonObject
from pointsman.teams.tickets import Ticket
from pointsman.views.visible import visible


def card(ticket: Ticket) -> JsonObject:
    """The ticket's card. Times are milliseconds since the epoch."""
    return {
        "id": ticket.id,
        "kind": ticket.kind,
        "status": ticket.status,
        "specialist": ticket.specialist,
        "tool": ticket.tool,
        "run": ticket.run,
        "thread": visible(ticket.thread),
        "args": ticket.runs,
        "schema": ticket.args_schema,
        "shows": ticket.shows,
        "changes": [c.model_dump(mode="json") for c in ticket.changes],
        "preview": "" if ticket.changes else visible(ticket.preview),
        "reason": visible(ticket.reason),
        "rule": f"{ticket.policy_rule}@{ticket.policy_version}",
        "stakes": ticket.stakes,
        "effect": ticket.effect,
        "provenance": [p.model_dump(mode="json") for p in ticket.provenance],
        "usd": ticket.usd,
        "created": _ms(ticket.created),
        "expires": _ms(ticket.expires),
        "approvals": ticket.approvals,
        "votes": [visible(v.by) for v in ticket.votes],
        "reviewers": [visible(name) for name in ticket.reviewers],
        "decision": ticket.decision,
        "by": visible(ticket.by),
        "decided": _ms(ticket.decided),
        "decision_reason": visible(ticket.decision_reason),
        "outcome": visible(ticket.outcome),
    }


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)
