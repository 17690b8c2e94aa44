"""From a run's record to its Result."""

from collections.abc import Sequence

from pydantic import JsonValue

from pointsman.errors import NotFound
from pointsman.nodes.event import Hedged, ModelCalled, Recorded, Routed
from pointsman.nodes.message import Source, Status
from pointsman.teams.children import tickets_below
from pointsman.teams.family import members
from pointsman.teams.result import Result
from pointsman.teams.services import Services
from pointsman.teams.store.rows import RunRow
from pointsman.teams.tickets import Ticket


async def known_run(services: Services, run: str) -> RunRow:
    """A run of the team. Raises NotFound."""
    row = await services.store.find_run(run)
    known = members(services.spec) if row is not None and row.parent else {services.spec.name}
    if row is None or row.team not in known:
        raise NotFound(
            f"Team {services.spec.name!r} has no run {run!r} in {services.home}.",
            hint="Check the id and POINTSMAN_HOME.",
        )
    return row


async def result_of(services: Services, run: str) -> Result:
    """What a run came to, or how it stands, with its open tickets. Raises NotFound."""
    row = await known_run(services, run)
    if row.result is None:
        events = await services.store.events(run)
        status = "cancelled" if row.state == "cancelled" else "failed"
        return summarise(
            row, events, status=status, seconds=row.seconds, error="Interrupted",
            answer="The run was interrupted. Resume it.",
        )  # fmt: skip
    pending = await services.store.tickets(row.team, status="pending", run=run)
    below = await tickets_below(services.store, run)
    tickets = (*pending, *below)
    return row.result.model_copy(update={"tickets": tickets, "seconds": row.seconds})


def summarise(
    row: RunRow,
    events: Sequence[Recorded],
    *,
    status: Status,
    seconds: float,
    specialist: str = "",
    answer: str = "",
    by: Source | None = None,
    data: JsonValue = None,
    tickets: Sequence[Ticket] = (),
    error: str = "",
) -> Result:
    """The Result of a run that has these events. `seconds` is the time it was worked on."""
    calls = [e.event for e in events if isinstance(e.event, ModelCalled)]
    paid = [c for c in calls if c.source == "model"]
    hits = [c for c in calls if c.source == "cache"]
    # A call that was cut off in a race may have been charged for.
    cut = [e for e in events if isinstance(e.event, Hedged) and e.event.lost]
    usd = [*(c.usd for c in paid), *(None for _ in cut)]
    routed = [e.event for e in events if isinstance(e.event, Routed)]
    route = next((e for e in routed if e.to), routed[0] if routed else None)
    return Result(
        run=row.run,
        thread=row.thread,
        team=row.team,
        message_id=row.request.id,
        status=status,
        route=route.to if route else "",
        route_tier=route.tier if route else "",
        route_confidence=route.confidence if route else None,
        specialist=specialist,
        answer=answer,
        by=by,
        data=data,
        tickets=tuple(tickets),
        model_calls=len(paid),
        cache_hits=len(hits),
        input_tokens=sum(c.input_tokens for c in paid),
        output_tokens=sum(c.output_tokens for c in paid),
        usd=None if None in usd else sum(u for u in usd if u is not None),
        saved_usd=sum(c.saved_usd or 0.0 for c in hits),
        seconds=seconds,
        saved_seconds=sum(c.saved_seconds for c in hits),
        error=error,
    )
