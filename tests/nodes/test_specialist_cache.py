"""What of a specialist's answers is cached."""

from pathlib import Path

import pytest

from pointsman.errors import Misconfigured
from pointsman.nodes.gateway.embedding import Similar, hashed_grams
from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import tool
from pointsman.teams.team import Team

ALIKE = Similar(hashed_grams(), threshold=0.6)


@tool(effect="write")
async def book(day: str) -> str:
    """Book a day."""
    return day


@tool(effect="read")
async def look(day: str) -> str:
    """Look at a day."""
    return day


def desk(home: Path, specialist: Specialist) -> tuple[Team, ScriptedTransport]:
    """A team of one whose model says how often it was asked."""
    model = ScriptedTransport(lambda _: f"answer {len(model.requests)}")
    team = Team(
        "desk",
        specialists=(specialist,),
        models={"fast": ("scripted/m",), "strong": ("scripted/m",)},
        transports=Transports({"scripted": lambda: model}),
        home=home,
    )
    return team, model


def test_one_that_writes_takes_no_similar_answer() -> None:
    """It is refused where the specialist is made; with reads alone it is not."""
    with pytest.raises(Misconfigured, match="can write"):
        Specialist("desk", handles="days", tools=(look, book), cache=ALIKE)
    assert Specialist("desk", handles="days", tools=(look,), cache=ALIKE).cache is ALIKE


async def test_a_whole_run_takes_a_similar_answer(tmp_path: Path) -> None:
    """Where the specialist says so, and the run's result counts a hit."""
    team, model = desk(tmp_path, Specialist("faq", handles="questions", cache=ALIKE))
    async with team:
        first = await team.run("When do you open on Monday morning?")
        second = await team.run("when do you open on monday mornings?")
        other = await team.run("Where can I leave the car?")
    assert (second.answer, second.cache_hits, second.model_calls) == (first.answer, 1, 0)
    assert other.answer != first.answer
    assert len(model.requests) == 2


async def test_a_specialist_may_stay_out_of_the_cache(tmp_path: Path) -> None:
    """The same message twice is two calls."""
    team, model = desk(tmp_path, Specialist("faq", handles="questions", cache=False))
    async with team:
        answers = [(await team.run("When do you open?")).answer for _ in range(2)]
    assert answers[0] != answers[1]
    assert len(model.requests) == 2
