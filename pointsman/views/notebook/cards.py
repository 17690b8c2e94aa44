"""A ticket as the page shows it: plain JSON, with everything from models and messages as text."""

from collections.abc import Iterator
from datetime import datetime

from pydantic import JsonValue

from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import Change
from pointsman.teams.tickets import Ticket
from pointsman.views.cli.wording import KINDS, NO_TOOL, money, short
from pointsman.views.notebook.form import exact, fields
from pointsman.views.visible import visible


def card(ticket: Ticket) -> JsonObject:
    """The ticket's card. Times are milliseconds since the epoch."""
    held = ticket.kind in NO_TOOL
    words = KINDS[ticket.kind]
    return {
        "id": ticket.id,
        "run": ticket.run,
        "kind": ticket.kind,
        "status": ticket.status,
        "stakes": ticket.stakes,
        "title": " · ".join(
            visible(part) for part in (ticket.specialist, "" if held else ticket.tool) if part
        ),
        "asks": "" if ticket.kind == "action" else words.waits,
        "risk": "" if held else f"{ticket.stakes}-stakes {ticket.effect}",
        "reason": visible(ticket.reason),
        "changes": [_change(change) for change in ticket.changes],
        "preview": "" if _says_the_same(ticket) else visible(ticket.preview),
        "fields": fields(ticket),
        "facts": list(_facts(ticket)),
        "shows": ticket.shows,
        "words": {
            "approve": words.approve,
            "reject": words.reject,
            "respond": words.respond,
            "edit": words.edit,
            "asks_respond": words.asks_respond,
        },
        "created": _ms(ticket.created),
        "expires": _ms(ticket.expires),
        "late": f"{visible(ticket.escalate_to[0])} is asked" if ticket.escalate_to else words.late,
        "decided": _ms(ticket.decided),
        "ended": list(_ended(ticket)),
    }


def _facts(ticket: Ticket) -> Iterator[JsonValue]:
    """Who decides, what it cost, and where it comes from."""
    if ticket.approvals > 1:
        who = ", ".join(dict.fromkeys(visible(vote.by) for vote in ticket.votes))
        done = len({vote.by for vote in ticket.votes})
        yield f"{done} of {ticket.approvals} approvals{f': {who}' if who else ''}"
    if ticket.reviewers:
        yield f"for {', '.join(map(visible, ticket.reviewers))}"
    yield "cost unknown" if ticket.usd is None else f"{money(ticket.usd)} so far"
    yield f"run {short(ticket.run)}"
    yield f"thread {visible(ticket.thread)}"
    if ticket.tenant != "default":
        yield f"tenant {visible(ticket.tenant)}"
    if ticket.about:
        yield f"about ticket {short(ticket.about)}"
    yield f"rule {visible(ticket.policy_rule)}, policy {short(ticket.policy_version) or 'unknown'}"


def _ended(ticket: Ticket) -> Iterator[JsonValue]:
    """What became of it: its status, who decided, why, and what came of that. The page adds when,
    after who."""
    yield ticket.status
    yield f"{ticket.decision} by {visible(ticket.by)}" if ticket.decision and ticket.by else ""
    yield visible(ticket.decision_reason)
    yield visible(ticket.response)
    yield visible(ticket.outcome)


def _change(change: Change) -> JsonObject:
    return {
        "what": visible(change.what),
        "before": _words(change.before),
        "after": _words(change.after),
    }


def _words(value: JsonValue) -> str:
    if value is None:
        return "nothing"
    return visible(value) if isinstance(value, str) else exact(value)


def _says_the_same(ticket: Ticket) -> bool:
    """Whether the preview says, line by line, what the changes say."""
    lines = ticket.preview.split("\n")
    return len(lines) == len(ticket.changes) and all(
        line.startswith(f"{change.what}: ")
        for line, change in zip(lines, ticket.changes, strict=True)
    )


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)
