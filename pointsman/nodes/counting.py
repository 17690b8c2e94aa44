"""From the events of runs to metrics: what each event counts for."""

from pointsman.nodes import conventions as names
from pointsman.nodes.event import (
    BoundHit,
    BreakerMoved,
    Event,
    FellBack,
    Hedged,
    Judged,
    ModelCalled,
    ModelFailed,
    Routed,
    RunEnded,
    RunStarted,
    TicketDecided,
    TicketOpened,
    TicketReminded,
    ToolCalled,
)
from pointsman.nodes.gateway.providers import provider_of
from pointsman.nodes.gateway.traced import kind_of
from pointsman.nodes.metrics import Labels, Whose, instruments

_STATES = {"closed": 0, "half_open": 1, "open": 2}


def count(event: Event, whose: Whose) -> None:
    """Count an event of a run."""
    if not whose.fork or called_out(event):
        _Counted(whose).take(event)


def called_out(event: Event) -> bool:
    """Whether a provider was asked: what costs money in a fork too."""
    match event:
        case ModelCalled():
            return event.source == "model"
        case ModelFailed() | Hedged():
            return True
        case _:
            return False


class _Counted:
    """One event's way into the metrics."""

    def __init__(self, whose: Whose) -> None:
        self._whose = whose
        self._own: Labels = {names.TEAM: whose.team, names.TENANT: whose.tenant}
        self._to = instruments()

    def take(self, event: Event) -> None:
        match event:
            case ModelCalled():
                self._called(event)
            case ModelFailed():
                self._failed(event)
            case ToolCalled():
                self._tool(event)
            case Judged():
                self._judged(event)
            case TicketDecided():
                self._decided(event)
            case BreakerMoved():
                self._breaker(event)
            case RunStarted():
                self._add("pointsman.runs.started", 1, {names.RELEASE: self._whose.release})
                self._add("pointsman.queue.wait", event.waited, {})
            case RunEnded():
                self._ended(event)
            case _:
                for name, labels in _plain(event):
                    self._add(name, 1, labels)

    def _add(self, name: str, amount: float, labels: Labels) -> None:
        self._to.add(name, amount, self._own | labels, tenants=self._whose.tenants)

    def _called(self, event: ModelCalled) -> None:
        of: Labels = {names.AGENT: event.specialist, names.RESPONSE_MODEL: event.model}
        self._add("pointsman.model.answers", 1, of | {names.SOURCE: event.source})
        if event.source != "model":
            if event.source == "cache" and event.saved_usd:
                self._add("pointsman.model.saved", event.saved_usd, of)
            return
        call = of | _call(event.model, event.purpose)
        self._add("gen_ai.client.operation.duration", event.seconds, call)
        for kind, tokens in (("input", event.input_tokens), ("output", event.output_tokens)):
            if tokens:
                self._add("gen_ai.client.token.usage", tokens, call | {names.TOKEN_TYPE: kind})
        if event.usd is None:
            self._add("pointsman.cost.unknown", 1, call)
        elif event.usd:
            self._add("pointsman.cost", event.usd, call)

    def _failed(self, event: ModelFailed) -> None:
        of: Labels = {names.AGENT: event.specialist, names.ERROR_TYPE: event.error}
        if event.seconds:
            call = of | _call(event.model, "chat")
            self._add("gen_ai.client.operation.duration", event.seconds, call)
        if event.next and event.next != event.model:
            said = of | {names.REQUEST_MODEL: event.model, names.FALLBACK_TO: event.next}
            self._add("pointsman.model.fallbacks", 1, said)

    def _tool(self, event: ToolCalled) -> None:
        said: Labels = {
            names.OPERATION: "execute_tool", names.AGENT: event.specialist,
            names.TOOL: event.tool, names.TOOL_TYPE: "function", names.EFFECT: event.effect,
            names.ERROR_TYPE: "" if event.ok else "ToolFailed",
        }  # fmt: skip
        self._add("gen_ai.execute_tool.duration", event.seconds, said)

    def _judged(self, event: Judged) -> None:
        said: Labels = {
            names.AGENT: event.specialist, names.GUARD: event.guard, names.GUARD_RULE: event.rule,
            names.GUARD_STAGE: event.stage, names.VERDICT: event.verdict,
            names.GUARD_SHADOW: event.shadow,
        }  # fmt: skip
        self._add("pointsman.guard.verdicts", 1, said)

    def _decided(self, event: TicketDecided) -> None:
        said: Labels = {names.DECISION: event.decision}
        self._add("pointsman.tickets.decided", 1, said)
        if event.waited is not None:
            self._add("pointsman.ticket.wait", max(event.waited, 0.0), said)

    def _breaker(self, event: BreakerMoved) -> None:
        said: Labels = {names.BREAKER_OF: event.of, names.BREAKER: event.key}
        self._add("pointsman.breaker.moves", 1, said | {names.STATE: event.state})
        stands: Labels = {names.TEAM: self._whose.team} | said
        self._to.add(
            "pointsman.breaker.state", _STATES[event.state], stands, tenants=self._whose.tenants
        )

    def _ended(self, event: RunEnded) -> None:
        said: Labels = {
            names.RELEASE: self._whose.release, names.AGENT: event.specialist,
            names.STATUS: event.status, names.ERROR_TYPE: event.error,
        }  # fmt: skip
        self._add("pointsman.runs", 1, said)


def _call(model: str, purpose: str) -> Labels:
    return {
        names.OPERATION: kind_of(purpose),
        names.PROVIDER: names.provider_name(provider_of(model)),
        names.REQUEST_MODEL: model,
    }


def _plain(event: Event) -> list[tuple[str, Labels]]:
    """What counts one, with labels that stand in the event."""
    match event:
        case Routed(to=to, tier=tier):
            return [("pointsman.routes", {names.ROUTE_TO: to, names.ROUTE_TIER: tier})]
        case Hedged(specialist=who, models=models):
            said: Labels = {names.AGENT: who, names.REQUEST_MODEL: models[0]}
            return [("pointsman.model.hedges", said)]
        case TicketOpened(specialist=who, tool=tool):
            return [("pointsman.tickets.opened", {names.AGENT: who, names.TOOL: tool})]
        case TicketReminded():
            return [("pointsman.tickets.reminded", {})]
        case FellBack(specialist=who, error=error):
            said = {names.AGENT: who, names.ERROR_TYPE: error}
            return [("pointsman.specialist.fallbacks", said)]
        case BoundHit(bound=bound, then=then):
            return [("pointsman.bounds", {names.BOUND: bound, names.BOUND_THEN: then})]
        case _:
            return []
