"""A streamed chat completion, put together again: events of the stream in, one completion out."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import cast

from pointsman.errors import BadOutput, ModelOverloaded
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway.jsonbytes import decode_object

MAX_LINE = 4 << 20
"""Bytes one line of a stream may have."""
DONE = b"[DONE]"


async def events(chunks: AsyncIterable[bytes], *, model: str) -> AsyncIterator[JsonObject]:
    """The JSON objects of a stream of server-sent events, until `[DONE]`.

    Raises BadOutput for a line that is no JSON object and for one longer than MAX_LINE,
    ModelOverloaded for a stream that ends without `[DONE]`: it was cut.
    """
    left = b""
    async for chunk in chunks:
        *lines, left = (left + chunk).split(b"\n")
        for line in lines:
            data = _data(line)
            if data == DONE:
                return
            if data:
                yield _object(data, model)
        if len(left) > MAX_LINE:
            raise BadOutput(f"Model {model} sent a line of more than {MAX_LINE} bytes.")
    if _data(left) != DONE:
        raise ModelOverloaded(f"The answer of model {model} was cut off in the middle.")


def _data(line: bytes) -> bytes:
    text = line.strip()
    return text[5:].strip() if text.startswith(b"data:") else b""


def _object(data: bytes, model: str) -> JsonObject:
    found = decode_object(data)
    if found is None:
        raise BadOutput(f"Model {model} sent a stream that is no chat completion.")
    return found


class Assembled:
    """The completion that the events of a stream make."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._calls: dict[int, tuple[str, str, list[str]]] = {}
        self._finish: str | None = None
        self._usage: object = None
        self._any = False

    def add(self, event: JsonObject) -> str:
        """Take one event; the text it brings, for whoever reads along."""
        if isinstance(usage := event.get("usage"), dict):
            self._usage = usage
        choices = event.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(first, dict):
            return ""
        self._any = True
        finish = first.get("finish_reason")
        self._finish = finish if isinstance(finish, str) else self._finish
        delta = first.get("delta")
        if not isinstance(delta, dict):
            return ""
        calls = delta.get("tool_calls")
        for n, call in enumerate(calls if isinstance(calls, list) else ()):
            if isinstance(call, dict):
                self._call(call, n)
        text = delta.get("content")
        if not isinstance(text, str):
            return ""
        self._text.append(text)
        return text

    def _call(self, call: JsonObject, place: int) -> None:
        index = call.get("index")
        index = index if isinstance(index, int) else place
        made = call.get("function")
        function = made if isinstance(made, dict) else {}
        known, name, arguments = self._calls.get(index, ("", "", list[str]()))
        arguments.append(str(function.get("arguments") or ""))
        said_id, said_name = str(call.get("id") or ""), str(function.get("name") or "")
        self._calls[index] = (known or said_id, name or said_name, arguments)

    @property
    def says_something(self) -> bool:
        """Whether there is text or a tool call so far."""
        return any(self._text) or bool(self._calls)

    def completion(self) -> JsonObject:
        """The whole, in the shape of a completion that was not streamed."""
        if not self._any:
            return {}
        calls: list[JsonObject] = [
            {
                "id": id_ or None,
                "type": "function",
                "function": {"name": name, "arguments": "".join(arguments)},
            }
            for _, (id_, name, arguments) in sorted(self._calls.items())
        ]
        message = {"role": "assistant", "content": "".join(self._text), "tool_calls": calls or None}
        choice = {"index": 0, "message": message, "finish_reason": self._finish}
        return cast("JsonObject", {"choices": [choice], "usage": self._usage})
