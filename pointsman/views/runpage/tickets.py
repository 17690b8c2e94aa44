"""Tickets as what was proposed beside what was decided, and the effects that came of them."""

import difflib
import json
from datetime import datetime

from pointsman.evals.page.escaped import safe
from pointsman.nodes.digest import JsonObject
from pointsman.teams.replay.record import EffectRecord, RunRecord
from pointsman.teams.tickets import Ticket
from pointsman.views.cli.wording import KINDS, span


def tickets(record: RunRecord) -> str:
    """A card for each ticket of the run, with its effect."""
    effects = {effect.ticket: effect for effect in record.effects}
    return "".join(_card(ticket, effects.get(ticket.id)) for ticket in record.tickets)


def _card(ticket: Ticket, effect: EffectRecord | None) -> str:
    waits = KINDS[ticket.kind].waits
    title = f"{ticket.tool}: {waits}" if ticket.kind != "action" else ticket.tool
    tone = {"executed": "pass", "failed": "fail", "rejected": "fail"}.get(ticket.status, "error")
    return (
        f'<article class="card ticket {tone}"><h3>{safe(title)} <span class="state">'
        f'{safe(ticket.status)}</span></h3><p class="soft">{safe(ticket.specialist)}, ticket'
        f" {safe(ticket.id)}, rule {safe(ticket.policy_rule)}</p><p>{safe(ticket.reason)}</p>"
        f"{_preview(ticket)}{_beside(ticket)}<dl>{_decision(ticket)}{_effect(effect, ticket)}</dl>"
        "</article>\n"
    )


def _preview(ticket: Ticket) -> str:
    return f'<pre class="preview">{safe(ticket.preview)}</pre>' if ticket.preview else ""


def _beside(ticket: Ticket) -> str:
    """The arguments as they were proposed, and where somebody changed them, line by line how."""
    proposed, runs = _lines(ticket.args), _lines(ticket.runs)
    if ticket.approved_args is None:
        return f'<pre class="args">{safe(chr(10).join(proposed))}</pre>'
    told: list[str] = []
    for line in difflib.ndiff(proposed, runs):
        kind = {"-": "gone", "+": "come"}.get(line[:1], "same")
        if line[:1] != "?":
            told.append(f'<span class="{kind}">{safe(line)}</span>')
    return f'<pre class="args diff" aria-label="proposed and decided">{"".join(told)}</pre>'


def _lines(args: JsonObject) -> list[str]:
    return json.dumps(args, indent=1, ensure_ascii=False, sort_keys=True).splitlines()


def _decision(ticket: Ticket) -> str:
    if not ticket.by:
        return "<dt>decided</dt><dd>nobody has</dd>"
    took = f" after {span(_waited(ticket.created, ticket.decided))}" if ticket.decided else ""
    said = f"{ticket.decision or ticket.status} by {ticket.by}{took}"
    why = (
        f"<dt>because</dt><dd>{safe(ticket.decision_reason)}</dd>" if ticket.decision_reason else ""
    )
    told = f"<dt>answered</dt><dd>{safe(ticket.response)}</dd>" if ticket.response else ""
    return f"<dt>decided</dt><dd>{safe(said)}</dd>{why}{told}"


def _waited(since: datetime, until: datetime | None) -> float:
    return max((until - since).total_seconds(), 0.0) if until else 0.0


def _effect(effect: EffectRecord | None, ticket: Ticket) -> str:
    if effect is None:
        return f"<dt>came to</dt><dd>{safe(ticket.outcome)}</dd>" if ticket.outcome else ""
    tries = f", attempt {effect.attempt}" if effect.attempt > 1 else ""
    text = f"{effect.state}{tries}: {effect.result}"
    return (
        f'<dt>effect</dt><dd class="{"bad" if effect.state == "failed" else ""}">{safe(text)}</dd>'
    )
