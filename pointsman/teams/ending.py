"""Where a run goes when its tickets are settled, and how it ends."""

# pyright: reportTypedDictNotRequiredAccess=false
# Intake sets every channel.

from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import (
    Answer,
    Escalation,
    Failure,
    Message,
    Outcome,
    Outcomes,
    Payload,
    Proposal,
    Refusal,
    Status,
)
from pointsman.teams.state import RunState, as_json

_CLEAR: RunState = {"open": [], "asks": [], "wake": {}}
REFUSED = "I am sorry, I cannot help with that."


def ends(message: Message, payload: Payload, *, sender: str = "") -> RunState:
    """The update that ends a run with this payload."""
    last = message.carrying(payload)
    if sender:
        last = last.model_copy(update={"sender": sender})
    return {"next": "finish", "carried": as_json(last)}


def cancelled(message: Message, by: str) -> RunState:
    """The update that ends a run that somebody cancelled."""
    return ends(message, Failure(error="Cancelled", text=f"Cancelled by {by}."))


def after_tickets(state: RunState, settled: list[JsonObject]) -> RunState:
    """Every ticket is settled: back to the specialist that proposed, or to the end.

    A person's own answer ends the run without another model call. An effect of which nobody knows
    whether it happened ends it too, saying so: no model may talk over it.
    """
    carried = Message.model_validate(state["carried"])
    outcomes = tuple(Outcome.model_validate(o) for o in settled)
    payload = carried.payload
    if isinstance(payload, Escalation):
        return _CLEAR | _looked_at(state, carried, payload, outcomes[0])
    if not isinstance(payload, Proposal):
        raise TypeError(f"a {payload.kind!r} has no tickets")
    order = {call.id: n for n, call in enumerate(payload.calls)}
    outcomes = tuple(sorted(outcomes, key=lambda o: order.get(o.call_id, len(order))))
    unsure = [o.text for o in outcomes if o.status == "ambiguous"]
    said = [o.text for o in outcomes if o.status == "answered"]
    if unsure:
        return _CLEAR | ends(carried, Failure(error="Ambiguous", text=" ".join(unsure)))
    if said:
        return _CLEAR | ends(carried, Answer(text="\n\n".join(said), by="person"))
    back = carried.reply(
        Outcomes(request=payload.request, transcript=payload.transcript, outcomes=outcomes),
        sender="execute",
    )
    return _CLEAR | {"next": carried.sender, "carried": as_json(back)}


def _looked_at(state: RunState, carried: Message, held: Escalation, outcome: Outcome) -> RunState:
    """A person has looked at a text that a guard held."""
    if outcome.status == "answered":
        return ends(carried, Answer(text=outcome.text, by="person"))
    if outcome.status != "done":
        return ends(carried, Refusal(guard=held.guard, rule=held.rule, text=REFUSED))
    if isinstance(held.held, Answer):
        by = held.held.by if held.held.text == outcome.text else "person"
        update = {"text": outcome.text, "by": by}
        return ends(carried, held.held.model_copy(update=update))
    again = carried.reply(held.held, sender="person")
    admitted = [*state["admitted"], f"{held.guard}:{held.rule}"]
    return {"next": carried.sender, "carried": as_json(again), "admitted": admitted}


def ending(payload: Payload, done: list[str]) -> tuple[Status, str, str]:
    """Status, text for the user, and class of error of a run that ends with this payload.

    A run that fails after something was done, or whose money ran out, is `partial`, and says so.
    """
    match payload:
        case Answer():
            return "done", payload.text, ""
        case Refusal():
            return "blocked", payload.text, ""
        case Failure(error="NoRoute"):
            return "no_route", payload.text, ""
        case Failure(error="Cancelled"):
            return "cancelled", _with(payload.text, done), "Cancelled"
        case Failure(error="BudgetExceeded"):
            return "partial", _with(payload.text, done), payload.error
        case Failure() if done:
            return "partial", _with(payload.text, done), payload.error
        case Failure():
            return "failed", payload.text, payload.error
        case _:
            raise TypeError(f"a run cannot end with {payload.kind!r}")


def _with(text: str, done: list[str]) -> str:
    return text if not done else f"{text} Done before that: {' '.join(done)}"
