"""What the flow tests share."""

from pathlib import Path

import pytest

from pointsman.nodes.gateway.scripted import ScriptedTransport
from tests.flow.shop import Shop, script


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A new folder of state."""
    return tmp_path / "home"


@pytest.fixture
def shop(home: Path) -> Shop:
    """The system behind the team."""
    return Shop(home)


@pytest.fixture
def model() -> ScriptedTransport:
    """The scripted model, which remembers what it was asked."""
    return ScriptedTransport(script)
