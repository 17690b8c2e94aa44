"""`pointsman eval run`, `list` and `schema` as a user calls them."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pointsman.evals import recordfile
from pointsman.views.cli.main import cli

TARGETS = """
async def upper(text: str) -> str:
    if text == "broken":
        raise ValueError("cannot")
    return text.upper()
"""
SUITE = """
name: shout
target: shouts_e1:upper
epochs: 2
concurrency: 1
cases:
  - {id: a, text: hi, tags: [short], expected: {contains: [HI]}}
  - {id: b, text: ho, expected: {contains: [HA]}}
"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A suite of a function, in a folder of its own."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "shouts_e1", raising=False)
    folder = tmp_path / "evals"
    folder.mkdir()
    (folder / "shouts_e1.py").write_text(TARGETS, "utf-8")
    path = folder / "shout.yaml"
    path.write_text(SUITE, "utf-8")
    return path


def call(tmp_path: Path, *args: str) -> Result:
    """`pointsman eval …` in that folder."""
    where = ["--project", str(tmp_path), "--home", str(tmp_path / "home"), "eval"]
    return CliRunner().invoke(cli, [*where, *args])


def test_a_suite_runs_and_says_what_it_came_to(suite: Path, tmp_path: Path) -> None:
    """A table with honest denominators; failures are named as they happen, on stderr."""
    done = call(tmp_path, "run", str(suite))
    assert done.exit_code == 0, done.output
    assert "contains 2 of 4 (50.0%) 4 of 4" in " ".join(done.stdout.split())
    assert "4 of 4 samples, 0 errors, 2 of 4 pass (50.0%)" in done.stdout
    assert "pass@2 50.0%, pass^2 50.0%" in done.stdout
    assert "b: contains" in done.stderr
    assert "b (epoch 2): contains" in done.stderr
    [record] = (tmp_path / "home" / "evals" / "shout").glob("*.jsonl")
    assert str(record) in done.stdout.replace("\n", "")


def test_figures_come_as_json(suite: Path, tmp_path: Path) -> None:
    """And nothing else on stdout."""
    done = call(tmp_path, "run", str(suite), "--epochs", "1", "--json")
    found = json.loads(done.stdout)
    assert (found["done"], found["due"], found["passed"], found["pass_rate"]) == (2, 2, 1, 0.5)
    assert found["scores"]["contains"] == {"scored": 2, "total": 2, "passed": 1, "mean": None}
    assert found["partial"] is False


def test_a_complete_run_is_not_gone_on_with_and_a_broken_one_is(
    suite: Path, tmp_path: Path
) -> None:
    """Run again, a suite is a new record; a record without its end is gone on with."""
    folder = tmp_path / "home" / "evals" / "shout"
    call(tmp_path, "run", str(suite))
    call(tmp_path, "run", str(suite))
    first, second = sorted(folder.glob("*.jsonl"))
    lines = second.read_bytes().splitlines(keepends=True)
    second.write_bytes(b"".join(lines[:3]))
    done = call(tmp_path, "run", str(suite), "--json")
    assert json.loads(done.stdout)["done"] == 4
    assert sorted(folder.glob("*.jsonl")) == [first, second]
    assert len(list(recordfile.samples(second))) == 4


def test_tags_limit_and_out_choose(suite: Path, tmp_path: Path) -> None:
    """Only what was asked for is run, into the file that was named."""
    out = tmp_path / "mine.jsonl"
    done = call(tmp_path, "run", str(suite), "--tags", "short", "--epochs", "1", "--out", str(out))
    assert done.exit_code == 0, done.output
    assert [s.case for s in recordfile.samples(out)] == ["a"]
    done = call(tmp_path, "run", str(suite), "--limit", "1", "--json")
    assert json.loads(done.stdout)["due"] == 2


def test_errors_stay_in_the_denominator_and_fail_the_command(suite: Path, tmp_path: Path) -> None:
    """They are counted, named, and the exit code is 1."""
    suite.write_text(SUITE.replace("text: ho", "text: broken"), "utf-8")
    done = call(tmp_path, "run", str(suite), "--epochs", "1")
    assert done.exit_code == 1
    assert "contains 1 of 2 (50.0%) 1 of 2" in " ".join(done.stdout.split())
    assert "2 of 2 samples, 1 errors, 1 of 2 pass (50.0%)" in done.stdout
    assert "b: ValueError: cannot" in done.stderr


def test_a_pass_rate_may_be_wanted(suite: Path, tmp_path: Path) -> None:
    """Below it, the exit code is 1."""
    assert call(tmp_path, "run", str(suite), "--fail-under", "0.5").exit_code == 0
    assert call(tmp_path, "run", str(suite), "--fail-under", "0.6").exit_code == 1


def test_a_record_is_scored_anew(suite: Path, tmp_path: Path) -> None:
    """With the suite's scorers of now, and nothing is asked."""
    out = tmp_path / "r.jsonl"
    call(tmp_path, "run", str(suite), "--out", str(out))
    suite.write_text(SUITE + "scorers: [{contains: {as: says}}]\n", "utf-8")
    (suite.parent / "shouts_e1.py").write_text("raise RuntimeError\n", "utf-8")
    before = [s.output for s in recordfile.samples(out)]
    done = call(tmp_path, "run", str(suite), "--out", str(out), "--rescore")
    assert "samples" in done.stdout, done.output
    after = list(recordfile.samples(out))
    assert [s.output for s in after] == before
    assert [s.scores for s in after] == [{"says": True}, {"says": False}] * 2


def test_suites_are_listed_with_their_last_record(suite: Path, tmp_path: Path) -> None:
    """One that cannot be read says why, and the others are listed."""
    (suite.parent / "wrong.yaml").write_text("cases: 5", "utf-8")
    found = json.loads(call(tmp_path, "list", "--json").stdout)
    assert [Path(one["file"]).name for one in found] == ["shout.yaml", "wrong.yaml"]
    assert (found[0]["cases"], found[0]["tags"], found[0]["last"]) == (2, "short", "never ran")
    assert "is no suite: cases" in found[1]["last"]
    call(tmp_path, "run", str(suite))
    found = json.loads(call(tmp_path, "list", "--json").stdout)
    assert found[0]["last"].endswith("4 of 4")
    assert "shout" in call(tmp_path, "list").stdout


def test_schemas_are_written_for_editors(tmp_path: Path) -> None:
    """Two files of JSON Schema."""
    done = call(tmp_path, "schema", str(tmp_path / "schemas"))
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in (tmp_path / "schemas").iterdir())
    assert names == ["case.schema.json", "suite.schema.json"]
    assert json.loads((tmp_path / "schemas" / "case.schema.json").read_text("utf-8"))["properties"]


def test_the_group_tells_its_commands(tmp_path: Path) -> None:
    """Without loading any of them."""
    done = call(tmp_path, "--help")
    for name in ("run", "list", "schema", "compare", "gate", "report"):
        assert f"  {name} " in done.stdout
