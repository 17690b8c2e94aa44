"""A tool as a Node: Invocation in, Returned out. What its guards wrap."""

import time
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter

from pointsman.errors import BadOutput, Blocked, Retryable, ToolFailed
from pointsman.nodes import conventions as names
from pointsman.nodes import telemetry, transcribed
from pointsman.nodes.digest import digest
from pointsman.nodes.event import ToolCalled
from pointsman.nodes.meeting import through
from pointsman.nodes.message import (
    Escalation,
    Invocation,
    Message,
    Refusal,
    Returned,
    ToolCall,
)
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.nodes.tool import AnyTool

_CAME: TypeAdapter[Returned | Escalation | Refusal] = TypeAdapter(
    Annotated[Returned | Escalation | Refusal, Field(discriminator="kind")]
)


@dataclass(frozen=True)
class ToolNode:
    """Runs the tool and records that it ran. Knows no guard and no ledger: for reads.

    Raises TypeError for a message that is no call of this tool, BadOutput for arguments that do not
    fit, and ToolFailed for what the tool raises.
    """

    tool: AnyTool

    async def __call__(self, message: Message, run: Run) -> Message:
        payload = message.payload
        if not isinstance(payload, Invocation) or payload.call.name != self.tool.name:
            raise TypeError(f"tool {self.tool.name!r} cannot take this {payload.kind!r}")
        text = await self._ran(payload.call, run)
        return message.reply(returned(self.tool, payload.call, text), sender=self.tool.name)

    async def _ran(self, call: ToolCall, run: Run) -> str:
        began = time.perf_counter()
        with telemetry.operation("execute_tool", tool_attributes(self.tool, call.id, run)) as span:
            telemetry.content(span, run.shown, transcribed.arguments(call.args))
            try:
                text = await self.tool.invoke(call.args)
            except ToolFailed as error:
                run.emit(self._called(call, run, began, str(error)))
                raise
            telemetry.content(span, run.shown, transcribed.result(text))
        run.emit(self._called(call, run, began, ""))
        return text

    def _called(self, call: ToolCall, run: Run, began: float, failed: str) -> ToolCalled:
        return ToolCalled(
            tool=self.tool.name,
            specialist=run.specialist,
            effect=self.tool.effect,
            args_digest=digest(self.tool.name, call.args),
            ok=not failed,
            error=failed,
            seconds=time.perf_counter() - began,
        )


def tool_attributes(tool: AnyTool, call: str, run: Run) -> telemetry.Attributes:
    """What a span of a tool's call says of it. `call`: the call's id."""
    return {
        names.TOOL: tool.name,
        names.TOOL_CALL: call,
        names.TOOL_TYPE: "function",
        names.EFFECT: tool.effect,
        names.AGENT: run.specialist,
        names.RUN: run.id,
    }


def invocation(tool: AnyTool, call: ToolCall, run: Run) -> Message:
    """A call, its arguments frozen, as the message that goes to the tool's door."""
    body = Invocation(call=call, effect=tool.effect, reveals=tool.reveals)
    return Message(sender=run.specialist or "execute", receiver=tool.name, payload=body)


def returned(tool: AnyTool, call: ToolCall, text: str) -> Returned:
    """A result as the message's payload."""
    document = tool.returns == "document"
    return Returned(call_id=call.id, tool=tool.name, text=text, document=document)


async def read(node: Node, tool: AnyTool, call: ToolCall, run: Run) -> str | Escalation:
    """Call a read through its door: the text for the model, or the guard that asks for a person.

    A failure and a refusal are a line that begins with `error:`, and so is a limit or an open
    breaker. Raises what else the guards raise.
    """

    async def asked(seen: Run) -> str:
        reply = await node(invocation(tool, call, seen), seen)
        match reply.payload:
            case Returned() | Escalation() | Refusal():
                return _CAME.dump_json(reply.payload).decode()
            case _:
                raise TypeError(f"the door of tool {tool.name!r} gave back a {reply.type!r}")

    try:
        came = _CAME.validate_json(await through("read", tool.name, call.args, run, asked))
    except (ToolFailed, Retryable, Blocked, BadOutput) as error:
        return f"error: {error}"
    match came:
        case Returned(text=text):
            return text
        case Escalation():
            return came
        case Refusal(text=text):
            return f"error: {text}"
