"""Where a run waits for people: freezing what is proposed, pausing, acting on what is decided."""

# pyright: reportTypedDictNotRequiredAccess=false
# Intake sets every channel.

import logging
from collections.abc import Sequence
from typing import cast

from pointsman.errors import HopLimit, Misconfigured, NotFound, PointsmanError, StoreBroken
from pointsman.nodes.event import RunEnded, TicketOpened
from pointsman.nodes.message import Delegation, Escalation, Message, Outcome, Proposal
from pointsman.nodes.run import Run
from pointsman.teams import ending, propose
from pointsman.teams.approvals.hitl import Wake, decided
from pointsman.teams.children import with_children
from pointsman.teams.claim import claim
from pointsman.teams.dead import repeated
from pointsman.teams.effects import Ledger
from pointsman.teams.services import Services
from pointsman.teams.state import RunState, as_json
from pointsman.teams.store.rows import RunRow
from pointsman.teams.summary import summarise
from pointsman.teams.tickets import Ticket

log = logging.getLogger("pointsman.teams")


async def freeze(
    name: str, reply: Message, state: RunState, run: Run, services: Services
) -> RunState:
    """Make the tickets of a proposal, a plan or a held text, on disk before the run can pause."""
    spec = services.spec
    rounds = state["rounds"] + 1
    if rounds > spec.max_rounds:
        raise HopLimit(f"Run {run.id} proposed actions more than {spec.max_rounds} times.")
    match reply.payload:
        case Proposal():
            tickets = await propose.action_tickets(spec, name, reply.payload, run)
        case Delegation():
            tickets = [propose.plan_ticket(spec, name, reply.payload, run)]
        case _:
            tickets = [propose.held_ticket(spec, name, cast("Escalation", reply.payload), run)]
    update: RunState = {"rounds": rounds}
    return update | await ask(tickets, reply, state, run, services)


async def ask(
    tickets: Sequence[Ticket], carried: Message, state: RunState, run: Run, services: Services
) -> RunState:
    """Put tickets on disk, and wait for people or act on what is decided already. `carried` is what
    the run goes on from."""
    spec = services.spec
    if not state["durable"] and any(t.open for t in tickets):
        raise Misconfigured(
            f"Team {spec.name!r} must ask a person here, and the graph it runs in has no"
            " checkpointer: the wait could never end.",
            hint="Compile the outer graph with a checkpointer.",
        )
    if run.attempt > 1:
        tickets = await repeated(services, run, tickets)
    # A re-run of this step finds the rows of the first time, which may be decided by now.
    rows = await services.store.freeze(tickets)
    await _announce([t for t in rows if t.open], run, services)
    update: RunState = {"carried": as_json(carried), "outcomes": []}
    return update | await _pause_or_act(rows, carried, run, services)


async def act(state: RunState, run: Run, services: Services) -> RunState:
    """Act on every decided ticket, one after another; back to the gate for the rest."""
    await _claim_raw(state, services)
    carried = Message.model_validate(state["carried"])
    if not await services.store.move_run(run.id, "running", frm=("waiting", "running")):
        # Ended meanwhile: cancelled by somebody, or a parent graph goes over it again.
        row = await _row(run, services)
        stopped = run.tape.cancelled(row.cancelled_by)
        if stopped:
            return ending.cancelled(carried, stopped)
    ledger = Ledger(
        services.spec, services.store, run, may_ask=state["durable"], doors=services.doors
    )
    still: list[Ticket] = []
    outcomes, done = list(state["outcomes"]), list(state["done"])
    for ticket_id in state["open"]:
        ticket = await _ticket(services, ticket_id)
        came = ticket if ticket.open else await ledger.settle(ticket)
        if isinstance(came, Ticket):
            if came.id != ticket.id:
                await _announce([came], run, services)
            still.append(came)
            continue
        outcomes.append(as_json(came))
        if _wrote(ticket, came):
            done.append(came.text)
    update: RunState = {"outcomes": outcomes, "done": done}
    if still:
        return update | await _pause_or_act(still, carried, run, services)
    return update | ending.after_tickets(state, outcomes, no_route=services.spec.no_route)


def _wrote(ticket: Ticket, outcome: Outcome) -> bool:
    """Whether a write happened that a partial answer should tell of."""
    return (
        outcome.status == "done"
        and ticket.effect == "write"
        and ticket.kind in ("action", "ambiguous")
    )


async def _pause_or_act(
    tickets: Sequence[Ticket], carried: Message, run: Run, services: Services
) -> RunState:
    pending = [t for t in tickets if t.open]
    still_open = [t.id for t in tickets]
    if len(pending) < len(tickets):
        return {"next": "execute", "open": still_open, "asks": [], "wake": {}}
    row = await _row(run, services)
    stopped = run.tape.cancelled(row.cancelled_by)
    if stopped:
        return ending.cancelled(carried, stopped)
    name = pending[0].specialist if pending[0].specialist in services.nodes else ""
    result = summarise(
        row, services.recorder.events(run.id), status="waiting", seconds=row.seconds,
        specialist=name, tickets=pending,
    )  # fmt: skip
    result = await with_children(services.store, result)
    await services.store.move_run(run.id, "waiting", frm=("running", "waiting"), result=result)
    run.emit(RunEnded(run=run.id, status="waiting", specialist=name))
    return {
        "next": "gate",
        "open": still_open,
        "asks": [propose.ask(t) for t in pending],
        "wake": {},
    }


async def _announce(tickets: Sequence[Ticket], run: Run, services: Services) -> None:
    for ticket in tickets:
        run.emit(
            TicketOpened(
                ticket=ticket.id, specialist=ticket.specialist, tool=ticket.tool,
                reason=ticket.reason,
            )
        )  # fmt: skip
        await services.tell(ticket)


async def _claim_raw(state: RunState, services: Services) -> None:
    """Decisions that came by a raw `Command(resume=…)`: the same claim as every other."""
    if not state["wake"]:
        return
    try:
        wake = Wake.model_validate(state["wake"])
        for ticket, decision in decided(wake, state["asks"], root=state.get("root", False)):
            if ticket not in state["open"]:
                raise NotFound(f"Ticket {ticket!r} is not open in run {state['run']}.")
            await claim(services.spec, services.store, ticket, decision, services.now())
    except PointsmanError as error:
        log.warning("a resume of run %s was refused: %s", state["run"], error)


async def _ticket(services: Services, ticket: str) -> Ticket:
    found = await services.store.find_ticket(ticket)
    if found is None:
        raise StoreBroken(f"Ticket {ticket} is not in the store {services.home} any more.")
    return found


async def _row(run: Run, services: Services) -> RunRow:
    row = await services.store.find_run(run.id)
    if row is None:
        raise StoreBroken(f"Run {run.id} is not in the store {services.home} any more.")
    return row
