"""Content as the conventions put it on spans: messages of parts, as JSON. Every text is filtered
before it gets here (`Shown`)."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

from pointsman.nodes import conventions as names
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import ToolCall, Turn
from pointsman.nodes.telemetry import Attributes, Shown

MAX_CHARS = 20_000
"""Of one attribute; a longer one ends in `…` and is no JSON any more."""

Texts = Callable[[Shown], Attributes]


class Said(Protocol):
    """An answer of a model."""

    @property
    def text(self) -> str: ...
    @property
    def tool_calls(self) -> Sequence[ToolCall]: ...
    @property
    def finish(self) -> str: ...


def conversation(turns: Sequence[Turn], reply: Said) -> Texts:
    """What a model was asked, and what it answered."""

    def texts(shown: Shown) -> Attributes:
        system = [_text(turn.content) for turn in turns if turn.role == "system"]
        asked = [_message(turn) for turn in turns if turn.role != "system"]
        answer = {
            **_message(Turn(role="assistant", content=reply.text, tool_calls=(*reply.tool_calls,))),
            "finish_reason": reply.finish,
        }
        found = {names.INPUT_MESSAGES: asked, names.OUTPUT_MESSAGES: [answer]}
        if system:
            found[names.INSTRUCTIONS] = system
        return {name: _json(value, shown) for name, value in found.items()}

    return texts


def arguments(args: JsonObject) -> Texts:
    """What a tool was called with."""
    return lambda shown: {names.TOOL_ARGUMENTS: _json(args, shown)}


def result(text: str) -> Texts:
    """What a tool gave back."""
    return lambda shown: {names.TOOL_RESULT: _cut(shown(text))}


def request(text: str) -> Texts:
    """What a person asked a team."""
    turn = Turn(role="user", content=text)
    return lambda shown: {names.INPUT_MESSAGES: _json([_message(turn)], shown)}


def answer(text: str) -> Texts:
    """What a team answered."""
    turn = Turn(role="assistant", content=text)
    return lambda shown: {names.OUTPUT_MESSAGES: _json([_message(turn)], shown)}


def _message(turn: Turn) -> JsonObject:
    parts: list[JsonObject] = []
    if turn.role == "tool":
        parts.append(
            {
                "type": "tool_call_response",
                "id": turn.tool_call_id or "",
                "response": turn.content,
            }
        )
    elif turn.content:
        parts.append(_text(turn.content))
    parts.extend(_call(call) for call in turn.tool_calls)
    return {"role": turn.role, "parts": [*parts]}


def _call(call: ToolCall) -> JsonObject:
    return {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.args}


def _text(text: str) -> JsonObject:
    return {"type": "text", "content": text}


def _json(value: object, shown: Shown) -> str:
    """Filtered text by text, so that what is redacted cannot hide behind JSON's escapes."""
    return _cut(json.dumps(_filtered(value, shown), ensure_ascii=False))


def _filtered(value: object, shown: Shown) -> object:
    match value:
        case str():
            return shown(value)
        case dict():
            members = cast("Mapping[str, object]", value)
            return {shown(key): _filtered(one, shown) for key, one in members.items()}
        case list():
            return [_filtered(one, shown) for one in cast("Sequence[object]", value)]
        case _:
            return value


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}…"
