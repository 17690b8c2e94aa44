"""Closing what a run leaves behind when it ends: no ticket may wait for a run that is over."""

from pointsman.nodes.event import RunEnded
from pointsman.teams.services import Services
from pointsman.teams.store.protocol import RunRow, Store
from pointsman.teams.summary import summarise
from pointsman.teams.tickets import TicketStatus

_OPEN: tuple[TicketStatus, ...] = ("pending", "approved")


async def close_tickets(store: Store, row: RunRow, to: TicketStatus, why: str) -> None:
    """Settle every ticket of the run that nobody will act on any more."""
    for ticket in await store.tickets(row.team, run=row.run):
        if ticket.status in _OPEN:
            await store.settle_ticket(ticket.id, to, frm=_OPEN, outcome=why)


async def cancel(services: Services, row: RunRow, who: str) -> None:
    """Note that the run is to be cancelled; end it now if it waits for people.

    Whoever moves the waiting run first wins: this, or a decision that takes it on.
    """
    store = services.store
    await store.ask_cancel(row.run, who)
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
    if await store.move_run(row.run, "cancelled", frm=("waiting",), result=result):
        await close_tickets(store, row, "cancelled", f"the run was cancelled by {who}")
        services.recorder.emit(row.run, RunEnded(run=row.run, status="cancelled", text=text))
    await services.recorder.flush(row.run, 0.0)
