"""What the flow tests share."""

from pathlib import Path

import pytest

from pointsman.nodes.gateway.scripted import ScriptedTransport
from tests.flow.shop import Shop, script

ON_BOTH = ("approvals", "children", "concurrency", "dead", "nested", "order", "processes")
"""The files whose tests run once on SQLite and once on PostgreSQL."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Twice where it is worth the time."""
    if metafunc.module.__name__.rpartition(".test_")[2] in ON_BOTH:
        metafunc.parametrize("kept", ["sqlite", "postgres"], indirect=True)


@pytest.fixture(autouse=True)
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where state is kept, also for the processes that a test starts."""
    if getattr(request, "param", "sqlite") == "postgres":
        monkeypatch.setenv("POINTSMAN_STORE", request.getfixturevalue("database"))


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
