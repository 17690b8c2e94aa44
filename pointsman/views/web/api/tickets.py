"""What waits for people, and their decisions. Who decides is the token's name, whatever is sent."""

from typing import cast

from pydantic import TypeAdapter
from starlette.responses import Response

from pointsman.errors import InvalidDecision, TicketClosed
from pointsman.teams.approvals.lifecycle import permit
from pointsman.teams.family import members
from pointsman.teams.tickets import Approve, Decision, Edit, Escalate, Reject, Respond, Ticket
from pointsman.views.web.api.call import NO_STORE, Call, not_there
from pointsman.views.web.api.models import (
    ApproveIn,
    DecisionIn,
    EditIn,
    EscalateIn,
    RejectIn,
    RespondIn,
    TicketList,
    TicketQuery,
)
from pointsman.views.web.api.problems import ApiError, Won
from pointsman.views.web.api.shown import ticket_view

DECISION: TypeAdapter[object] = TypeAdapter(DecisionIn)


async def list_tickets(call: Call) -> Response:
    """Tickets, oldest first."""
    asked = call.query(TicketQuery)
    tenant = call.tenant(asked.tenant)
    async with call.api.team.sessions.services() as services:
        page = await services.store.ticket_page(
            services.spec.name,
            inside=sorted(members(services.spec).keys() - {services.spec.name}),
            status=None if asked.status == "all" else asked.status,
            tenant=tenant, run=asked.run, after=int(asked.after or 0), limit=asked.limit,
        )  # fmt: skip
    after = None if page.next is None else str(page.next)
    shown = TicketList(tickets=tuple(map(ticket_view, page.tickets)), next=after)
    return Response(shown.model_dump_json(), headers=NO_STORE, media_type="application/json")


async def read_ticket(call: Call) -> Response:
    """One ticket, in whatever state. Its ETag is the digest of what it shows."""
    return _shown(await _ticket(call))


async def decide(call: Call) -> Response:
    """Record a decision; the run goes on by itself."""
    ticket = await _ticket(call)
    given = cast("DecisionIn", await call.body(DECISION))
    tag = _tag(call)
    if isinstance(given, ApproveIn | EditIn) and (tag or given.digest) is None:
        raise ApiError(428, "Give the digest of the ticket that you saw, as If-Match or `digest`.")
    seen = (given.digest if isinstance(given, ApproveIn | EditIn) else None) or tag or ""
    if tag and seen != tag:
        raise ApiError(422, "If-Match and `digest` differ.")
    _permitted(call, ticket)
    if ticket.open and seen not in ("", ticket.shows):
        raise _changed(ticket)
    try:
        after = await call.api.mailbox.decide(ticket.id, _decision(given, call.token.name, seen))
    except TicketClosed as error:
        raise _closed(await call.api.team.ticket(ticket.id), str(error)) from error
    except InvalidDecision:
        now = await call.api.team.ticket(ticket.id)
        if seen not in ("", now.shows):
            raise _changed(now) from None
        raise
    return _shown(after)


async def _ticket(call: Call) -> Ticket:
    ticket = await call.api.team.ticket(call.part("ticket"))
    if not call.token.sees(ticket.tenant):
        raise not_there()
    return ticket


def _shown(ticket: Ticket) -> Response:
    headers = {**NO_STORE, "ETag": f'"{ticket.shows}"'}
    view = ticket_view(ticket)
    return Response(view.model_dump_json(), headers=headers, media_type="application/json")


def _tag(call: Call) -> str | None:
    """What If-Match says was seen; None where it says nothing, as `*` does."""
    text = (call.header("if-match") or "*").strip()
    return None if text == "*" else text.strip('"')


def _permitted(call: Call, ticket: Ticket) -> None:
    groups = members(call.api.team.spec)[ticket.team].reviewers
    try:
        if ticket.open:
            permit(ticket, call.token.name, groups)
    except InvalidDecision as error:
        raise ApiError(403, str(error), kind="not-a-reviewer") from error


def _decision(given: DecisionIn, by: str, seen: str) -> Decision:
    match given:
        case ApproveIn():
            return Approve(by=by, reason=given.reason, digest=seen)
        case EditIn():
            return Edit(by=by, reason=given.reason, args=given.args, digest=seen)
        case RejectIn():
            return Reject(by=by, reason=given.reason)
        case RespondIn():
            return Respond(by=by, reason=given.reason, text=given.text)
        case EscalateIn():
            return Escalate(by=by, reason=given.reason, to=given.to)


def _closed(ticket: Ticket, detail: str) -> ApiError:
    """Somebody was first (409), or it is over without anybody's decision (410)."""
    over = ticket.status in ("expired", "superseded", "cancelled")
    won = Won(by=ticket.by, decision=ticket.decision, status=ticket.status)
    return ApiError(410 if over else 409, detail, won=won)


def _changed(ticket: Ticket) -> ApiError:
    by = ticket.votes[-1].by if ticket.votes else ticket.by
    won = Won(by=by, decision=ticket.decision or "edit", status=ticket.status)
    return ApiError(
        412, f"Ticket {ticket.id} shows something else by now: look at it again.", won=won
    )
