"""Where a run goes when its tickets are settled, and how it ends."""

# pyright: reportTypedDictNotRequiredAccess=false
# Intake sets every channel.

from typing import cast

from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import (
    Answer,
    Delegation,
    Delivered,
    Escalation,
    Failure,
    Handoff,
    Message,
    Outcome,
    Outcomes,
    Payload,
    Proposal,
    Refusal,
    Status,
    Task,
    TaskResult,
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


def after_tickets(state: RunState, settled: list[JsonObject], *, no_route: str = "") -> RunState:
    """Every ticket is settled: back to the specialist that proposed, on, or to the end. `no_route`
    is what the user reads when a person sends the run nowhere.

    A person's own answer ends the run without another model call. An effect of which nobody knows
    whether it happened ends it too, saying so: no model may talk over it.
    """
    carried = Message.model_validate(state["carried"])
    outcomes = tuple(Outcome.model_validate(o) for o in settled)
    payload = carried.payload
    if isinstance(payload, Escalation):
        return _CLEAR | _looked_at(state, carried, payload, outcomes[0])
    if isinstance(payload, Handoff):
        return _CLEAR | _sent(state, carried, payload, outcomes[0], no_route)
    if isinstance(payload, Delegation):
        return _CLEAR | _planned(carried, payload, outcomes[0])
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


def _sent(
    state: RunState, carried: Message, going: Handoff, outcome: Outcome, no_route: str
) -> RunState:
    """A person has said where the run goes on."""
    if outcome.status == "answered":
        return ends(carried, Answer(text=outcome.text, by="person"))
    bound = state.get("bound", "")
    if outcome.status != "done" and bound:
        error = {"seconds": "DeadlineExceeded", "cost": "BudgetExceeded"}.get(bound, "HopLimit")
        return ends(carried, Failure(error=error, text=f"{going.reason} {outcome.text}"))
    if outcome.status != "done":
        return ends(carried, Failure(error="NoRoute", text=no_route))
    to = str(outcome.args["to"])
    data = going.data if to == going.to else None
    onward = going.model_copy(update={"to": to, "reason": outcome.text, "data": data})
    sent = carried.model_copy(update={"sender": "person", "payload": onward})
    return {"next": "route", "carried": as_json(sent)}


def _planned(carried: Message, asked: Delegation, outcome: Outcome) -> RunState:
    """A person has looked at the tasks that a specialist wants to give to others. After a no it
    hears why, as of tasks of which none was done."""
    if outcome.status == "answered":
        return ends(carried, Answer(text=outcome.text, by="person"))
    if outcome.status == "done":
        tasks = tuple(
            Task.model_validate(task) for task in cast("list[object]", outcome.args["tasks"])
        )
        work = asked.model_copy(update={"tasks": tasks, "approve": ""})
        return {"next": "delegate", "carried": as_json(carried.carrying(work))}
    results = tuple(
        TaskResult(
            task=task.id, to=task.to, run="", status="cancelled", text=outcome.text,
            error="Rejected",
        )
        for task in asked.tasks
    )  # fmt: skip
    back = carried.reply(Delivered(delegation=asked, results=results), sender="execute")
    return {"next": carried.sender, "carried": as_json(back)}


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


def ending(
    payload: Payload, done: list[str], *, bound: str = "", fails: bool = False
) -> tuple[Status, str, str]:
    """Status, text for the user, and class of error of a run that ends with this payload.

    A run that fails after something was done, or that hit a `bound`, is `partial`, and says so;
    `fails`: the team wants a bound to be a failure where nothing was done.
    """
    match payload:
        case Answer(missing=()):
            return "done", payload.text, ""
        case Answer():
            return "partial", payload.text, "PartFailed"
        case Refusal():
            return "blocked", payload.text, ""
        case Failure(error="NoRoute"):
            return "no_route", payload.text, ""
        case Failure(error="Cancelled"):
            return "cancelled", _with(payload.text, done), "Cancelled"
        case Failure() if done or (not fails and (bound or payload.error == "BudgetExceeded")):
            return "partial", _with(payload.text, done), payload.error
        case Failure():
            return "failed", payload.text, payload.error
        case _:
            raise TypeError(f"a run cannot end with {payload.kind!r}")


def _with(text: str, done: list[str]) -> str:
    return text if not done else f"{text} Done before that: {' '.join(done)}"
