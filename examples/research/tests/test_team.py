"""The whole team on a scripted model: planned, read side by side, planned again, merged."""

import json

import pytest
from pointsman.nodes.gateway.scripted import Scripted, text_reply
from pointsman.nodes.gateway.transport import ModelRequest

from evals.scripted import inventing, reading
from tests.conftest import MakeTeam


def planning(request: ModelRequest) -> Scripted:
    """Plans and merges too."""
    if request.purpose == "plan":
        text = "What does DOC-0{} say about noise?"
        tasks = [
            {"id": f"n{n}", "to": "reader", "text": text.format(n), "needs": []} for n in (2, 4)
        ]
        tasks.append({"id": "order", "to": "ranking", "text": "order", "needs": ["n2", "n4"]})
        return json.dumps({"tasks": tasks})
    if request.purpose == "merge":
        return text_reply("The wind turbine is quieter: 41 dB [n2] against 44 dB [n4].")
    return reading(request)


@pytest.mark.parametrize("model", [reading, inventing])
async def test_each_part_names_its_source(team_of: MakeTeam, model: object) -> None:
    """Task and document stand after each sentence; a model that makes things up changes nothing."""
    result = await team_of(model).run("What does the solar roof cost, and how much does it give?")
    assert result.status == "done"
    assert result.answer == (
        "The solar roof costs 412,000 crowns, of which the region pays a third (DOC-01)."
        " [solar-cost]\n"
        "The solar roof gives 196 MWh a year, two thirds of it between April and August (DOC-01)."
        " [solar-yield]"
    )


async def test_what_is_compared_is_ranked_after_it_was_read(team_of: MakeTeam) -> None:
    """The ranking needs the readings; each task is a run of its own."""
    team = team_of(reading)
    result = await team.run("Compare the noise of the wind turbine and the heat pumps.")
    assert result.answer.startswith(
        "From least to most dB: 41 [wind-noise], 44 [heat-pumps-noise]. [rank]\n"
    )
    tasks = sorted(row.task for row in await team.runs() if row.parent)
    assert tasks == ["heat-pumps-noise", "rank", "wind-noise"]


async def test_a_missing_report_is_looked_for_in_the_edition_before(team_of: MakeTeam) -> None:
    """The new plan reads the older report, and the answer says which one it is."""
    result = await team_of(reading).run("How long does the battery take?")
    assert result.status == "done"
    assert "by the offer of 2024 (DOC-03). [battery-time]" in result.answer


async def test_what_cannot_be_found_is_said(team_of: MakeTeam) -> None:
    """No edition before: the answer is partial and names the gap; nothing but gaps is no answer."""
    team = team_of(reading)
    result = await team.run("Which of the projects costs least?")
    assert result.status == "partial"
    assert result.answer.startswith("From least to most crowns: 412,000 [solar-cost], 655,000")
    assert result.answer.endswith("Missing: [tidal-cost] of reader.")
    nothing = await team.run("What does the tidal mill cost?")
    assert nothing.answer == "The reports that this needs are not in the archive."


async def test_what_the_archive_does_not_hold(team_of: MakeTeam) -> None:
    """A question about something else is answered with what there is."""
    result = await team_of(reading).run("Who won the regatta?")
    assert result.answer.startswith("The archive has nothing about that.")


async def test_a_model_may_plan_and_merge(team_of: MakeTeam) -> None:
    """With `model_plans` the same members do the work of a model's plan."""
    result = await team_of(planning, model_plans=True).run("Which is quieter?")
    assert (result.status, result.by) == ("done", "model")
    assert result.answer == "The wind turbine is quieter: 41 dB [n2] against 44 dB [n4]."
