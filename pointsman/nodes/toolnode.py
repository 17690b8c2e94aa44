"""A tool as a Node: Invocation in, Returned out. What its guards wrap."""

import time
from dataclasses import dataclass

from pointsman.errors import BadOutput, Blocked, Retryable, ToolFailed
from pointsman.nodes import telemetry
from pointsman.nodes.digest import digest
from pointsman.nodes.event import ToolCalled
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
        began, name = time.perf_counter(), self.tool.name
        attributes = {telemetry.OPERATION: "execute_tool", telemetry.TOOL: name}
        with telemetry.span(
            f"execute_tool {name}", {**attributes, telemetry.TOOL_CALL: call.id}
        ) as span:
            try:
                text = await self.tool.invoke(call.args)
            except ToolFailed as error:
                span.set_attribute(telemetry.ERROR_TYPE, "ToolFailed")
                run.emit(self._called(call, run, began, str(error)))
                raise
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
    try:
        reply = await node(invocation(tool, call, run), run)
    except (ToolFailed, Retryable, Blocked, BadOutput) as error:
        return f"error: {error}"
    match reply.payload:
        case Returned(text=text):
            return text
        case Escalation() as held:
            return held
        case Refusal(text=text):
            return f"error: {text}"
        case _:
            raise TypeError(f"the door of tool {tool.name!r} gave back a {reply.type!r}")
