"""Giving redacted values back: to tools that declare that they may see them, and to nobody else.

Reads get them at the tool's door (`RevealGuard`, the innermost guard). Writes get them when the
ticket is made (`reveal`), so that the reviewer sees, and the digest covers, what will run. A
credential is never in a ticket: it is put back at the door only.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import cast

from pydantic import JsonValue

from pointsman.errors import BadOutput, ToolFailed
from pointsman.guardrails.guard import closed
from pointsman.guardrails.texts import each_string
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.event import Event, ToolCalled
from pointsman.nodes.message import Invocation, Message, Refusal, Returned
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.nodes.tool import AnyTool
from pointsman.nodes.vault import OURS, SHAPE, Name, names_in, placeholder

CREDENTIAL = "SECRET"
"""The label of credentials."""
SHORTEST = 4
"""A value of fewer characters is not looked for in results: it would be found in any text."""


async def reveal(args: JsonObject, tool: AnyTool, run: Run) -> JsonObject:
    """The arguments as the ticket of a proposed call holds them: with what the tool may see, but
    for credentials, which stay placeholders until the call.

    Raises BadOutput for a placeholder that the tool may not see or that stands for nothing in this
    run, and StoreError where the vault cannot be read.
    """
    may_see = _labels(tool.reveals)
    values = await _values(args, may_see - {CREDENTIAL}, run)
    credentials = await _values(args, may_see & {CREDENTIAL}, run)
    for left in sorted(names_in_args(args) - values.keys() - credentials.keys()):
        _refuse(tool.name, left, may_see)
    return _restored(args, values)


@dataclass(frozen=True)
class RevealGuard:
    """Puts redacted values back into the arguments of a call, as far as its tool may see them.

    A write that was frozen gets credentials only: what else a tool may see stands in its ticket,
    where a person saw it. What was put back is taken out of the result, of errors and of what is
    recorded again, whatever a filter further out may recognise. Raises BadOutput for a placeholder
    that the tool may see and that stands for nothing in this run.
    """

    name: str = "vault"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def revealed(message: Message, run: Run) -> Message:
            payload = message.payload
            if not isinstance(payload, Invocation):
                return await inner(message, run)
            named = closed(self.name, "action", run, lambda: names_in_args(payload.call.args))
            if isinstance(named, Refusal):
                return message.reply(named, sender=run.specialist)
            call = payload.call
            may_see = _labels(payload.reveals)
            wanted = may_see if payload.effect == "read" else may_see & {CREDENTIAL}
            if not any(label in wanted for label, _ in named):
                return await inner(message, run)
            values = await _values(call.args, wanted, run)
            for left in sorted(named - values.keys()):
                if left[0] in wanted:
                    _refuse(call.name, left, may_see)
            full = call.model_copy(update={"args": _restored(call.args, values)})
            asked = message.carrying(payload.model_copy(update={"call": full}))
            return await _masking(inner, asked, run, values)

        return revealed


def names_in_args(args: JsonObject) -> set[Name]:
    """The placeholders that stand in the values of a call's arguments, however deep."""
    found: set[Name] = set()

    def note(text: str, at: str) -> str:
        found.update(names_in(text))
        return text

    each_string(cast("JsonValue", args), note)
    return found


async def _masking(inner: Node, message: Message, run: Run, values: Mapping[Name, str]) -> Message:
    def emit(event: Event) -> None:
        if isinstance(event, ToolCalled) and event.error:
            event = event.model_copy(update={"error": _masked(event.error, values)})
        run.emit(event)

    try:
        reply = await inner(message, replace(run, emit=emit))
    except ToolFailed as error:
        said = _masked(error.message, values)
        if said == error.message:
            raise
        # Without the cause: its text may hold the value.
        raise type(error)(said, hint=error.hint) from None
    payload = reply.payload
    if not isinstance(payload, Returned):
        return reply
    text = _masked(payload.text, values)
    if text == payload.text:
        return reply
    return reply.carrying(payload.model_copy(update={"text": text}))


def _masked(text: str, values: Mapping[Name, str]) -> str:
    """The text without the values: the longest first, since one may be part of another."""
    for (label, number), value in sorted(values.items(), key=lambda item: -len(item[1])):
        if len(value) >= SHORTEST:
            text = text.replace(value, placeholder(label, number))
    return text


async def _values(args: JsonObject, labels: Collection[str], run: Run) -> Mapping[Name, str]:
    wanted = {name for name in names_in_args(args) if name[0] in labels}
    return await run.vault.values(run.id, wanted) if wanted else {}


def _restored(args: JsonObject, values: Mapping[Name, str]) -> JsonObject:
    def restore(text: str, at: str) -> str:
        return restored(text, values)

    return {name: each_string(value, restore) for name, value in args.items()}


def restored(text: str, values: Mapping[Name, str]) -> str:
    """The text with these values in place of their placeholders; other placeholders stay."""
    if not values:
        return text
    return SHAPE.sub(lambda m: values.get((m[1], int(m[2])), m[0]), text)


def _labels(reveals: Collection[str]) -> frozenset[str]:
    return frozenset(label.upper() for label in reveals)


def _refuse(tool: str, name: Name, may_see: Collection[str]) -> None:
    """Raise, where a placeholder is ours; any other text in brackets may stand for itself."""
    label, number = name
    shown = placeholder(label, number)
    if not OURS.fullmatch(shown) and label not in may_see:
        return
    if label in may_see:
        raise BadOutput(
            f"Tool {tool!r} was called with {shown}, which stands for nothing in this run.",
            hint="Only a placeholder that this run made has a value.",
        )
    raise BadOutput(
        f"Tool {tool!r} was called with {shown} in place of a value that a filter redacted.",
        hint=f"Let the tool look the value up, or declare reveals=({label.lower()!r},) on it.",
    )
