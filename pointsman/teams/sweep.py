"""What time decides: expiries, escalations and reminders."""

from contextlib import suppress

from pointsman.errors import TicketClosed
from pointsman.nodes.event import Event, TicketDecided, TicketReminded
from pointsman.teams.approvals.lifecycle import CLOCK, Move, time_move
from pointsman.teams.services import Services
from pointsman.teams.tickets import Ticket


async def sweep(services: Services) -> tuple[Ticket, ...]:
    """Apply what is due now to every open ticket of the team, and tell the reviewers who are asked
    next or reminded. Two processes at once: each step happens once. Gives what changed."""
    at = services.now()
    changed: list[Ticket] = []
    for ticket in await services.store.due_tickets(services.spec.name, at):
        move = time_move(ticket, at)
        if move is None:
            continue
        with suppress(TicketClosed):
            after = await services.store.amend(ticket.id, move)
            await _record(services, ticket, move, after)
            changed.append(after)
    return tuple(changed)


async def _record(services: Services, before: Ticket, move: Move, after: Ticket) -> None:
    """An expiry for good is recorded when its run acts on it."""
    if not after.open:
        return
    if move.step == "remind":
        waited = (move.at - before.created).total_seconds()
        event: Event = TicketReminded(ticket=after.id, reviewers=after.reviewers, waited=waited)
    else:
        event = TicketDecided(
            ticket=after.id, decision="escalate", by=CLOCK, specialist=after.specialist
        )
    await services.recorder.begin(after.run)
    services.recorder.emit(after.run, event)
    await services.recorder.flush(after.run, 0.0)
    await services.tell(after)
