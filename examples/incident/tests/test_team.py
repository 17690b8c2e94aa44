"""The whole team on a scripted model: a panel, a person, a team inside, one fix."""

import pytest
from pointsman import Approve, Edit, Reject, Respond, Team, Ticket
from pointsman.nodes.event import Resolved
from pointsman.teams.result import Result

from evals.scripted import blaming, looking
from nodes.fleet import Fleet
from tests.conftest import MakeTeam


async def only_ticket(team: Team, text: str) -> Ticket:
    """The one ticket on which a message waits."""
    waiting = await team.run(text, thread=text)
    assert waiting.status == "waiting"
    (ticket,) = waiting.tickets
    return ticket


async def decided(
    team: Team, ticket: Ticket, decision: Approve | Edit | Reject | Respond
) -> Result:
    """What the message's run came to."""
    result = await team.decide(ticket, decision)
    assert isinstance(result, Result)
    return result


async def test_a_fix_is_diagnosed_approved_and_done_once(team_of: MakeTeam, fleet: Fleet) -> None:
    """Three agree, the team inside proposes, a person approves, and the fleet changes once."""
    team = team_of(looking)
    ticket = await only_ticket(team, "INC-204 is open, please look.")
    assert (ticket.team, ticket.specialist, ticket.tool) == (
        "repair",
        "operator",
        "restart_service",
    )
    assert fleet.services()["database"].restarts == 0
    result = await decided(team, ticket, Approve(by="ana"))
    assert result.status == "done"
    assert result.answer.endswith("[diagnosis]\nThe database was restarted for INC-204. [fix]")
    assert (await team.run("INC-204 is open, please look.", thread="again")).status == "waiting"
    assert fleet.services()["database"].restarts == 1


async def test_a_model_that_lies_changes_nothing(team_of: MakeTeam, fleet: Fleet) -> None:
    """What no tool said is no diagnosis, and another service than the diagnosed one is no fix."""
    ticket = await only_ticket(team_of(blaming), "INC-207")
    assert (ticket.tool, ticket.args["service"]) == ("roll_back", "checkout")
    assert fleet.services()["mailer"].fixed_for == ()


async def test_the_heavier_member_does_not_outvote_two(team_of: MakeTeam) -> None:
    """Logs and metrics against the list of changes; the disagreement is on record."""
    team = team_of(looking)
    await only_ticket(team, "INC-207")
    rows = {row.task: row.run for row in await team.runs()}
    events = [e.event for e in await team.events(rows["diagnosis"])]
    (resolved,) = [event for event in events if isinstance(event, Resolved)]
    assert (resolved.distinct, resolved.winner, resolved.resolver) == (2, "logs", "vote")
    assert resolved.agreement == pytest.approx(2 / 3.5)


async def test_a_member_that_saw_nothing_counts(team_of: MakeTeam) -> None:
    """No logs were collected: two of three still have more than half of the weight."""
    ticket = await only_ticket(team_of(looking), "INC-215: prices are old")
    assert ticket.args["service"] == "cache"


async def test_a_person_settles_three_different_diagnoses(team_of: MakeTeam, fleet: Fleet) -> None:
    """Whoever answers names the service, which is then fixed with a second approval."""
    team = team_of(looking)
    ticket = await only_ticket(team, "INC-211 again")
    assert ticket.kind == "release"
    assert all(name in str(ticket.args["text"]) for name in ("mailer", "database", "cache"))
    waiting = await decided(team, ticket, Respond(by="ana", text="It is the mailer."))
    (second,) = waiting.tickets
    assert (second.tool, second.args["service"]) == ("roll_back", "mailer")
    result = await decided(team, second, Approve(by="ben"))
    assert result.answer.startswith("It is the mailer. [diagnosis]")
    assert fleet.services()["mailer"].release == "1.8"


async def test_what_nobody_settled_is_not_fixed(team_of: MakeTeam, fleet: Fleet) -> None:
    """Released as it is, the diagnosis names three services, and nothing is changed."""
    team = team_of(looking)
    result = await decided(team, await only_ticket(team, "INC-211"), Approve(by="ana"))
    assert result.status == "done"
    assert "Nothing was changed: the diagnosis names no one service. [fix]" in result.answer
    assert all(not one.fixed_for for one in fleet.services().values())


async def test_a_fix_may_be_refused(team_of: MakeTeam, fleet: Fleet) -> None:
    """The answer says that nothing was changed, and why."""
    team = team_of(looking)
    ticket = await only_ticket(team, "INC-204")
    result = await decided(team, ticket, Reject(by="ana", reason="not before noon"))
    assert "Nothing was changed" in result.answer
    assert "not before noon" in result.answer
    assert fleet.services()["database"].fixed_for == ()


async def test_no_incident_is_asked_for(team_of: MakeTeam) -> None:
    """A message about none names those that there are."""
    result = await team_of(looking).run("Something is broken.")
    assert result.answer.startswith("Which incident is it? There are: INC-204")
