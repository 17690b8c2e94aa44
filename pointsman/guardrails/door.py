"""The one door to a tool: the role's contract, the guards, the filters, then whatever runs it.

A read in the tool loop and a write in the effect ledger both go through it, so no path to a tool
leaves a guard out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from pointsman.guardrails.guard import Guard, closed, guarded
from pointsman.nodes.contract import Contract
from pointsman.nodes.event import Judged
from pointsman.nodes.message import Invocation, Message, Refusal
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.nodes.tool import AnyTool
from pointsman.nodes.toolnode import ToolNode


@dataclass(frozen=True)
class RoleGuard:
    """Lets a call through that the role's contract holds: this tool, and within the role's limits.

    What the tool may see and what it does are set here, whatever the message said. The last word:
    it judges what a model, a hand-off, a stored transcript, a ticket or an edit has led to.
    """

    contract: Contract
    tool: AnyTool
    name: str = "role"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def admitted(message: Message, run: Run) -> Message:
            call = closed(self.name, "action", run, lambda: self._judged(message, run))
            if isinstance(call, Refusal):
                return message.reply(call, sender=self.tool.name)
            return await inner(message.carrying(call), run)

        return admitted

    def _judged(self, message: Message, run: Run) -> Invocation | Refusal:
        payload, name = message.payload, self.tool.name
        if not isinstance(payload, Invocation):
            raise TypeError(f"the door of tool {name!r} cannot take a {payload.kind!r}")
        call = payload.call
        fault, rule = "", "limit"
        if call.name != name or name not in self.contract.actions:
            fault, rule = f"{self.contract.role!r} has no tool {call.name!r}.", "foreign-tool"
        else:
            args = self.tool.frozen(call.args)
            call = call.model_copy(update={"args": args})
            fault = self.contract.fault(name, args)
        if not fault:
            return Invocation(call=call, effect=self.tool.effect, reveals=self.tool.reveals)
        run.emit(
            Judged(
                guard=self.name, specialist=run.specialist or self.contract.role, stage="action",
                verdict="block", rule=rule, count=1,
            )
        )  # fmt: skip
        return Refusal(guard=self.name, rule=rule, text=fault)


@dataclass(frozen=True)
class Door:
    """What stands before one tool of one specialist, outermost first: the role, the `guards` (rate
    limits, breaker, the tool's own), the `filters` (content, on arguments and results; the vault,
    which puts redacted values back)."""

    tool: AnyTool
    role: RoleGuard
    guards: tuple[Guard, ...] = ()
    filters: tuple[Guard, ...] = ()

    def around(self, inner: Node) -> Node:
        """`inner` behind all of it: what does the tool's work, such as the effect ledger.

        The role has the last word too, on the values that a filter has put back.
        """
        return guarded(inner, (self.role, *self.guards, *self.filters, self.role))

    def undoing(self, inner: Node) -> Node:
        """`inner` behind all but the role's limits: what was done within them may be undone."""
        return guarded(inner, (*self.guards, *self.filters))

    def filtered(self, inner: Node) -> Node:
        """`inner` behind the filters only: what needs the call as the tool sees it and calls
        nothing, such as its idempotency key."""
        return guarded(inner, self.filters)

    @property
    def node(self) -> Node:
        """The tool itself behind all of it: for reads."""
        return self.around(ToolNode(self.tool))


def door(
    tool: AnyTool,
    contract: Contract,
    *,
    around: Sequence[Guard] = (),
    filters: Sequence[Guard] = (),
) -> Door:
    """The door of a role's tool. `around`: the team's guards on tools, outside the tool's own."""
    own = cast("Sequence[Guard]", tool.guards)
    return Door(tool, RoleGuard(contract, tool), (*around, *own), tuple(filters))
