"""A message that no tier of the router decides on waits for a person, who says where it goes."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from pointsman.errors import InvalidDecision, TicketClosed
from pointsman.guardrails.policy import ApprovalPolicy
from pointsman.nodes.event import Routed
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport, choice_reply, text_reply
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.message import Request, Terms
from pointsman.nodes.routing.router import Router
from pointsman.nodes.routing.rules import Rule
from pointsman.nodes.specialist import Specialist
from pointsman.teams.approvals.audit import faults
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import (
    Approve,
    Decision,
    Edit,
    Escalate,
    Reject,
    Respond,
    Ticket,
    action_digest,
)
from pointsman.views.cli.card import call, facts
from pointsman.views.notebook.cards import card
from tests.flow.shop import Shop, shop_team

ASKS = Router(ask_person=True, min_confidence=0.6, classifier="off")


def unsure(request: ModelRequest) -> Scripted:
    """Half sure of billing; each specialist answers with its name."""
    if request.choices:
        return choice_reply("billing", probabilities=[("billing", 0.5), ("tech", 0.4)])
    return text_reply("answered")


def asking(home: Path, **more: object) -> Team:
    """A team whose router asks a person."""
    return shop_team(home, model=ScriptedTransport(unsure), router=ASKS, **more)


async def waits(team: Team) -> Ticket:
    """The one ticket of a run that waits for where it goes."""
    result = await team.run("my thing is broken", thread="c1")
    assert (result.status, result.specialist) == ("waiting", "")
    (ticket,) = result.tickets
    return ticket


async def decided(team: Team, ticket: Ticket, decision: Decision) -> Result:
    """The run after a decision."""
    result = await team.decide(ticket, decision)
    assert isinstance(result, Result)
    return result


async def test_the_ticket_shows_what_a_person_needs(home: Path) -> None:
    """The message, the candidates with their probabilities, whom it may go to, and the proposal."""
    ticket = await waits(asking(home))
    assert (ticket.kind, ticket.args) == ("route", {"to": "billing"})
    assert ticket.digest == action_digest("pointsman.route", {"to": "billing"})
    assert ticket.policy_rule == "router:abstained"
    assert ticket.preview == "Message: my thing is broken\nCandidates: billing 50%, tech 40%"
    assert ticket.args_schema["properties"] == {
        "to": {"type": "string", "enum": ["billing", "tech"], "description": "Who goes on."}
    }
    said = {label: text.plain for label, text in facts(ticket)}
    assert (said["action"], said["  to"]) == ("where this goes", "billing")
    assert "my thing is broken" in said["about"]
    assert call(ticket) == "route: to billing"
    shown = card(ticket)
    assert (shown["asks"], shown["risk"], shown["title"]) == ("where this goes", "", "route")
    (field,) = shown["fields"]  # pyright: ignore[reportGeneralTypeIssues]
    assert field["type"] == "choice"  # pyright: ignore[reportArgumentType, reportCallIssue, reportIndexIssue, reportOptionalSubscript]


async def test_approval_sends_it_on(home: Path) -> None:
    """The run goes on to who was proposed; the record says a person decided, and who."""
    team = asking(home)
    result = await decided(team, await waits(team), Approve(by="ana", reason="looks right"))
    assert (result.status, result.specialist, result.answer) == ("done", "billing", "answered")
    events = [r.event for r in await team.events(result.run)]
    routed = [e for e in events if isinstance(e, Routed)]
    assert (routed[-1].to, routed[-1].tier) == ("billing", "person")
    assert routed[-1].reason == "ana sent it to billing. looks right"


async def test_an_edit_sends_it_elsewhere(home: Path) -> None:
    """To anybody the router may choose; nobody else, and nothing else."""
    team = asking(home)
    ticket = await waits(team)
    for args in ({"to": "mars"}, {"to": ""}, {"to": "tech", "usd": 5}, {"to": 7}):
        with pytest.raises(InvalidDecision, match="does not fit"):
            await team.decide(ticket.id, Edit(by="ana", args=args))  # pyright: ignore[reportArgumentType]
    result = await decided(team, ticket, Edit(by="ana", args={"to": "tech"}))
    assert (result.status, result.specialist) == ("done", "tech")
    after = await team.ticket(ticket.id)
    assert (after.status, after.runs) == ("executed", {"to": "tech"})


async def test_a_person_answers_or_sends_it_nowhere(home: Path) -> None:
    """An answer ends the run, a no ends it without a route."""
    team = asking(home / "1")
    result = await decided(team, await waits(team), Respond(by="ana", text="Call us."))
    assert (result.status, result.answer, result.by) == ("done", "Call us.", "person")
    team = asking(home / "2", no_route="Nobody does that.")
    result = await decided(team, await waits(team), Reject(by="ana", reason="spam"))
    assert (result.status, result.answer) == ("no_route", "Nobody does that.")


async def test_terms_and_audit_hold_as_for_other_tickets(home: Path) -> None:
    """The policy's own terms: reviewers, two people, escalation; every step is in the audit log."""
    policy = ApprovalPolicy(terms=Terms(reviewers=("ana", "bo"), approvals=2))
    team = asking(home, policy=policy)
    ticket = await waits(team)
    with pytest.raises(InvalidDecision, match="its reviewers are ana, bo"):
        await team.decide(ticket, Approve(by="mallory"))
    assert (await decided(team, ticket, Approve(by="ana"))).status == "waiting"
    assert (await decided(team, ticket, Escalate(by="bo", to="lea"))).status == "waiting"
    assert (await decided(team, ticket, Approve(by="lea"))).status == "done"
    rows = await team.audit()
    steps = [row.entry.action for row in rows]
    assert steps == ["open", "approve", "escalate", "approve", "execute"]
    assert not faults(rows)
    with pytest.raises(TicketClosed):
        await team.decide(ticket, Approve(by="ana"))


