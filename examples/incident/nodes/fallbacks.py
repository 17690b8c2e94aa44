"""What answers by rules: the diagnosticians, the operator, and the commander with nothing to do."""

from pointsman.errors import BadOutput
from pointsman.nodes.message import (
    Answer,
    Message,
    Outcomes,
    Payload,
    Proposal,
    Request,
    ToolCall,
    Turn,
)
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run

from nodes.fleet import Fleet
from nodes.incidents import Incidents, Kind, Unseen, blamed, number_in


def seen_fallback(incidents: Incidents, kind: Kind) -> Node:
    """Reads what its tool reads. What was not collected is an error: the panel counts the member,
    and nobody makes up what it would have said."""

    async def answer(message: Message, run: Run) -> Message:
        text = message.payload.text if isinstance(message.payload, Request) else ""
        try:
            said = incidents.seen(number_in(text), kind)
        except Unseen as unseen:
            raise BadOutput(str(unseen)) from unseen
        return message.reply(Answer(text=said, by="fallback"), sender=run.specialist)

    return answer


def wanted(fleet: Fleet, request: Request) -> ToolCall | None:
    """The one fix that the runbook has for the service that the diagnosis points to."""
    diagnosis = " ".join(quote.text for quote in request.handed)
    service, incident = blamed(diagnosis), number_in(request.text)
    if not service or not incident:
        return None
    remedy = fleet.services()[service].remedy
    return ToolCall(id="fix", name=remedy, args={"service": service, "incident": incident})


def operator_fallback(fleet: Fleet) -> Node:
    """Proposes what the runbook says, and says what became of it."""

    async def answer(message: Message, run: Run) -> Message:
        return message.reply(_operated(fleet, message.payload), sender="operator")

    return answer


def _operated(fleet: Fleet, payload: Payload) -> Payload:
    if isinstance(payload, Outcomes):
        said = [
            o.text if o.status == "done" else f"Nothing was changed: {o.text}"
            for o in payload.outcomes
        ]
        return Answer(text=" ".join(said), by="fallback")
    request = payload if isinstance(payload, Request) else Request(text="")
    call = wanted(fleet, request)
    if call is None:
        text = "Nothing was changed: the diagnosis names no one service."
        return Answer(text=text, by="fallback")
    asked = Turn(role="user", content=request.text)
    calling = Turn(role="assistant", tool_calls=(call,))
    return Proposal(request=request, calls=(call,), transcript=(asked, calling))


def commander_fallback(incidents: Incidents) -> Node:
    """Asks which incident it is about, or says that nobody could tell what is wrong."""

    async def answer(message: Message, run: Run) -> Message:
        if isinstance(message.payload, Request):
            known = ", ".join(f"{one.number} ({one.alert})" for one in incidents.all)
            text = f"Which incident is it? There are: {known}"
        else:
            text = "No diagnosis was made, and nothing was changed. Please look yourself."
        return message.reply(Answer(text=text, by="fallback"), sender="commander")

    return answer


def triage_fallback() -> Node:
    """What is said when too few of the panel could see anything."""

    async def answer(message: Message, run: Run) -> Message:
        raise BadOutput("Too little was collected of this incident to say what is wrong.")

    return answer
