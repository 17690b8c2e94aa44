"""`pointsman new`."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from pointsman.views.cli.main import cli

if TYPE_CHECKING:
    from tests.views.conftest import Shop


@pytest.fixture
def desk(shop: "Shop", tmp_path: Path) -> "Shop":
    """A project as `pointsman new desk` makes it."""
    assert CliRunner().invoke(cli, ["new", str(tmp_path / "desk")]).exit_code == 0
    return replace(shop, folder=tmp_path / "desk")


def test_the_projects_own_tests_pass(desk: "Shop") -> None:
    """A new project passes its tests at once, with no model and no network."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=desk.folder, env=desk.environ, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


def test_the_project_has_no_faults(desk: "Shop") -> None:
    """`pointsman check` finds nothing in a new project, and says who may do what."""
    found = json.loads(desk.invoke("check", "--json").out)
    assert found["findings"] == []
    assert [s["name"] for s in found["specialists"]] == ["orders", "questions"]


@pytest.mark.slow
@pytest.mark.embedded
def test_the_project_runs_on_the_embedded_model(desk: "Shop") -> None:
    """A new project answers with no key and no server; its high-stakes action waits."""
    asked = json.loads(desk.pointsman("run", "Where is my order A-1002?", "--json").out)
    assert (asked["status"], asked["route"]) == ("done", "orders")
    assert "A-1002" in asked["answer"]
    assert "on its way" in asked["answer"]
    waits = desk.pointsman("run", "Please cancel order A-1003.", "--json")
    assert waits.code == 3
    (ticket,) = json.loads(waits.out)["tickets"]
    done = json.loads(desk.pointsman("approve", ticket, "--json").out)
    assert done["status"] == "done"
    again = json.loads(desk.pointsman("run", "Where is my order A-1003?", "--json").out)
    assert "cancelled" in again["answer"]


@pytest.mark.parametrize(
    "name", ["", "my-team", "1team", "class", "a b", "_x", "../..", "a;b", "caf\u00e9"]
)
def test_a_name_that_names_no_module_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be a module's name is one clear error, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    outcome = CliRunner().invoke(cli, ["new", name])
    assert outcome.exit_code == 1
    assert "cannot name a Python module" in outcome.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An existing folder is refused and keeps what it holds."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "mine.txt").write_text("mine")
    outcome = CliRunner().invoke(cli, ["new", "desk"])
    assert outcome.exit_code == 1
    assert "exists already" in outcome.stderr
    assert [p.name for p in (tmp_path / "desk").iterdir()] == ["mine.txt"]


def test_the_project_has_the_rooms(tmp_path: Path) -> None:
    """Every room is there, the project's name is in place, and no template mark is left."""
    outcome = CliRunner().invoke(cli, ["new", str(tmp_path / "desk")])
    assert outcome.exit_code == 0
    made = {str(p.relative_to(tmp_path / "desk")) for p in (tmp_path / "desk").rglob("*")}
    rooms = {"teams", "nodes", "guardrails", "prompts", "evals", "tests"}
    assert rooms | {"pyproject.toml", "README.md", ".gitignore"} <= made
    assert {"teams/desk.py", "prompts/desk/orders.md"} <= made
    for path in (tmp_path / "desk").rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert "__name__" not in text
            assert path.suffix != ".tmpl"
            if path.suffix == ".py":
                compile(text, str(path), "exec")