async def test_nobody_in_time_is_nowhere(home: Path) -> None:
    """A ticket that expires sends it nowhere, and the run ends."""
    at = [1_000_000.0]
    policy = ApprovalPolicy(terms=Terms(expires_after=60.0))
    team = asking(home, policy=policy, clock=lambda: at[0])
    ticket = await waits(team)
    assert ticket.expires == ticket.created + timedelta(seconds=60)
    at[0] += 61
    await team.sweep()
    assert (await team.result(ticket.run)).status == "no_route"


async def test_who_left_the_team_gets_nothing(home: Path) -> None:
    """A deploy that removed who was proposed supersedes the approval; the run ends and says so."""
    ticket = await waits(asking(home))

    def tech_only(shop: Shop) -> Sequence[Specialist]:
        return (Specialist("tech", handles="devices"), Specialist("desk", handles="the rest"))

    team = asking(home, specialists=tech_only)
    with pytest.raises(TicketClosed, match="no specialist 'billing' any more"):
        await team.decide(ticket, Approve(by="ana"))
    assert (await team.result(ticket.run)).status == "no_route"
    after = await team.ticket(ticket.id)
    assert after.status == "superseded"
    assert "no specialist 'billing' any more" in after.outcome


async def test_nobody_proposed_is_nobody_approved(home: Path) -> None:
    """Without a candidate the reviewer must name one."""

    def silent(request: ModelRequest) -> Scripted:
        return choice_reply("none") if request.choices else text_reply("answered")

    router = Router(ask_person=True, out_of_scope=("sing me a song",), classifier="off")
    model = ScriptedTransport(silent)
    team = shop_team(home, model=model, router=router)
    result = await team.run("hm", thread="c1")
    # The model decided that it is nobody's: no tier abstained, and nobody is asked.
    assert result.status == "no_route"


async def test_a_router_that_does_not_ask_ends_without_a_route(home: Path) -> None:
    """A person is asked where the team says so."""
    router = Router(min_confidence=0.6, classifier="off")
    team = shop_team(home, model=ScriptedTransport(unsure), router=router)
    assert (await team.run("my thing is broken")).status == "no_route"


async def test_a_conversation_goes_on_after_a_person_routed(home: Path) -> None:
    """The next message of the thread sees the answer, as after any route."""
    team = asking(home)
    await decided(team, await waits(team), Approve(by="ana"))
    model = ScriptedTransport(unsure)
    team = shop_team(home, model=model)
    result = await team.run("and now", thread="c1")
    assert result.status == "done"
    assert [t.content for t in model.requests[-1].turns if t.role != "system"] == [
        "my thing is broken", "answered", "and now",
    ]  # fmt: skip


async def test_a_message_in_parts_goes_to_each(home: Path) -> None:
    """The router splits it; each part is a run of its own, and the answer has them all."""
    rules = (Rule("money", to="billing", pattern="refund"), Rule("it", to="tech", pattern="phone"))
    team = shop_team(home, router=Router(rules=rules, split=True, classifier="off"))
    result = await team.run("Please refund my invoice now. Also my phone is not working.")
    assert result.status == "done"
    parts = {row.task: row.request.payload for row in await team.runs() if row.parent}
    texts = {task: asked.text for task, asked in parts.items() if isinstance(asked, Request)}
    assert texts == {
        "part-1": "Please refund my invoice now.", "part-2": "Also my phone is not working.",
    }  # fmt: skip
    assert result.answer.count("done:") == 2
