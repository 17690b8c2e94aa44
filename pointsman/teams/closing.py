"""Closing what a run leaves behind when it ends: no ticket may wait for a run that is over, and
what was done in a run that came to nothing may be undone."""

from contextlib import suppress

from pointsman.errors import TicketClosed
from pointsman.nodes.event import RunEnded, TicketOpened
from pointsman.nodes.message import Status
from pointsman.teams.approvals.lifecycle import run_move
from pointsman.teams.children import with_children
from pointsman.teams.effects import Ledger
from pointsman.teams.followup import compensation
from pointsman.teams.services import Services
from pointsman.teams.store.rows import RunRow
from pointsman.teams.summary import summarise
from pointsman.teams.tape import Beginning, in_attempt
from pointsman.teams.tickets import DECIDED, Ticket

CAME_TO_NOTHING: tuple[Status, ...] = ("failed", "partial", "cancelled")
"""How a run ends after which its done effects may be undone."""


async def close_tickets(services: Services, row: RunRow, status: Status) -> None:
    """Close every ticket of the run that nobody will act on any more."""
    why = f"The run ended as {status}."
    if row.cancelled_by:
        why = f"The run was cancelled by {row.cancelled_by}."
    step, to = ("cancel", "cancelled") if status == "cancelled" else ("supersede", "superseded")
    for ticket in await services.store.tickets(row.team, run=row.run):
        if ticket.kind != "compensate" and ticket.status in ("pending", "approved"):
            with suppress(TicketClosed):
                by = row.cancelled_by or "run"
                move = run_move(step, to, services.now(), outcome=why, by=by)
                await services.store.amend(ticket.id, move)


async def cancel(services: Services, row: RunRow, who: str) -> None:
    """Note that the run, with all that it gave to others, is to be cancelled; what waits for people
    ends now.

    Whoever moves a waiting run first wins: this, or a decision that takes it on.
    """
    await services.store.ask_cancel(row.run, who)
    for one in (row, *await services.store.offspring(row.run)):
        await _cancel_waiting(services.of(one.team), one, who)


async def _cancel_waiting(services: Services, row: RunRow, who: str) -> None:
    store = services.store
    row = await store.find_run(row.run) or row
    await services.recorder.begin(row.run)
    text = f"Cancelled by {who}."
    result = summarise(
        row,
        services.recorder.events(row.run),
        status="cancelled",
        seconds=row.seconds,
        answer=text,
        error="Cancelled",
    )
    result = await with_children(store, result)
    moved = await store.move_run(row.run, "cancelled", frm=("waiting",), result=result)
    row = await store.find_run(row.run) or row
    if row.state == "cancelled":
        await close_tickets(services, row, "cancelled")
        await offer_compensation(services, row, "cancelled")
    if moved:
        services.recorder.emit(row.run, RunEnded(run=row.run, status="cancelled", text=text))
    await services.recorder.flush(row.run, 0.0)


async def end_below(services: Services, row: RunRow) -> None:
    """End what a run that has ended gave to others and nobody goes on with: a run that was
    cancelled, or failed, while they were under way."""
    for child in reversed(await services.store.offspring(row.run)):
        if child.state in ("running", "waiting"):
            mine = services.of(child.team)
            result = summarise(
                child, await services.store.events(child.run), status="cancelled",
                seconds=child.seconds, answer="The run that gave this work ended.",
                error="Cancelled",
            )  # fmt: skip
            result = await with_children(services.store, result)
            if await services.store.move_run(
                child.run, "cancelled", frm=("running", "waiting"), result=result
            ):
                await close_tickets(mine, child, "cancelled")
                await offer_compensation(mine, child, "cancelled")


async def offer_compensation(services: Services, row: RunRow, status: Status) -> None:
    """A ticket for every done effect that its tool can undo, the last one first, when the run came
    to nothing. Again: no change."""
    if status not in CAME_TO_NOTHING:
        return
    run = services.run_for(row, "compensate")
    for effect in reversed(await services.store.effects(row.run)):
        ticket = await services.store.find_ticket(effect.ticket)
        if ticket is None or ticket.kind != "action" or effect.state != "done":
            continue
        tool = services.spec.tool(ticket.specialist, ticket.tool)
        if tool is None or tool.compensate is None:
            continue
        offer = compensation(services.spec, ticket, effect, f"The run ended as {status}.", run)
        new = await services.store.find_ticket(offer.id) is None
        await services.store.freeze([offer])
        if new:
            run.emit(
                TicketOpened(
                    ticket=offer.id, specialist=offer.specialist, tool=offer.tool,
                    reason=offer.reason,
                )
            )  # fmt: skip
            await services.tell(offer)


async def has_offers(services: Services, run: str) -> bool:
    """Whether an offer of an ended run is decided and nobody has acted on it."""
    row = await services.store.find_run(run)
    if row is None or row.state not in CAME_TO_NOTHING:
        return False
    return any(_decided(t) for t in await services.store.tickets(row.team, run=run))


async def compensate(services: Services, row: RunRow) -> None:
    """Act on the decided offers of a run that has ended. They need no graph."""
    offers = [t for t in await services.store.tickets(row.team, run=row.run) if _decided(t)]
    if not offers:
        return
    await services.recorder.begin(row.run)
    tape = services.recorder.step(row, Beginning(in_attempt("compensate", row)))
    run = services.run_for(row, "compensate", tape=tape)
    ledger = Ledger(services.spec, services.store, run, doors=services.doors)
    for offer in offers:
        await ledger.settle(offer)
    await services.recorder.flush(row.run, 0.0)


def _decided(ticket: Ticket) -> bool:
    """An offer, or a question about one, that is decided and that nobody has acted on."""
    outside = ticket.kind in ("compensate", "ambiguous")
    return outside and ticket.status in DECIDED and ticket.settled is None
