"""From a proposal to tickets: the action as it will be asked for, compared and run."""

from collections import Counter
from datetime import UTC, datetime
from typing import Literal

from pointsman.errors import Misconfigured
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.message import Answer, Escalation, Proposal, Request, Ruling, ToolCall
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import AnyTool
from pointsman.teams.spec import TeamSpec
from pointsman.teams.tickets import Ticket, action_digest

_STATUS: dict[str, Literal["pending", "approved", "rejected"]] = {
    "ask": "pending",
    "allow": "approved",
    "deny": "rejected",
}
_DECISION = {"ask": "", "allow": "approve", "deny": "reject"}


async def action_tickets(
    spec: TeamSpec, specialist: str, proposal: Proposal, run: Run
) -> list[Ticket]:
    """One ticket a call. Those that the policy settles are born decided, by `policy:<rule>`.

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
        ruling = rulings.get(call.id) or _unruled(call)
        tickets.append(await _action_ticket(specialist, tool, call, ruling, run, index))
    return tickets


async def _action_ticket(
    specialist: str, tool: AnyTool, call: ToolCall, ruling: Ruling, run: Run, index: int
) -> Ticket:
    # High stakes: a person decides, whatever wrote the ruling.
    ask = ruling.verdict == "allow" and tool.stakes == "high"
    verdict = "ask" if ask else ruling.verdict
    args = tool.frozen(call.args)
    frozen = action_digest(tool.name, args)
    return _ticket(run, index, specialist).model_copy(
        update={
            "tool": tool.name,
            "call_id": call.id,
            "args": args,
            "digest": frozen,
            "approved_digest": frozen if verdict == "allow" else "",
            "policy_rule": ruling.rule,
            "policy_version": ruling.policy_version,
            "reason": ruling.reason or f"{tool.name} is a {tool.stakes}-stakes {tool.effect}",
            "preview": await _preview(tool, args),
            "status": _STATUS[verdict],
            "decision": _DECISION[verdict],
            "by": "" if verdict == "ask" else f"policy:{ruling.rule}",
            "decision_reason": "" if verdict == "ask" else ruling.reason,
        }
    )


def held_ticket(specialist: str, held: Escalation, run: Run) -> Ticket:
    """The ticket for a text that a guard holds on its way in or out."""
    kind = "admit" if held.stage == "input" else "release"
    body = held.held
    text = body.text if isinstance(body, Answer | Request) else body.request.text
    args: JsonObject = {"text": text}
    tool = f"pointsman.{kind}"
    return _ticket(run, 0, specialist).model_copy(
        update={
            "kind": kind,
            "tool": tool,
            "args": args,
            "digest": action_digest(tool, args),
            "policy_rule": f"{held.guard}:{held.rule}",
            "reason": held.reason,
        }
    )


def ask(ticket: Ticket) -> JsonObject:
    """What the gate's interrupt shows of a ticket."""
    return {
        "id": ticket.id,
        "kind": ticket.kind,
        "specialist": ticket.specialist,
        "tool": ticket.tool,
        "args": ticket.args,
        "digest": ticket.digest,
        "reason": ticket.reason,
        "preview": ticket.preview,
    }


def _ticket(run: Run, index: int, specialist: str) -> Ticket:
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
        created=datetime.now(UTC),
    )


def _unruled(call: ToolCall) -> Ruling:
    return Ruling(call_id=call.id, verdict="ask", rule="default", policy_version="")


async def _preview(tool: AnyTool, args: JsonObject) -> str:
    """The tool's own preview. One that fails says so to the reviewer; the ticket still asks."""
    try:
        return await tool.preview_of(args)
    except Exception as error:  # the user's own function, outside the graph's control flow
        return f"(the preview failed: {type(error).__name__}: {error})"
