"""What follows when a run hits one of its bounds: the last word of one specialist, a person who
says where it goes, or an end that says which bound it was and what was done before."""

# pyright: reportTypedDictNotRequiredAccess=false
# Intake sets every channel.

from dataclasses import dataclass
from typing import Literal

from pointsman.errors import BudgetExceeded, DeadlineExceeded, HopLimit
from pointsman.nodes.event import Bound, BoundHit, Routed
from pointsman.nodes.message import Failure, Handoff, Message, Quote, Request, request_of
from pointsman.nodes.routing.router import Route
from pointsman.nodes.run import Run
from pointsman.nodes.sees import Said, seen
from pointsman.teams import ending, pausing, propose
from pointsman.teams.services import Services
from pointsman.teams.spec import ROUTE, FallBackTo, TeamSpec
from pointsman.teams.state import RunState, as_json
from pointsman.teams.trajectory import Way

GIVER = "the team"
"""Who says to a fallback specialist why it has the last word."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A bound that was hit, in words."""

    bound: Bound
    text: str
    error: str = "HopLimit"
    """Class in the error tree that the run's result names."""
    to: str = ""
    """Where the run would have gone."""


def hit_of(error: Exception) -> Hit | None:
    """The bound that an error speaks of; None for any other. A specialist's own time-out is none:
    the run has time left."""
    match error:
        case DeadlineExceeded(whose="run"):
            bound: Bound = "seconds"
        case BudgetExceeded():
            bound = "cost"
        case HopLimit():
            bound = "rounds"
        case _:
            return None
    return Hit(bound, str(error), type(error).__name__)


def on_the_way(
    spec: TeamSpec, state: RunState, way: Way, frm: str, to: str, message: Message, run: str
) -> Hit | None:
    """The bound that going on to `to` would hit. Where a person sends it there is none."""
    if message.sender == "person":
        return None
    given = message.payload if isinstance(message.payload, Handoff) else None
    again = state.get("bound", "")
    if again:
        text = (
            f"Run {run} had hit a bound ({again}) before, and was handed on once more, to {to!r}."
        )
        return Hit("hops", text, to=to)
    if way.loops(to, request_of(message), given):
        text = f"Run {run} came back to {to!r} with the same request and nothing new: a loop."
        return Hit("loop", text, to=to)
    if state["hops"] + 1 > spec.max_hops:
        return Hit("hops", f"Run {run} was handed on more than {spec.max_hops} times.", to=to)
    most = spec.edge_limits.get((frm, to))
    if most is not None and way.taken(frm, to) >= most:
        text = f"Run {run} went from {frm!r} to {to!r} more than {most} times."
        return Hit("edge", text, to=to)
    return None


async def follow(
    hit: Hit, message: Message, state: RunState, run: Run, services: Services
) -> RunState:
    """What the team wants after a bound. A second one in a run ends it."""
    spec = services.spec
    then = _then(spec, state)
    to = spec.when_bound.to if isinstance(spec.when_bound, FallBackTo) else ""
    event = BoundHit(
        bound=hit.bound, reason=hit.text, then=then, to=to if then == "fallback" else ""
    )
    run.emit(event)
    update: RunState = {"bound": hit.bound}
    if then == "fallback":
        return update | _fall_back(hit, to, message, state, run, spec)
    if then == "person":
        going = _going(message, hit, run)
        ticket = propose.route_ticket(
            spec, going.to, hit.text, request_of(message), run, rule=f"bound:{hit.bound}"
        )
        carried = message.carrying(going)
        return update | await pausing.ask([ticket], carried, state, run, services)
    return update | ending.ends(
        message, Failure(error=hit.error, text=hit.text), sender=run.specialist
    )


async def ask_where(
    route: Route, message: Message, state: RunState, run: Run, services: Services
) -> RunState:
    """The router's tiers all abstained: a person says where it goes. The best candidate is
    proposed."""
    may = propose.targets(services.spec)
    to = next((name for name, _ in route.probabilities if name in may), "")
    reason = route.reason or "no tier of the router decided"
    request = request_of(message)
    ticket = propose.route_ticket(
        services.spec, to, reason, request, run,
        rule="router:abstained", candidates=route.probabilities,
    )  # fmt: skip
    carried = message.carrying(Handoff(to=to, reason=reason, request=request))
    return await pausing.ask([ticket], carried, state, run, services)


def _then(spec: TeamSpec, state: RunState) -> Literal["fallback", "person", "partial", "fail"]:
    if isinstance(spec.when_bound, FallBackTo):
        return "partial" if state.get("bound") else "fallback"
    if spec.when_bound == "person" and (state.get("bound") or not state["durable"]):
        return "partial"
    return spec.when_bound


def _going(message: Message, hit: Hit, run: Run) -> Handoff:
    """The hand-off that waits for a person: what was asked for, or staying where it is."""
    if isinstance(message.payload, Handoff):
        to = hit.to or message.payload.to
        update = {"to": to if to != ROUTE else "", "reason": hit.text}
        return message.payload.model_copy(update=update)
    to = hit.to or run.specialist
    return Handoff(to=to, reason=hit.text, request=request_of(message))


def _fall_back(
    hit: Hit, to: str, message: Message, state: RunState, run: Run, spec: TeamSpec
) -> RunState:
    run.emit(Routed(to=to, tier="bound", reason=hit.text))
    request = request_of(message)
    why = Quote(origin="model", source=GIVER, text=f"{hit.text} Give the last word on it.")
    request = request.model_copy(update={"handed": (*request.handed, why), "data": None})
    seen_by = onward(spec, state, request, to, giver=GIVER)
    carried = message.reply(seen_by, sender=ROUTE).model_copy(update={"receiver": to})
    return {"next": to, "carried": as_json(carried)}


def onward(spec: TeamSpec, state: RunState, request: Request, to: str, *, giver: str) -> Request:
    """The request as the specialist sees it that it is handed on to."""
    said = [Said.model_validate(one) for one in state.get("said", [])]
    return seen(request, said, name=to, sees=spec.specialist(to).sees, giver=giver)
