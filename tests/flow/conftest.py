"""What the flow tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsman.nodes.gateway.scripted import ScriptedTransport
from tests.flow.replayed import Replayed
from tests.flow.shop import Shop, script

ON_BOTH = ("approvals", "children", "concurrency", "dead", "nested", "order", "processes")
"""The files whose tests run once on SQLite and once on PostgreSQL."""
AT_ONCE = ("order",)
"""Those of them that CI runs on PostgreSQL too; the rest there is slow."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Twice where it is worth the time."""
    file = metafunc.module.__name__.rpartition(".test_")[2]
    if file in ON_BOTH:
        marks = () if file in AT_ONCE else (pytest.mark.slow,)
        postgres = pytest.param("postgres", marks=marks)
        metafunc.parametrize("kept", ["sqlite", postgres], indirect=True)


@pytest.fixture(autouse=True)
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where state is kept, also for the processes that a test starts."""
    if getattr(request, "param", "sqlite") == "postgres":
        monkeypatch.setenv("POINTSMAN_STORE", request.getfixturevalue("database"))


_BY_HAND = "the test changes the store by hand"
_DEPLOY = "the team is another one when the run goes on: no one team is what made it"
CHANGED: dict[str, str] = {
    "test_a_newer_policy_forbids_an_open_ticket": _DEPLOY,
    "test_a_changed_schema_supersedes": _DEPLOY,
    "test_a_specialist_that_is_gone_ends_the_run_clearly": _DEPLOY,
    "test_a_tool_that_is_gone_is_refused": _DEPLOY,
    "test_a_limit_of_today_binds_a_ticket_of_yesterday": _DEPLOY,
    "test_a_deploy_without_the_target_supersedes": _DEPLOY,
    "test_who_left_the_team_gets_nothing": _DEPLOY,
    "test_changed_arguments_never_run": _BY_HAND,
    "test_arguments_changed_after_the_claim_do_not_run": _BY_HAND,
    "test_a_damaged_file_is_store_broken": _BY_HAND,
}
"""Tests whose runs cannot be replayed as they were made, and why."""


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


@pytest.fixture(autouse=True)
def every_run_replays(request: pytest.FixtureRequest, kept: None) -> Iterator[None]:
    """Every run that a test leaves ended or waiting is replayed, and differs nowhere."""
    del kept  # while it lasts, settings say where the runs are
    for name in {"database", "empty_database"} & {*request.fixturenames}:
        request.getfixturevalue(name)  # so that it outlives the replay
    with Replayed() as runs:
        yield
    found = "" if request.node.originalname in CHANGED else runs.differences()
    if found:
        pytest.fail(f"A replay differs.\n{found}", pytrace=False)
