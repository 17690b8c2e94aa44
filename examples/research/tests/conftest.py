"""A team of its own for every test, on a scripted model."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pointsman import Team
from pointsman.nodes.gateway.scripted import Script, ScriptedTransport
from pointsman.nodes.gateway.transports import Transports

from nodes.archive import Archive
from teams.research import research_team

MakeTeam = Callable[..., Team]


@pytest.fixture
def team_of(tmp_path: Path) -> MakeTeam:
    """The team over the shipped archive, on a model that follows a script."""

    def make(script: Script, *, model_plans: bool = False) -> Team:
        transport = ScriptedTransport(script)
        return research_team(
            Archive(),
            model_plans=model_plans,
            home=tmp_path / "home",
            models={"fast": ("scripted",), "strong": ("scripted",)},
            transports=Transports({"scripted": lambda: transport}),
        )

    return make
