"""The parts of one run's page: messages, calls, verdicts, tools, effects."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from pointsman.nodes.event import Judged, ModelCalled, Recorded, ToolCalled
from pointsman.nodes.message import request_of
from pointsman.teams.result import Result
from pointsman.teams.store.rows import EffectRow, RunRow
from pointsman.teams.tickets import Ticket, action_digest
from pointsman.views.web.console import runshapes


def messages(
    row: RunRow, result: Result, tickets: Iterable[Ticket]
) -> tuple[runshapes.MessageShown, ...]:
    """What is stored of what was said: the request, each proposal and its outcome, the answer."""
    said = [
        runshapes.MessageShown(
            id=row.request.id, frm=row.request.sender, to=row.request.receiver,
            kind=row.request.type, text=request_of(row.request).text, at=_ms(row.request.time),
        )
    ]  # fmt: skip
    for ticket in tickets:
        said.append(
            runshapes.MessageShown(
                id=ticket.id, frm=ticket.specialist, to="person", kind="proposal",
                text=ticket.reason, data={"tool": ticket.tool, "args": ticket.runs},
                at=_ms(ticket.created),
            )
        )  # fmt: skip
        if ticket.outcome or ticket.response:
            said.append(
                runshapes.MessageShown(
                    id=f"{ticket.id}/outcome", frm=ticket.by or "run", to=ticket.specialist,
                    kind="outcome", text=ticket.outcome or ticket.response,
                    at=_ms(ticket.settled or ticket.decided),
                )
            )  # fmt: skip
    if result.answer and row.state not in ("running", "waiting"):
        said.append(
            runshapes.MessageShown(
                id="answer", frm=result.specialist or "team", to=row.request.sender, kind="answer",
                text=result.answer, data=result.data,
            )
        )  # fmt: skip
    return tuple(said)


def calls(events: Sequence[Recorded]) -> tuple[runshapes.CallShown, ...]:
    """Every model call that gave an answer."""
    return tuple(
        runshapes.CallShown(
            call=e.call or str(n), step=n, specialist=e.specialist, purpose=e.purpose,
            model=e.model, source=e.source, input_tokens=e.input_tokens,
            cached_tokens=e.cached_tokens, output_tokens=e.output_tokens, usd=e.usd,
            saved_usd=e.saved_usd, seconds=e.seconds,
        )
        for n, e in enumerate(recorded.event for recorded in events)
        if isinstance(e, ModelCalled)
    )  # fmt: skip


def verdicts(events: Sequence[Recorded]) -> tuple[runshapes.VerdictShown, ...]:
    """What guards said."""
    return tuple(
        runshapes.VerdictShown(
            step=n, guard=e.guard, specialist=e.specialist, stage=e.stage, verdict=e.verdict,
            rule=e.rule, count=e.count, confidence=e.confidence, shadow=e.shadow,
        )
        for n, e in enumerate(recorded.event for recorded in events)
        if isinstance(e, Judged)
    )  # fmt: skip


def tools(events: Sequence[Recorded], tickets: Iterable[Ticket]) -> tuple[runshapes.ToolShown, ...]:
    """Every tool call; arguments where a ticket holds them."""
    known = {action_digest(t.tool, t.runs): t.runs for t in tickets}
    return tuple(
        runshapes.ToolShown(
            step=n, tool=e.tool, specialist=e.specialist, effect=e.effect, ok=e.ok, error=e.error,
            seconds=e.seconds, args=known.get(e.args_digest),
        )
        for n, e in enumerate(recorded.event for recorded in events)
        if isinstance(e, ToolCalled)
    )  # fmt: skip


def effect(row: EffectRow) -> runshapes.EffectShown:
    """A write of the ledger."""
    return runshapes.EffectShown(
        key=row.key, ticket=row.ticket, tool=row.tool, state=row.state, result=row.result,
        attempt=row.attempt, intended=round(row.intended * 1000) if row.intended else None,
    )  # fmt: skip


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)
