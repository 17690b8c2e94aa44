"""What a step was given, in words: who has it now, of what kind it is, and what it says."""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from pointsman.nodes.digest import JsonObject
from pointsman.teams.replay.record import StepRecord


def place(step: StepRecord) -> str:
    """Who works at a step: a specialist, or the step's own name without its place."""
    return step.specialist or step.name.partition(":")[2] or step.name


def payload(step: StepRecord) -> JsonObject:
    """What the step's message carries; empty without one."""
    held = step.message.get("payload")
    return held if isinstance(held, dict) else {}


def kind(step: StepRecord) -> str:
    """The type of the step's message; empty without one."""
    return str(payload(step).get("kind", ""))


def words(said: JsonObject) -> str:
    """A payload in words: its text, or a line for each thing in it."""
    text = said.get("text")
    return text if isinstance(text, str) and text else "\n".join(_lines(said))


def _lines(said: JsonObject) -> Iterator[str]:
    match said.get("kind"):
        case "proposal":
            for call in _objects(said.get("calls")):
                yield f"{call.get('name')}({_named(call.get('args'))})"
            for held in _objects(said.get("held")):
                yield str(held.get("reason", ""))
        case "outcomes":
            for one in _objects(said.get("outcomes")):
                yield f"{one.get('tool')}: {one.get('status')}: {one.get('text')}"
        case "handoff" | "escalation":
            yield str(said.get("reason", ""))
        case "delegation":
            for task in _objects(said.get("tasks")):
                yield f"{task.get('to')}: {task.get('text')}"
        case "delivered":
            for one in _objects(said.get("results")):
                yield f"{one.get('to')}: {one.get('status')}: {one.get('text') or one.get('error')}"
        case _:
            request = said.get("request")
            if isinstance(request, dict):
                yield str(request.get("text") or "")


def _objects(held: JsonValue) -> Iterator[Mapping[str, JsonValue]]:
    for one in held if isinstance(held, list) else []:
        if isinstance(one, dict):
            yield one


def _named(args: JsonValue) -> str:
    named = args if isinstance(args, dict) else {}
    return ", ".join(f"{name}={value!r}" for name, value in named.items())
