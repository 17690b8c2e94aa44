"""A panel from the message to one answer, or to the person who decides."""

import json
from collections.abc import Sequence
from pathlib import Path

from pointsman.nodes.event import Resolved
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport, text_reply
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.panel import Member, Panel
from pointsman.nodes.resolve import ByPerson, Resolver
from pointsman.nodes.specialist import Specialist
from pointsman.teams.result import Result
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Respond

NAMES = ("logs", "metrics", "changes")


def panel_team(home: Path, said: dict[str, str], otherwise: Sequence[Resolver] = ()) -> Team:
    """Three diagnosticians who say this; one that says nothing fails."""

    def model(request: ModelRequest) -> Scripted:
        name = next(n for n in NAMES if f"You are {n}" in request.turns[0].content)
        return text_reply(said[name]) if said[name] else ValueError("no")

    members = tuple(Specialist(name, handles=name) for name in NAMES)
    heavy = (Member(members[0], 1.5), *members[1:])
    triage = Specialist("triage", handles="it", does=Panel(heavy, otherwise=tuple(otherwise)))
    return Team(
        "watch",
        specialists=(triage, *members),
        transitions={"route": ("triage",), "triage": ("end",)} | dict.fromkeys(NAMES, ("end",)),
        models={"fast": ("scripted",), "strong": ("scripted",)},
        transports=Transports({"scripted": lambda: ScriptedTransport(model)}),
        home=home,
    )


async def test_most_weight_answers(home: Path) -> None:
    """Two members outvote the heaviest; who disagreed and how much is on record, and no text."""
    team = panel_team(home, {"logs": "disk", "metrics": "Network.", "changes": "network"})
    result = await team.run("what is down?")
    assert (result.status, result.answer) == ("done", "Network.")
    (event,) = [e.event for e in await team.events(result.run) if isinstance(e.event, Resolved)]
    assert (event.members, event.distinct, event.resolver) == (3, 2, "vote")
    assert event.winner == "metrics"
    assert round(event.agreement, 3) == round(2 / 3.5, 3)
    assert "network" not in json.dumps(event.model_dump()).casefold()


async def test_one_that_fails_still_counts(home: Path) -> None:
    """One of three answered, with less than half of the weight: that is no majority."""
    team = panel_team(home, {"logs": "disk", "metrics": "", "changes": ""})
    result = await team.run("what is down?")
    assert (result.status, result.error) == ("failed", "BadOutput")


async def test_a_person_settles_what_the_members_could_not(home: Path) -> None:
    """The ticket shows what each said. Released, that is the answer; else what the person says."""
    said = {"logs": "disk", "metrics": "network", "changes": ""}
    for number, decision in enumerate(
        (Respond(by="ana", text="It is the disk."), Approve(by="ana"))
    ):
        team = panel_team(home, said, (ByPerson(),))
        waiting = await team.run("what is down?", thread=f"c{number}")
        assert waiting.status == "waiting"
        (ticket,) = waiting.tickets
        listed = "- logs: disk\n- metrics: network\n- changes: no answer"
        assert listed in str(ticket.args["text"])
        ended = await team.decide(ticket, decision)
        assert isinstance(ended, Result)
        assert ended.status == "done"
        assert ended.answer == "It is the disk." if number == 0 else listed in ended.answer
