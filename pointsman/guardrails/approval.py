"""The approval guard: every proposed call leaves a specialist with the policy's ruling on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pointsman.guardrails.guard import closed
from pointsman.guardrails.policy import Action, ApprovalPolicy, Then
from pointsman.guardrails.provenance import provenance
from pointsman.guardrails.verdict import VerdictName
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.event import Judged
from pointsman.nodes.handed import bounded
from pointsman.nodes.message import (
    Escalation,
    Handoff,
    Invocation,
    Message,
    Proposal,
    Refusal,
    Request,
    Returned,
    Ruling,
    ToolCall,
    Turn,
    request_of,
)
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import AnyTool

_VERDICT: dict[Then, VerdictName] = {"allow": "allow", "ask": "escalate", "deny": "block"}


@dataclass(frozen=True)
class ApprovalGuard:
    """Rules on each call of a proposal. A tool that is not the specialist's is denied.

    A ruling the proposal came with is thrown away: only this guard may rule. The policy judges the
    arguments as they would run, coerced and with defaults. What the person said is read from the
    message that came in, and goes on so: a specialist cannot put words into the person's mouth. A
    call's arguments come from what stood there before it. A call that a guard of its tool holds
    asks. Raises
    BadOutput for arguments that do not fit the tool.
    """

    policy: ApprovalPolicy
    tools: Mapping[str, AnyTool]
    name: str = "approval"

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def ruled(message: Message, run: Run) -> Message:
            reply = await inner(message, run)
            payload = reply.payload
            if isinstance(payload, Handoff):
                said = _as_said(payload.request, request_of(message))
                return reply.carrying(payload.model_copy(update={"request": said}))
            if not isinstance(payload, Proposal):
                return reply
            rulings = closed(
                self.name,
                "action",
                run,
                lambda: self._rule_on_each(payload, request_of(message), run),
            )
            if isinstance(rulings, Refusal):
                return reply.carrying(rulings)
            said = _as_said(payload.request, request_of(message))
            return reply.carrying(payload.model_copy(update={"rulings": rulings, "request": said}))

        return ruled

    def free(
        self,
        tool: AnyTool,
        args: JsonObject,
        request: Request,
        transcript: tuple[Turn, ...],
        run: Run,
    ) -> bool:
        """Whether a call may run at once, before anybody is asked: a read that the policy allows.

        `args` are frozen. False too when the check itself breaks: then the call is proposed.
        """
        if tool.effect != "read":
            return False
        ruling = closed(
            self.name,
            "action",
            run,
            lambda: self._judge("", tool, args, request, transcript, run),
        )
        return not isinstance(ruling, Refusal) and ruling.verdict == "allow"

    def _rule_on_each(self, proposal: Proposal, request: Request, run: Run) -> tuple[Ruling, ...]:
        held = {h.held.call.id: h for h in proposal.held if isinstance(h.held, Invocation)}
        held |= {h.held.call_id: h for h in proposal.held if isinstance(h.held, Returned)}
        rulings = tuple(
            _held(self._rule_on(c, request, proposal.transcript, run), held.get(c.id))
            for c in proposal.calls
        )
        for ruling in rulings:
            run.emit(
                Judged(
                    guard=self.name, specialist=run.specialist, stage="action",
                    verdict=_VERDICT[ruling.verdict], rule=ruling.rule,
                )
            )  # fmt: skip
        return rulings

    def _rule_on(
        self, call: ToolCall, request: Request, transcript: Sequence[Turn], run: Run
    ) -> Ruling:
        tool = self.tools.get(call.name)
        if tool is None:
            return Ruling(
                call_id=call.id,
                verdict="deny",
                rule="unknown-tool",
                policy_version=self.policy.version,
                reason=f"{run.specialist} has no tool {call.name!r}",
                terms=self.policy.terms,
            )
        before = _before(call, transcript)
        return self._judge(call.id, tool, tool.frozen(call.args), request, before, run)

    def _judge(
        self,
        call_id: str,
        tool: AnyTool,
        args: JsonObject,
        request: Request,
        transcript: Sequence[Turn],
        run: Run,
    ) -> Ruling:
        return self.policy.rule_on(
            Action(
                call_id=call_id,
                tool=tool.name,
                effect=tool.effect,
                stakes=tool.stakes,
                args=args,
                specialist=run.specialist,
                tenant=run.tenant,
                provenance=provenance(tool, args, request, transcript, self.tools),
                signals=run.signals(),
                egress=tool.leaves_machine(args),
            )
        )


def _held(ruling: Ruling, held: Escalation | None) -> Ruling:
    """The ruling, and that a guard of the tool wants a person to look. It never weakens one."""
    if held is None or ruling.verdict == "deny":
        return ruling
    rule = f"{held.guard}:{held.rule}"
    reason = " ".join(filter(None, (ruling.reason, held.reason)))
    return ruling.model_copy(update={"verdict": "ask", "held": rule, "reason": reason})


def _as_said(request: Request, came: Request) -> Request:
    """The request with the words, files and history that came in, whatever became of them inside.
    Of what was handed on nothing is lost."""
    lost = tuple(q for q in came.handed if q not in request.handed)
    kept = came.model_copy(update={"handed": bounded((*lost, *request.handed))})
    return came if kept == came else kept


def _before(call: ToolCall, transcript: Sequence[Turn]) -> Sequence[Turn]:
    """The turns up to the one that holds the call: what the model had read when it wrote it."""
    for n, turn in enumerate(transcript):
        if any(made.id == call.id for made in turn.tool_calls):
            return transcript[:n]
    return transcript
