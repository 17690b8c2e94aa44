"""From what the team has on record to what the API shows of it."""

from datetime import UTC, datetime

from pointsman.nodes.event import Recorded
from pointsman.nodes.message import request_of
from pointsman.teams import search
from pointsman.teams.store.rows import RunRow
from pointsman.teams.team import Team
from pointsman.teams.tickets import TAKES, Ticket
from pointsman.views.web.api.models import (
    ChangeView,
    EventView,
    OriginView,
    RunLine,
    RunView,
    TicketView,
    VoteView,
)


async def run_view(team: Team, row: RunRow) -> RunView:
    """A run as it stands in the row, with its open tickets."""
    # While it runs, its row may still hold what it waited for before.
    result = None if row.result is None or row.state == "running" else await team.result(row.run)
    return RunView(
        run=row.run, thread=row.thread, tenant=row.tenant, state=row.state,
        message_id=row.request.id, text=request_of(row.request).text, created=row.request.time,
        priority=row.request.priority,
        route=result.route if result else "", specialist=result.specialist if result else "",
        answer=result.answer if result else "", data=result.data if result else None,
        tickets=tuple(t.id for t in result.tickets) if result else (),
        calls=result.model_calls if result else 0,
        input_tokens=result.input_tokens if result else 0,
        output_tokens=result.output_tokens if result else 0,
        usd=result.usd if result else None, seconds=row.seconds,
        error=result.error if result else "", cancelled_by=row.cancelled_by,
        release=row.release, parent=row.parent, attempt=row.attempt,
    )  # fmt: skip


def run_line(line: search.RunLine) -> RunLine:
    """A run as a list shows it."""
    return RunLine(
        run=line.run, thread=line.thread, tenant=line.tenant, state=line.state, text=line.text,
        specialist=line.specialist, created=datetime.fromtimestamp(line.created, UTC),
        seconds=line.seconds, usd=line.usd, calls=line.calls, error=line.error,
        release=line.release, parent=line.parent,
    )  # fmt: skip


def event_view(recorded: Recorded) -> EventView:
    """An event of a run."""
    said = recorded.event.model_dump(mode="json", exclude={"kind"})
    return EventView(
        run=recorded.run, seq=recorded.seq, at=datetime.fromtimestamp(recorded.at, UTC),
        kind=recorded.event.kind, data=said,
    )  # fmt: skip


def ticket_view(ticket: Ticket) -> TicketView:
    """A ticket with what a reviewer needs to decide it."""
    return TicketView(
        id=ticket.id, run=ticket.run, thread=ticket.thread, tenant=ticket.tenant,
        kind=ticket.kind, specialist=ticket.specialist, tool=ticket.tool, effect=ticket.effect,
        stakes=ticket.stakes, args=ticket.runs, args_schema=ticket.args_schema,
        digest=ticket.shows, takes=TAKES[ticket.kind] if ticket.open else (),
        reason=ticket.reason, preview=ticket.preview,
        changes=tuple(
            ChangeView(what=c.what, before=c.before, after=c.after) for c in ticket.changes
        ),
        origins=tuple(
            OriginView(argument=p.argument, origin=p.origin, source=p.source)
            for p in ticket.provenance
        ),
        approvals=ticket.approvals,
        votes=tuple(VoteView(by=v.by, at=v.at) for v in ticket.votes),
        reviewers=ticket.reviewers, created=ticket.created, expires=ticket.expires,
        status=ticket.status, decision=ticket.decision, by=ticket.by, decided=ticket.decided,
        decision_reason=ticket.decision_reason, response=ticket.response, outcome=ticket.outcome,
    )  # fmt: skip
