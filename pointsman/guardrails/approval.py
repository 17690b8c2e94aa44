"""The approval guard: every proposed call leaves a specialist with the policy's ruling on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from pointsman.guardrails.guard import closed
from pointsman.guardrails.policy import Action, ApprovalPolicy, Then
from pointsman.guardrails.verdict import VerdictName
from pointsman.nodes.event import Judged
from pointsman.nodes.message import Message, Proposal, Refusal, Ruling, ToolCall
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import AnyTool

_VERDICT: dict[Then, VerdictName] = {"allow": "allow", "ask": "escalate", "deny": "block"}


@dataclass(frozen=True)
class ApprovalGuard:
    """Rules on each call of a proposal. A tool that is not the specialist's is denied.

    A ruling the proposal came with is thrown away: only this guard may rule. The policy judges the
    arguments as they would run, coerced and with defaults. Raises BadOutput for ones that do not
    fit the tool.
    """

    policy: ApprovalPolicy
    tools: Mapping[str, AnyTool]
    name: str = "approval"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def ruled(message: Message, run: Run) -> Message:
            reply = await inner(message, run)
            payload = reply.payload
            if not isinstance(payload, Proposal):
                return reply
            rulings = closed(self.name, "action", run, lambda: self._rule_on_each(payload, run))
            if isinstance(rulings, Refusal):
                return reply.carrying(rulings)
            return reply.carrying(payload.model_copy(update={"rulings": rulings}))

        return ruled

    def _rule_on_each(self, proposal: Proposal, run: Run) -> tuple[Ruling, ...]:
        rulings = tuple(self._rule_on(call, run) for call in proposal.calls)
        for ruling in rulings:
            run.emit(
                Judged(
                    guard=self.name, specialist=run.specialist, stage="action",
                    verdict=_VERDICT[ruling.verdict], rule=ruling.rule,
                )
            )  # fmt: skip
        return rulings

    def _rule_on(self, call: ToolCall, run: Run) -> Ruling:
        tool = self.tools.get(call.name)
        if tool is None:
            return Ruling(
                call_id=call.id,
                verdict="deny",
                rule="unknown-tool",
                policy_version=self.policy.version,
                reason=f"{run.specialist} has no tool {call.name!r}",
            )
        action = Action(
            call_id=call.id,
            tool=tool.name,
            effect=tool.effect,
            stakes=tool.stakes,
            args=tool.frozen(call.args),
            specialist=run.specialist,
            tenant=run.tenant,
        )
        return self.policy.rule_on(action)
