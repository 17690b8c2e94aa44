"""Recording a person's decision: the one way for every view and for raw resumes."""

from datetime import datetime
from functools import partial

from pointsman.errors import BadOutput, InvalidDecision, NotFound, TicketClosed
from pointsman.guardrails.policy import Action
from pointsman.nodes.digest import JsonObject
from pointsman.teams.approvals.lifecycle import decision_move, is_due, run_move, time_move
from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.protocol import Store
from pointsman.teams.tickets import Approve, Decision, Edit, Ticket, action_digest


async def claim(
    spec: TeamSpec, store: Store, ticket: str, decision: Decision, at: datetime
) -> Ticket:
    """Record a decision.

    Raises NotFound (unknown ticket, or another team's), TicketClosed (decided, expired or
    superseded; says by whom) and InvalidDecision (not one of its reviewers, or an edit that does
    not fit the tool). Then the decision changed nothing.
    """
    await refresh(spec, store, ticket, at, decision)
    return await store.amend(
        ticket, decision_move(decision, at, spec.reviewers, partial(_edited, spec))
    )


async def refresh(
    spec: TeamSpec, store: Store, ticket: str, at: datetime, decision: Decision | None = None
) -> tuple[Ticket, bool]:
    """The ticket as it stands now, and whether this closed it: its time is up, or it is about to be
    approved and the team of today could not do what it shows. Raises NotFound."""
    there = await known_ticket(spec, store, ticket)
    move = None
    if is_due(there, at):
        move = time_move(there, at)
    elif there.open and isinstance(decision, Approve):
        why = misfit(spec, there)
        move = run_move("supersede", "superseded", at, outcome=why) if why else None
    if move is None:
        return there, False
    try:
        after = await store.amend(ticket, move)
    except TicketClosed:
        return await store.find_ticket(ticket) or there, False  # another one was faster
    return after, not after.open


async def known_ticket(spec: TeamSpec, store: Store, ticket: str) -> Ticket:
    """A ticket of the team. Raises NotFound."""
    there = await store.find_ticket(ticket)
    if there is None or there.team != spec.name:
        whose = f" It belongs to team {there.team!r}." if there else ""
        raise NotFound(
            f"Team {spec.name!r} has no ticket {ticket!r}.{whose}",
            hint="`pointsman approvals` lists what waits.",
        )
    return there


def misfit(spec: TeamSpec, ticket: Ticket) -> str:
    """Why the team, as it is now, cannot do what the ticket shows; empty when it can."""
    if ticket.kind not in ("action", "ambiguous", "compensate"):
        return ""
    tool = spec.tool(ticket.specialist, ticket.tool)
    if tool is None:
        return f"{ticket.specialist!r} has no tool {ticket.tool!r} any more."
    try:
        args = tool.frozen(ticket.runs)
    except BadOutput as error:
        return f"The tool changed since it was asked. {error}"
    if action_digest(tool.name, args) != (ticket.approved_digest or ticket.shows):
        return "The arguments are not those that were approved, or that the ticket was frozen with."
    fault = spec.specialist(ticket.specialist).contract.fault(tool.name, args)
    if fault and ticket.kind == "action":
        return f"It is outside of its role. {fault}"
    if ticket.kind == "compensate" and tool.compensate is None:
        return f"Tool {tool.name!r} has no compensate any more."
    if ticket.kind == "action" and ticket.policy_version != spec.policy.version:
        return _policy_misfit(spec, ticket, args)
    return ""


def _policy_misfit(spec: TeamSpec, ticket: Ticket, args: JsonObject) -> str:
    """Whether a newer policy forbids it, or no longer lets it pass without a person."""
    tool = spec.tool(ticket.specialist, ticket.tool)
    assert tool is not None  # noqa: S101 (misfit looked)
    ruling = spec.policy.rule_on(
        Action(
            call_id=ticket.call_id,
            tool=tool.name,
            effect=tool.effect,
            stakes=tool.stakes,
            args=args,
            specialist=ticket.specialist,
            tenant=ticket.tenant,
            provenance=ticket.provenance,
            egress=tool.leaves_machine(args),
        )
    )
    if ruling.verdict == "deny":
        return f"The policy forbids it now, by rule {ruling.rule!r}. {ruling.reason}".strip()
    if ruling.verdict == "ask" and ticket.by.startswith("policy:"):
        return f"The policy let it pass; since then rule {ruling.rule!r} asks a person."
    return ""


def _edited(spec: TeamSpec, ticket: Ticket, edit: Edit) -> JsonObject:
    args = {**ticket.runs, **edit.args}
    unknown = sorted(edit.args.keys() - ticket.args.keys())
    if ticket.kind != "action":
        text = args.get("text")
        if unknown or not isinstance(text, str) or not text.strip():
            raise InvalidDecision(
                f"Ticket {ticket.id} holds a text; an edit of it is not possible this way.",
                hint="Edit only `text` of an answer that waits for release; or approve, or reject.",
            )
        return args
    tool = spec.tool(ticket.specialist, ticket.tool)
    if tool is None:
        raise InvalidDecision(
            f"Ticket {ticket.id} cannot be edited: specialist {ticket.specialist!r} has no tool"
            f" {ticket.tool!r} any more.",
            hint="Reject it.",
        )
    if unknown:
        raise InvalidDecision(
            f"Tool {tool.name!r} has no argument {', '.join(map(repr, unknown))}.",
            hint=f"It takes: {', '.join(ticket.args)}.",
        )
    try:
        frozen = tool.frozen(args)
    except BadOutput as error:
        raise InvalidDecision(
            str(error), hint="Nothing was changed; the ticket still waits."
        ) from error
    fault = spec.specialist(ticket.specialist).contract.fault(tool.name, frozen)
    if fault:
        raise InvalidDecision(
            f"The edit leads outside of the role. {fault}",
            hint="Nothing was changed; the ticket still waits. A role's limits bind reviewers too.",
        )
    return frozen
