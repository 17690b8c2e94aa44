"""Releases at work: two side by side, threads that keep theirs, a way back."""

import asyncio
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pointsman.errors import Conflict, NotFound
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport, choice_reply, text_reply
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.specialist import Specialist
from pointsman.teams.releases.behaviour import behaviour
from pointsman.teams.releases.channels import place
from pointsman.teams.releases.moves import promote, rollback
from pointsman.teams.releases.release import Release
from pointsman.teams.team import Team

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def says(request: ModelRequest) -> Scripted:
    """The model: says its whole prompt, after its own name where the tier tells it."""
    if request.choices:
        return choice_reply("clerk", probabilities=[("clerk", 0.9)])
    return text_reply(request.turns[0].content.splitlines()[0])


class Desk:
    """A team with one prompt file, which can be written anew."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.prompts = home.parent / "prompts"
        self.prompts.mkdir(exist_ok=True)
        self.model = ScriptedTransport(says)
        self.other = ScriptedTransport(lambda _: text_reply("the other model"))

    def write(self, text: str) -> None:
        """Change the prompt file."""
        (self.prompts / "clerk.md").write_text(text + "\n")

    def team(self, *, models: tuple[str, ...] = ("scripted",), handles: str = "all") -> Team:
        """The team as its code and files are now."""
        return Team(
            "desk",
            specialists=(Specialist("clerk", handles=handles, prompt="clerk"),),
            home=self.home,
            prompts=self.prompts,
            models={"fast": models, "strong": models},
            transports=Transports({"scripted": lambda: self.model, "other": lambda: self.other}),
            guards=(),
        )

    def release(self, text: str, *, models: tuple[str, ...] = ("scripted",)) -> Release:
        """A release of the prompt with that text."""
        self.write(text)
        spec = self.team(models=models).spec
        parts = behaviour(spec, spec.models or {})
        return Release.of("desk", parts, at=NOW, by="ana", notes="")


@pytest.fixture
def desk(home: Path) -> Desk:
    """The team's folder."""
    return Desk(home)


async def test_two_releases_run_side_by_side(desk: Desk) -> None:
    """Each thread is answered by the prompt of its release, whatever the file says now."""
    old, new = desk.release("the old way"), desk.release("the new way")
    desk.write("what nobody released")
    async with desk.team() as team:
        await team.promote(old, to="production", by="ana")
        first = await team.run("hello", thread="a")
        await team.promote(new, to="production", by="ana")
        second = await team.run("hello", thread="b")
        again = await team.run("hello again", thread="a")
    assert [r.answer for r in (first, second, again)] == [
        "the old way", "the new way", "the old way"
    ]  # fmt: skip


async def test_a_release_brings_its_models(desk: Desk) -> None:
    """The chain of the release is asked, not the one of the code."""
    release = desk.release("a way", models=("other",))
    async with desk.team() as team:
        await team.promote(release, to="production", by="ana")
        assert (await team.run("hello")).answer == "the other model"


async def test_without_releases_nothing_changes(desk: Desk) -> None:
    """A team that never promoted one runs on its files, and its runs say so."""
    desk.write("as it is")
    team = desk.team()
    result = await team.run("hello", thread="a")
    assert result.answer == "as it is"
    assert (await team.run_row(result.run)).release == ""
