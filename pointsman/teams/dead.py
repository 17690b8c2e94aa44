"""Dead letters: runs that failed for good, kept whole, driven again or given up by a person."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from pointsman.errors import Conflict, TicketClosed
from pointsman.nodes.digest import digest
from pointsman.nodes.run import Budget, Run
from pointsman.teams.approvals.audit import AuditEntry
from pointsman.teams.approvals.lifecycle import run_move
from pointsman.teams.services import Services
from pointsman.teams.store.rows import RunRow
from pointsman.teams.summary import known_run
from pointsman.teams.tickets import DECIDED, Ticket


async def redrive(
    services: Services, run: str, *, by: str, reason: str, deadline: float | None,
    budget: Budget | None,
) -> None:  # fmt: skip
    """Set a failed run back to its beginning. Raises NotFound, Conflict.

    The same run: what its ledger knows to be done is not done again, and its costs add up. Its
    models are asked anew, since what they answered led to where it failed.
    """
    row = await _dead_row(services, run)
    if row.nested:
        raise Conflict(
            f"Run {run} of team {row.team!r} lives in another graph: that alone can begin it anew.",
            hint="Invoke that graph with the message again; its effects are not done twice.",
        )
    await _withdraw_offers(services, row)
    # What was spent stays on record and counts: the same budget again is what was left of it.
    again = replace(
        row,
        seconds_left=deadline,
        budget_usd=row.budget_usd if budget is None else budget.usd,
        budget_calls=row.budget_calls if budget is None else budget.calls,
    )
    if not await services.store.redrive(again, _entry(services, row, "redrive", by, reason)):
        raise await _changed(services, run)


async def drop(services: Services, run: str, *, by: str, reason: str) -> None:
    """Give a failed run up; it stays on record. Raises NotFound, Conflict."""
    row = await _dead_row(services, run)
    if not await services.store.drop(run, _entry(services, row, "drop", by, reason)):
        raise await _changed(services, run)


async def repeated(services: Services, run: Run, tickets: Sequence[Ticket]) -> list[Ticket]:
    """The tickets of a later attempt, each with the ticket of an earlier one that stood for the
    same write: the nth of the same tool and arguments for the nth. One that is done needs nobody's
    approval, since nothing will happen."""
    before = await services.store.tickets(run.team, run=run.id)
    taken = {t.repeats for t in before if t.run_attempt == run.attempt}
    earlier = {t.id for t in before if t.run_attempt < run.attempt}
    free = [
        effect
        for effect in await services.store.effects(run.id)
        if effect.ticket in earlier and effect.ticket not in taken
        and effect.state in ("done", "intended")
    ]  # fmt: skip
    matched: list[Ticket] = []
    for ticket in tickets:
        same = next((e for e in free if e.digest == ticket.digest), None)
        update: dict[str, object] = {"run_attempt": run.attempt}
        if same is not None and ticket.kind == "action":
            free.remove(same)
            update["repeats"] = same.ticket
            if same.state == "done" and ticket.open:
                update |= _known_done(services) | {"approved_digest": ticket.digest}
        matched.append(ticket.model_copy(update=update))
    return matched


def _known_done(services: Services) -> dict[str, object]:
    why = "An earlier attempt of the run did it: its result is given, and nothing is done again."
    return {
        "status": "approved", "decision": "approve", "by": "run", "decided": services.now(),
        "decision_reason": why,
    }  # fmt: skip


async def _dead_row(services: Services, run: str) -> RunRow:
    row = await known_run(services, run)
    if row.parent:
        raise Conflict(
            f"Run {run} did a task for run {row.parent}, which decides what follows.",
            hint=f"Redrive or drop run {row.top}.",
        )
    failed = row.state in ("failed", "partial") and row.result is not None and row.result.error
    if not failed or row.dropped:
        raise await _changed(services, run)
    return row


async def _changed(services: Services, run: str) -> Conflict:
    row = await known_run(services, run)
    how = f"was dropped by {row.dropped}" if row.dropped else f"is {row.state}"
    return Conflict(
        f"Run {run} of team {row.team!r} {how}: it is no dead letter.",
        hint="`pointsman dead list` shows those that are.",
    )


async def _withdraw_offers(services: Services, row: RunRow) -> None:
    """An offer to undo what the first attempt did would undo it under the second one's feet."""
    for ticket in await services.store.tickets(row.team, run=row.run):
        if _acted_on_later(ticket):
            raise Conflict(
                f"Ticket {ticket.id} of run {row.run}, which undoes a write, is decided and not"
                " acted on yet.",
                hint="Run `pointsman resume`, or look again in a moment.",
            )
        if ticket.kind == "compensate" and ticket.open:
            why = "The run was driven again."
            move = run_move("supersede", "superseded", services.now(), outcome=why)
            with suppress(TicketClosed):
                await services.store.amend(ticket.id, move)


def _acted_on_later(ticket: Ticket) -> bool:
    decided: Sequence[str] = DECIDED
    return ticket.kind == "compensate" and ticket.status in decided and ticket.settled is None


def _entry(services: Services, row: RunRow, action: str, by: str, reason: str) -> AuditEntry:
    return AuditEntry(
        at=services.now(),
        team=row.team,
        run=row.run,
        action="redrive" if action == "redrive" else "drop",
        by=by,
        status=row.result.error if row.result and row.result.error else "failed",
        text_digest=digest(reason) if reason else "",
    )
