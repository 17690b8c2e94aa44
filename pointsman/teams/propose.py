"""From a proposal to tickets: the action as it will be asked for, compared and run."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, cast

from pydantic import JsonValue

from pointsman.errors import Misconfigured, ToolFailed, ToolTimeout, is_control_flow
from pointsman.guardrails.policy import Action, ApprovalPolicy
from pointsman.guardrails.vault import reveal
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.message import (
    Answer,
    Change,
    Delegation,
    Escalation,
    Invocation,
    Proposal,
    Request,
    Returned,
    Ruling,
    Task,
    Terms,
    ToolCall,
)
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import AnyTool
from pointsman.teams.approvals.lifecycle import deadlines
from pointsman.teams.spec import ROUTE, TeamSpec
from pointsman.teams.state import as_json
from pointsman.teams.tickets import PLAN_TOOL, ROUTE_TOOL, PlanArgs, Ticket, action_digest

_STATUS: dict[str, Literal["pending", "approved", "rejected"]] = {
    "ask": "pending",
    "allow": "approved",
    "deny": "rejected",
}
_DECISION = {"ask": "", "allow": "approve", "deny": "reject"}


async def action_tickets(
    spec: TeamSpec, specialist: str, proposal: Proposal, run: Run
) -> list[Ticket]:
    """One ticket a call. Those that the policy settles are born decided, by `policy:<rule>`; those
    outside of the role's limits are denied, by the rule `role`.

    Raises Misconfigured for a call of a tool that is not the specialist's, BadOutput for arguments
    that do not fit.
    """
    # An id that stands twice could lend one call the ruling on another: such calls ask.
    times = Counter(call.id for call in proposal.calls)
    rulings = {r.call_id: r for r in proposal.rulings if times[r.call_id] == 1}
    tickets: list[Ticket] = []
    for index, call in enumerate(proposal.calls):
        tool = spec.tool(specialist, call.name)
        if tool is None:
            raise Misconfigured(f"{specialist!r} proposed {call.name!r}, which is not its tool.")
        ruling = rulings.get(call.id) or _unruled(call, spec.policy.terms)
        seen = await reveal(call.args, tool, run)
        if seen != call.args:
            call = call.model_copy(update={"args": seen})  # noqa: PLW2901 (the call as it becomes)
            ruling = _seen_again(ruling, call, spec.policy, tool, specialist, run)
        fault = spec.specialist(specialist).contract.fault(tool.name, tool.frozen(call.args))
        if fault:
            ruling = ruling.model_copy(update={"verdict": "deny", "rule": "role", "reason": fault})
        tickets.append(await _action_ticket(specialist, tool, call, ruling, run, index))
    return tickets


def _seen_again(
    ruling: Ruling,
    call: ToolCall,
    policy: ApprovalPolicy,
    tool: AnyTool,
    specialist: str,
    run: Run,
) -> Ruling:
    """The stricter of the ruling on placeholders and the one on the values behind them: a rule may
    forbid the very value."""
    args = tool.frozen(call.args)
    again = policy.rule_on(
        Action(
            call_id=call.id,
            tool=tool.name,
            effect=tool.effect,
            stakes=tool.stakes,
            args=args,
            specialist=specialist,
            tenant=run.tenant,
            provenance=ruling.provenance,
            signals=run.signals(),
            egress=tool.leaves_machine(args),
        )
    )
    strict = ("allow", "ask", "deny")
    stricter = strict.index(again.verdict) > strict.index(ruling.verdict)
    return again.model_copy(update={"held": ruling.held}) if stricter else ruling


async def _action_ticket(
    specialist: str, tool: AnyTool, call: ToolCall, ruling: Ruling, run: Run, index: int
) -> Ticket:
    # High stakes: a person decides, whatever wrote the ruling.
    ask = ruling.verdict == "allow" and tool.stakes == "high"
    verdict = "ask" if ask else ruling.verdict
    args = tool.frozen(call.args)
    frozen = action_digest(tool.name, args)
    # A replay compares what is asked for, and looks at no system outside.
    preview, changes = ("", ()) if run.tape.plays else await _preview(tool, args)
    ticket = _ticket(run, index, specialist).model_copy(
        update={
            "tool": tool.name,
            "effect": tool.effect,
            "stakes": tool.stakes,
            "call_id": call.id,
            "args": args,
            "digest": frozen,
            "args_schema": cast("JsonObject", tool.args_model.model_json_schema()),
            "policy_rule": ruling.rule,
            "policy_version": ruling.policy_version,
            "reason": ruling.reason or f"{tool.name} is a {tool.stakes}-stakes {tool.effect}",
            "preview": preview,
            "changes": changes,
            "provenance": ruling.provenance,
            "held": ruling.held,
            "status": _STATUS[verdict],
        }
    )
    if verdict == "ask":
        return _waiting(ticket, ruling.terms)
    decided = {
        "decision": _DECISION[verdict],
        "by": f"policy:{ruling.rule}",
        "decided": ticket.created,
        "decision_reason": ruling.reason,
        "approved_digest": frozen if verdict == "allow" else "",
    }
    return ticket.model_copy(update=decided)


def held_ticket(spec: TeamSpec, specialist: str, held: Escalation, run: Run) -> Ticket:
    """The ticket for a text that a guard holds on its way in or out, on the policy's own terms."""
    kind = "admit" if held.stage == "input" else "release"
    body = held.held
    if isinstance(body, Invocation | Returned):
        raise TypeError(f"the hold of {held.guard!r} on a tool's call did not stop at its door")
    text = body.text if isinstance(body, Answer | Request) else body.request.text
    args: JsonObject = {"text": text}
    tool = f"pointsman.{kind}"
    ticket = _ticket(run, 0, specialist).model_copy(
        update={
            "kind": kind,
            "tool": tool,
            "args": args,
            "digest": action_digest(tool, args),
            "policy_rule": f"{held.guard}:{held.rule}",
            "policy_version": spec.policy.version,
            "reason": held.reason,
        }
    )
    return _waiting(ticket, spec.policy.terms)


