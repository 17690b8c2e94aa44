"""A team and a fleet of its own for every test, on a scripted model."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pointsman import Team
from pointsman.nodes.gateway.scripted import Script, ScriptedTransport
from pointsman.nodes.gateway.transports import Transports

from nodes.fleet import Fleet, reset
from nodes.incidents import Incidents
from teams.incident import incident_team

MakeTeam = Callable[[Script], Team]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """The services in their shipped state."""
    path = tmp_path / "fleet.json"
    reset(path)
    return Fleet(path)


@pytest.fixture
def team_of(tmp_path: Path, fleet: Fleet) -> MakeTeam:
    """The team over the shipped incidents and the test's fleet."""

    def make(script: Script) -> Team:
        transport = ScriptedTransport(script)
        return incident_team(
            Incidents(),
            fleet,
            home=tmp_path / "home",
            models={"fast": ("scripted",), "strong": ("scripted",)},
            transports=Transports({"scripted": lambda: transport}),
        )

    return make
