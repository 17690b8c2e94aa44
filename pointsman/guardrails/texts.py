"""Every text of a payload that a filter reads, and the payload with them changed."""

import re
from collections.abc import Callable
from typing import Protocol, cast

from pydantic import JsonValue

from pointsman.guardrails.check import Place
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import (
    Answer,
    Delegation,
    Delivered,
    Escalation,
    Failure,
    Handoff,
    Invocation,
    Outcome,
    Outcomes,
    Payload,
    Proposal,
    Quote,
    Refusal,
    Request,
    Returned,
    Task,
    TaskResult,
    ToolCall,
    Turn,
)


class Visit(Protocol):
    """Given a text, where it stands and its path, the text to go on with.

    `past`: it was judged when it was new, or it is a refusal or an error already.
    """

    def __call__(self, text: str, place: Place, at: str, *, past: bool = False) -> str: ...


_FIELD = re.compile(r"[a-z]{1,20}(?:_[a-z]{1,20}){0,3}")
_ORIGINS: dict[str, Place] = {"tool": "result", "document": "document", "model": "history"}


def rewritten(payload: Payload, visit: Visit) -> Payload:
    """The payload with each of its texts as `visit` gives it; texts are visited in a fixed order.

    Read: a request's text, its history and what was handed on with it, the outcomes of actions, a
    tool's arguments and its result, an answer's text and data, a hand-off, the texts of refusals
    and failures. Not read: attachments, a transcript, an answer's evidence; their parts were read
    when they came in. The arguments of a `Proposal` and of an `Invocation` are visited and stay.
    """
    match payload:
        case Request():
            return _request(payload, visit)
        case Outcomes():
            request = _request(payload.request, visit)
            outcomes = tuple(_outcome(o, n, visit) for n, o in enumerate(payload.outcomes))
            return payload.model_copy(update={"request": request, "outcomes": outcomes})
        case Answer():
            return _answer(payload, visit)
        case Handoff() | Delegation() | Delivered():
            return _given_on(payload, visit)
        case Proposal():
            for call in payload.calls:
                _arguments(call, visit)
            return payload
        case Invocation():
            _arguments(payload.call, visit)
            return payload
        case Returned():
            place: Place = "document" if payload.document else "result"
            text = visit(payload.text, place, "returned.text")
            return payload.model_copy(update={"text": text})
        case Escalation(held=Answer() | Returned() as held):
            return payload.model_copy(update={"held": rewritten(held, visit)})
        case Escalation():
            return payload
        case Refusal() | Failure():
            text = visit(payload.text, "answer", f"{payload.kind}.text", past=True)
            return payload.model_copy(update={"text": text})


def _given_on(payload: Handoff | Delegation | Delivered, visit: Visit) -> Payload:
    """What goes to others, or comes back from them."""
    match payload:
        case Handoff():
            request = _request(payload.request, visit)
            texts: dict[str, object] = {
                "reason": visit(payload.reason, "answer", "reason"),
                "summary": visit(payload.summary, "history", "summary", past=True),
                "data": _data(payload.data, "data", visit),
            }
            return payload.model_copy(update={"request": request, **texts})
        case Delegation():
            return _delegation(payload, visit)
        case Delivered():
            given = _delegation(payload.delegation, visit)
            results = tuple(
                _result(r, f"results.{n}", visit) for n, r in enumerate(payload.results)
            )
            return payload.model_copy(update={"delegation": given, "results": results})


def each_string(value: JsonValue, change: Callable[[str, str], str], at: str = "") -> JsonValue:
    """A JSON value with each of its strings changed, given with its path; names of fields too.

    Paths are recorded, so a name that could be a value itself stands in them as its position.
    """
    match value:
        case str():
            return change(value, at)
        case list():
            return [each_string(item, change, f"{at}.{n}") for n, item in enumerate(value)]
        case dict():
            return {
                change(name, f"{at}.{n}"): each_string(item, change, f"{at}.{_step(name, n)}")
                for n, (name, item) in enumerate(value.items())
            }
        case _:
            return value


def _step(name: str, n: int) -> str:
    return name if _FIELD.fullmatch(name) else str(n)


def _request(request: Request, visit: Visit) -> Request:
    history = tuple(_turn(turn, f"history.{n}", visit) for n, turn in enumerate(request.history))
    text = visit(request.text, "request", "request.text")
    handed = tuple(_quote(quote, f"handed.{n}", visit) for n, quote in enumerate(request.handed))
    data = _data(request.data, "request.data", visit)
    said = request.said and tuple(
        visit(one, "request", f"said.{n}", past=True) for n, one in enumerate(request.said)
    )
    return request.model_copy(
        update={"history": history, "text": text, "handed": handed, "data": data, "said": said}
    )


def _delegation(given: Delegation, visit: Visit) -> Delegation:
    earlier = tuple(_result(r, f"earlier.{n}", visit) for n, r in enumerate(given.earlier))
    return given.model_copy(
        update={
            "request": _request(given.request, visit),
            "tasks": tuple(_task(t, f"tasks.{n}", visit) for n, t in enumerate(given.tasks)),
            "earlier": earlier,
            "approve": visit(given.approve, "answer", "approve"),
        }
    )


def _task(task: Task, at: str, visit: Visit) -> Task:
    text = visit(task.text, "answer", f"{at}.text")
    data = each_string(task.data, lambda t, path: visit(t, "answer", path), f"{at}.data")
    return task.model_copy(update={"text": text, "data": data})


def _result(result: TaskResult, at: str, visit: Visit) -> TaskResult:
    """What others answered: judged on its way out there, as a result here."""
    text = visit(result.text, "result", f"{at}.text", past=True)
    data = each_string(
        result.data, lambda t, path: visit(t, "result", path, past=True), f"{at}.data"
    )
    return result.model_copy(update={"text": text, "data": data})


def _data(data: JsonValue, at: str, visit: Visit) -> JsonValue:
    """What a model wrote for another one: its sources were judged when they came in."""
    return each_string(data, lambda text, path: visit(text, "history", path, past=True), at)


def _turn(turn: Turn, at: str, visit: Visit) -> Turn:
    place: Place = "result" if turn.role == "tool" else "history"
    content = visit(turn.content, place, at, past=True)
    calls = tuple(_call(call, at, visit) for call in turn.tool_calls)
    return turn.model_copy(update={"content": content, "tool_calls": calls})


def _call(call: ToolCall, at: str, visit: Visit) -> ToolCall:
    args = each_string(
        cast("JsonValue", call.args),
        lambda text, path: visit(text, "history", path, past=True),
        f"{at}.args",
    )
    return call.model_copy(update={"args": cast("JsonObject", args)})


def _quote(quote: Quote, at: str, visit: Visit) -> Quote:
    text = visit(quote.text, _ORIGINS[quote.origin], at, past=True)
    asked = visit(quote.asked, "history", f"{at}.asked", past=True)
    return quote.model_copy(update={"text": text, "asked": asked})


def _outcome(outcome: Outcome, n: int, visit: Visit) -> Outcome:
    text = visit(outcome.text, "result", f"outcomes.{n}.text")
    return outcome.model_copy(update={"text": text})


def _answer(answer: Answer, visit: Visit) -> Answer:
    text = visit(answer.text, "answer", "answer.text")
    data = each_string(answer.data, lambda t, at: visit(t, "answer", at), "answer.data")
    return answer.model_copy(update={"text": text, "data": data})


def _arguments(call: ToolCall, visit: Visit) -> None:
    each_string(cast("JsonValue", call.args), lambda text, at: visit(text, "argument", at), "args")
