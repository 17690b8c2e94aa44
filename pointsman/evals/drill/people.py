"""Who decides in a drill: the suite's approver, who looks what became of a write before it answers.

A person who is asked about an ambiguous write looks in the system it acts on. Here the book of the
drill is that system.
"""

from pointsman.errors import InvalidDecision, NotFound, TicketClosed
from pointsman.evals.approvers import Approver, name
from pointsman.evals.drill.injector import Injector
from pointsman.evals.trial import Trial
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Decision, Respond, Ticket

ROUNDS = 20
"""Decisions that one message may take; then it stays as it is."""


async def decided(team: Team, injector: Injector, result: Result, trial: Trial) -> Result:
    """The run, taken on with a decision on each of its tickets until it ends, or waits for
    something that nobody can decide."""
    for _ in range(ROUNDS):
        if result.status != "waiting" or not result.tickets:
            break
        ticket = result.tickets[0]
        decision = await _decision(team, injector, ticket, trial)
        if decision is None:
            break
        injector.point("before a decision")
        try:
            came = await team.decide(ticket, decision)
        except (TicketClosed, NotFound):
            came = None  # it is decided: a killed process got that far
        except InvalidDecision:
            break
        result = came if isinstance(came, Result) else await team.resume(result.run)
        injector.point("after a decision")
    return result


async def _decision(
    team: Team, injector: Injector, ticket: Ticket, trial: Trial
) -> Decision | None:
    by = name(injector.approver.policy, len(ticket.votes))
    if ticket.kind == "ambiguous":
        found = await _looked_up(team, injector, ticket)
        return Approve(by=by, digest=ticket.shows) if found is None else Respond(by=by, text=found)
    return Approver(injector.approver).decide(trial, ticket)


async def _looked_up(team: Team, injector: Injector, ticket: Ticket) -> str | None:
    """The result of the write that the ticket asks about; None when it has not happened."""
    rows = await team.effects(ticket.run)
    asked = next((row for row in rows if row.ticket == ticket.about), None)
    if asked is None:
        return None
    recorded = sum(row.digest == asked.digest and row.state != "intended" for row in rows)
    results = injector.results_of(asked.digest)
    return results[-1] if len(results) > recorded else None