def route_ticket(
    spec: TeamSpec,
    to: str,
    reason: str,
    request: Request,
    run: Run,
    *,
    rule: str,
    candidates: Sequence[tuple[str, float]] = (),
) -> Ticket:
    """The ticket that asks where a request goes, on the policy's own terms. `to` is proposed; empty
    proposes nobody. `candidates` are names with their probabilities, 0 to 1."""
    names = [name for name in targets(spec) if name != to]
    options: list[JsonValue] = [*([to] if to else []), *names]
    args: JsonObject = {"to": to}
    sure = ", ".join(f"{name} {probability:.0%}" for name, probability in candidates)
    preview = f"Message: {request.text}" + (f"\nCandidates: {sure}" if sure else "")
    ticket = _ticket(run, "route", ROUTE).model_copy(
        update={
            "kind": "route",
            "tool": ROUTE_TOOL,
            "effect": "read",
            "args": args,
            "digest": action_digest(ROUTE_TOOL, args),
            "args_schema": {
                "type": "object",
                "properties": {
                    "to": {"type": "string", "enum": options, "description": "Who goes on."}
                },
                "required": ["to"],
            },
            "policy_rule": rule,
            "policy_version": spec.policy.version,
            "reason": reason,
            "preview": preview,
        }
    )
    return _waiting(ticket, spec.policy.terms)


def targets(spec: TeamSpec) -> tuple[str, ...]:
    """Whom a person may send a run to: whom the router may."""
    allowed = spec.transitions.get(ROUTE, ())
    return tuple(s.name for s in spec.specialists if s.name in allowed)


def plan_ticket(spec: TeamSpec, specialist: str, asked: Delegation, run: Run) -> Ticket:
    """The ticket for tasks that a person must approve, on the policy's own terms."""
    args: JsonObject = {"tasks": [as_json(task) for task in asked.tasks]}
    schema = cast("JsonObject", PlanArgs.model_json_schema())
    ticket = _ticket(run, "plan", specialist).model_copy(
        update={
            "kind": "plan",
            "tool": PLAN_TOOL,
            "effect": "read",
            "args": args,
            "digest": action_digest(PLAN_TOOL, args),
            "args_schema": schema,
            "policy_rule": f"{asked.of}:approve",
            "policy_version": spec.policy.version,
            "reason": asked.approve,
            "preview": "\n".join(_task_in_words(task) for task in asked.tasks),
        }
    )
    return _waiting(ticket, spec.policy.terms)


def _task_in_words(task: Task) -> str:
    after = f" (after {', '.join(task.needs)})" if task.needs else ""
    return f"{task.id}: {task.to}{after}: {task.text}"


def ask(ticket: Ticket) -> JsonObject:
    """What the gate's interrupt shows of a ticket."""
    shown = {
        "id", "kind", "specialist", "tool", "effect", "stakes", "args", "args_schema", "digest",
        "reason", "preview", "changes", "provenance", "approvals", "reviewers", "expires",
    }  # fmt: skip
    return cast("JsonObject", ticket.model_dump(mode="json", include=shown))


def _waiting(ticket: Ticket, terms: Terms) -> Ticket:
    """The ticket as it waits from now on, on these terms."""
    asked = ticket.model_copy(update={n: getattr(terms, n) for n in Terms.model_fields})
    return asked.model_copy(update=deadlines(asked, asked.created))


def _ticket(run: Run, index: int | str, specialist: str) -> Ticket:
    """A ticket of this step without its action. The id is the same when the step is re-run."""
    return Ticket(
        id="t" + digest("ticket", run.id, run.step, index)[:11],
        team=run.team,
        run=run.id,
        thread=run.thread,
        tenant=run.tenant,
        specialist=specialist,
        tool="",
        args={},
        digest="",
        policy_rule="",
        policy_version="",
        reason="",
        usd=None if run.spend.unpriced else run.spend.usd,
        created=datetime.fromtimestamp(run.clock(), UTC),
    )


def _unruled(call: ToolCall, terms: Terms) -> Ruling:
    return Ruling(call_id=call.id, verdict="ask", rule="default", policy_version="", terms=terms)


async def _preview(tool: AnyTool, args: JsonObject) -> tuple[str, tuple[Change, ...]]:
    """The tool's own preview; changes without a text in words too, for views that show only text.
    One that fails says so to the reviewer; the ticket still asks."""
    try:
        text, changes = await tool.preview_of(args)
        strange = [c for c in cast("tuple[object, ...]", changes) if not isinstance(c, Change)]
        if strange:
            raise ToolFailed(f"Preview of tool {tool.name!r} gave {strange[0]!r}, no Change.")
    except Exception as error:
        if is_control_flow(error):
            raise
        # What the preview raised says more than that it raised; a time-out has no words of its own.
        real = error if isinstance(error, ToolTimeout) else error.__cause__ or error
        return f"(the preview failed: {type(real).__name__}: {real})", ()
    return text or "\n".join(map(_in_words, changes)), changes


def _in_words(change: Change) -> str:
    return f"{change.what}: {_shown(change.before)} -> {_shown(change.after)}"


def _shown(value: JsonValue) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
