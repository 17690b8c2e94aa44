"""`pointsman eval gate`: runs the suite, holds it against its rules, keeps its baseline."""

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from pointsman.views.cli.main import cli

TARGET = '''
"""A target that reads its weakness from a file."""
from pathlib import Path


async def answer(text):
    weak = (Path(__file__).parent / "weak").exists()
    return "no idea" if weak and int(text.split()[-1]) < 10 else f"answer {text}"
'''


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a suite of twenty cases and a target that can be weakened."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    name = f"target_{tmp_path.name.replace('-', '_')}"
    folder = tmp_path / "evals"
    folder.mkdir()
    (folder / f"{name}.py").write_text(TARGET)
    cases = "\n".join(
        f"  - {{id: c{n}, text: 'number {n}', expected: {{contains: [answer]}}}}" for n in range(20)
    )
    path = folder / "support.yaml"
    path.write_text(f"target: '{name}:answer'\nscorers: [contains]\ncases:\n{cases}\n")
    return path


def gate(suite: Path, *args: str | Path) -> Result:
    """The command."""
    runner = CliRunner(env={"COLUMNS": "160"})
    return runner.invoke(cli, ["eval", "gate", str(suite), *map(str, args)])


def weaken(suite: Path) -> None:
    """The target gets half the cases wrong from now on."""
    (suite.parent / "weak").touch()


def test_a_gate_without_a_baseline_asks_nobody(suite: Path) -> None:
    """It says how to make one, before anything runs."""
    found = gate(suite)
    assert found.exit_code == 1
    assert "--update-baseline" in found.stderr
    assert not (suite.parents[1] / ".pointsman").exists()


def test_a_baseline_is_made_and_kept_beside_the_suite(suite: Path) -> None:
    """Then the same target passes."""
    made = gate(suite, "--update-baseline")
    assert made.exit_code == 0, made.output
    assert (suite.parent / "baselines" / "main" / "support.jsonl").is_file()
    found = gate(suite)
    assert found.exit_code == 0, found.output
    assert "The gate passed: 2 of 2 checks" in found.stdout


def test_a_worse_target_fails_the_gate(suite: Path, tmp_path: Path) -> None:
    """Exit 1, with the check that failed, in the terminal, as JUnit, as Markdown and as JSON."""
    gate(suite, "--update-baseline")
    weaken(suite)
    files = ("--junit", tmp_path / "g.xml", "--markdown", tmp_path / "g.md")
    found = gate(suite, *files)
    assert found.exit_code == 1, found.output
    assert "FAILED  contains: no worse than the baseline" in found.stdout
    assert "10 samples no longer pass" in found.stdout
    root = ElementTree.fromstring((tmp_path / "g.xml").read_text())
    assert root[0].get("failures") == "1"
    assert (tmp_path / "g.md").read_text().startswith("## ❌ Gate of support: failed")
    said = json.loads(gate(suite, "--json").stdout)
    assert [c["metric"] for c in said["checks"] if not c["passed"]] == ["contains"]


def test_a_record_is_judged_without_a_run(suite: Path, tmp_path: Path) -> None:
    """`--run` takes what is there; a record of another suite is refused."""
    record = tmp_path / "run.jsonl"
    gate(suite, "--update-baseline", "--out", record)
    weaken(suite)
    assert gate(suite, "--run", record).exit_code == 0
    other = suite.with_name("other.yaml")
    other.write_text(suite.read_text())
    gate(other, "--update-baseline", "--out", tmp_path / "other.jsonl")
    refused = gate(other, "--run", record)
    assert refused.exit_code == 1
    assert "record of suite 'support'" in refused.stderr


def test_rules_without_comparison_need_no_baseline(suite: Path) -> None:
    """A suite that only bounds its own figures is gated at once."""
    suite.write_text(suite.read_text() + "gate:\n  - {metric: contains, at_least: 0.9}\n")
    assert gate(suite).exit_code == 0
    weaken(suite)
    assert gate(suite).exit_code == 1


def test_github_gets_its_summary_only_when_asked(
    suite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is added to what is there; without a workflow the option is refused."""
    gate(suite, "--update-baseline")
    assert "is not set" in gate(suite, "--github").stderr
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    gate(suite)
    assert summary.read_text() == "before\n"
    assert gate(suite, "--github").exit_code == 0
    assert summary.read_text().startswith("before\n## ✅ Gate of support: passed")


def test_a_wrong_gate_is_told_before_anything_runs(suite: Path) -> None:
    """Also when the baseline is made."""
    suite.write_text(suite.read_text() + "gate:\n  - {metric: contains}\n")
    for args in ((), ("--update-baseline",)):
        found = gate(suite, *args)
        assert "none of at_least" in found.stderr
        assert not (suite.parents[1] / ".pointsman").exists()
