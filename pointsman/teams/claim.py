"""Recording a person's decision: the one way for every view and for raw resumes."""

from datetime import datetime
from functools import partial
from typing import Literal, cast

from pydantic import ValidationError

from pointsman.errors import BadOutput, InvalidDecision, NotFound, TicketClosed
from pointsman.guardrails.policy import Action
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import Delegation, Request
from pointsman.teams.approvals.lifecycle import decision_move, is_due, run_move, time_move
from pointsman.teams.assignment import check_tasks
from pointsman.teams.family import members
from pointsman.teams.propose import targets
from pointsman.teams.spec import TeamSpec
from pointsman.teams.state import as_json
from pointsman.teams.store.protocol import Store
from pointsman.teams.tickets import (
    Approve,
    Decision,
    Edit,
    Ticket,
    TicketStatus,
    action_digest,
    tasks_of,
)


async def claim(
    spec: TeamSpec, store: Store, ticket: str, decision: Decision, at: datetime
) -> Ticket:
    """Record a decision.

    Raises NotFound (unknown ticket, or another team's), TicketClosed (decided, expired or
    superseded; says by whom) and InvalidDecision (not one of its reviewers, or an edit that does
    not fit the tool). Then the decision changed nothing.
    """
    there, _ = await refresh(spec, store, ticket, at, decision)
    own = members(spec)[there.team]
    return await store.amend(
        ticket, decision_move(decision, at, own.reviewers, partial(_edited, own))
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
        why = misfit(members(spec)[there.team], there)
        move = run_move("supersede", "superseded", at, outcome=why) if why else None
    if move is None:
        return there, False
    try:
        after = await store.amend(ticket, move)
    except TicketClosed:
        return await store.find_ticket(ticket) or there, False  # another one was faster
    return after, not after.open


async def team_tickets(
    spec: TeamSpec, store: Store, *, status: TicketStatus | None, run: str = "", limit: int = 500
) -> tuple[Ticket, ...]:
    """The team's tickets, oldest first: of its own runs, and of those that teams inside it do for
    them. `run` too stands for all that works for it."""
    own = await store.tickets(spec.name, status=status, run=run, limit=limit)
    rows = await store.offspring(run) if run else ()
    found = [own, *[await store.tickets(r.team, status=status, run=r.run) for r in rows]]
    for name in () if run else members(spec).keys() - {spec.name}:
        theirs = await store.tickets(name, status=status, limit=limit)
        found.append(tuple([t for t in theirs if await belongs(spec, store, t)]))
    return tuple(sorted((t for some in found for t in some), key=lambda t: t.created)[:limit])


async def known_ticket(spec: TeamSpec, store: Store, ticket: str) -> Ticket:
    """A ticket of the team. Raises NotFound."""
    there = await store.find_ticket(ticket)
    if there is None or not await belongs(spec, store, there):
        whose = f" It belongs to team {there.team!r}." if there else ""
        raise NotFound(
            f"Team {spec.name!r} has no ticket {ticket!r}.{whose}",
            hint="`pointsman approvals` lists what waits.",
        )
    return there


async def belongs(spec: TeamSpec, store: Store, ticket: Ticket) -> bool:
    """Whether the ticket is the team's: of a run of its own, or of one that a team inside it does
    for such a run."""
    if ticket.team == spec.name:
        return True
    if ticket.team not in members(spec):
        return False
    row = await store.find_run(ticket.run)
    top = await store.find_run(row.top) if row is not None else None
    return top is not None and top.team == spec.name


def misfit(spec: TeamSpec, ticket: Ticket) -> str:
    """Why the team, as it is now, cannot do what the ticket shows; empty when it can."""
    if ticket.kind in ("route", "plan"):
        return _guided_misfit(spec, ticket)
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


def _guided_misfit(spec: TeamSpec, ticket: Ticket) -> str:
    """The same for a ticket that says where a run goes on, or who does which tasks."""
    if action_digest(ticket.tool, ticket.runs) != (ticket.approved_digest or ticket.shows):
        return "What it holds is not what was approved."
    if ticket.kind == "plan":
        return _plan_fault(spec, ticket, ticket.runs)
    to = ticket.runs.get("to")
    if to and not any(s.name == to for s in spec.specialists):
        return f"The team has no specialist {to!r} any more."
    return ""


def _plan_fault(spec: TeamSpec, ticket: Ticket, args: JsonObject) -> str:
    try:
        tasks = tasks_of(args)
        of = cast("Literal['plan', 'panel', 'team', 'parts']", ticket.policy_rule.partition(":")[0])
        check_tasks(
            spec, ticket.specialist, Delegation(of=of, request=Request(text=""), tasks=tasks)
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}."
    except (BadOutput, KeyError) as error:
        return str(error)
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
    if ticket.kind in ("route", "plan"):
        return _guided(spec, ticket, args, unknown)
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


def _guided(spec: TeamSpec, ticket: Ticket, args: JsonObject, unknown: list[str]) -> JsonObject:
    """The edited target or tasks. Raises InvalidDecision where the run could not go on so."""
    (name,) = ticket.args
    fault = f"it takes {name!r} and nothing else." if unknown else ""
    if not fault and ticket.kind == "plan":
        fault = _plan_fault(spec, ticket, args)
    elif not fault and args["to"] not in (may := {*targets(spec), str(ticket.args["to"])} - {""}):
        fault = f"it can go to {', '.join(sorted(may))}."
    if fault:
        raise InvalidDecision(
            f"The edit of ticket {ticket.id} does not fit: {fault}",
            hint="Nothing was changed; the ticket still waits.",
        )
    return args if ticket.kind == "route" else {"tasks": [as_json(t) for t in tasks_of(args)]}
