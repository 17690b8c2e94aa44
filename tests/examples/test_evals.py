"""The suites of the example teams on their scripted models, as their users run them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import JsonValue

from tests.examples.copied import EXAMPLES

SAMPLES = {"support": 16, "research": 8, "incident": 7}
ONE_AT_ONCE = (
    "support",
    *(pytest.param(one, marks=pytest.mark.slow) for one in SAMPLES if one != "support"),
)
LOST = {
    "support": {"contains", "tickets", "effects", "approvals"},
    "research": {"tool_calls"},
    "incident": {"contains", "tickets", "approvals"},
}
"""What the gate says of a model that leaves things undone, makes them up, blames the wrong one."""


def evaluated(example: Path, home: Path, *arguments: str, exits: int = 0) -> dict[str, JsonValue]:
    """`pointsman eval ... --json` in the example's folder."""
    done = subprocess.run(
        [sys.executable, "-c", "from pointsman.views.cli.main import main; main()",
         "--home", str(home), "eval", *arguments, "--json"],
        cwd=example, env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip
    assert done.returncode == exits, done.stdout + done.stderr
    return json.loads(done.stdout)


def checks(gated: dict[str, JsonValue], *, passed: bool) -> set[str]:
    """The metrics of the gate's checks that passed, or that did not."""
    rows = gated["checks"]
    assert isinstance(rows, list)
    return {str(row["metric"]) for row in rows if isinstance(row, dict) and row["passed"] is passed}


def test_every_case_passes_twice_and_from_a_cassette(tmp_path: Path) -> None:
    """Each epoch finds the shop as it ships; the recorded run replays to the same figures."""
    command = ("run", "evals/scripted.yaml", "--epochs", "2")
    tape = str(tmp_path / "tape.jsonl")
    support, home = EXAMPLES / "support", tmp_path / "home"
    first = evaluated(support, home, *command, "--record", tape)
    assert (first["done"], first["errors"], first["passed"]) == (32, 0, 32)
    assert first["pass_all"] == {"1": 1.0, "2": 1.0}
    again = evaluated(support, home, *command, "--replay", tape)
    assert again["scores"] == first["scores"]


@pytest.mark.parametrize("name", ONE_AT_ONCE)
def test_the_example_passes_the_gate_against_its_baseline(name: str, tmp_path: Path) -> None:
    """Every case as good as in the committed baseline, which has the same cases."""
    found = evaluated(EXAMPLES / name, tmp_path, "gate", "evals/scripted.yaml")
    assert (found["samples"], found["errors"], found["baseline"]) == (SAMPLES[name], 0, "main")
    assert LOST[name] | {"route", "status", "completed"} <= checks(found, passed=True)
    assert checks(found, passed=False) == set()


@pytest.mark.parametrize("name", ONE_AT_ONCE)
def test_a_worse_model_fails_the_gate(name: str, tmp_path: Path) -> None:
    """The same team on a bad model exits 1, and the checks that fail say what it got wrong."""
    example = tmp_path / name
    left_out = shutil.ignore_patterns(".pointsman", "__pycache__")
    shutil.copytree(EXAMPLES / name, example, ignore=left_out)
    suite = example / "evals" / "scripted.yaml"
    suite.write_text(suite.read_text("utf-8").replace("scripted:team", "scripted:worse_team"))
    found = evaluated(example, tmp_path / "home", "gate", str(suite), exits=1)
    assert checks(found, passed=False) == LOST[name]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_baseline_holds_nothing_that_was_said(name: str) -> None:
    """It is committed: no text of a customer or a model is in it."""
    folder = EXAMPLES / name / "evals"
    text = (folder / "baselines" / "main" / "scripted.jsonl").read_text("utf-8")
    cases = [json.loads(line) for line in (folder / "scripted.jsonl").read_text().splitlines()]
    assert len(cases) == SAMPLES[name]
    assert all(case["id"] in text and case["text"] not in text for case in cases)
    assert "transcript" not in text


@pytest.mark.slow
@pytest.mark.embedded
def test_the_customers_messages_are_a_suite_for_the_embedded_model(tmp_path: Path) -> None:
    """What `make eval` runs: the first message waits for a refund that it asked for."""
    arguments = ("run", "evals/support.yaml", "--limit", "1")
    found = evaluated(EXAMPLES / "support", tmp_path, *arguments)
    assert (found["due"], found["errors"], found["passed"]) == (1, 0, 1)
