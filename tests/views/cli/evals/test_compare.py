"""`pointsman eval compare` and `pointsman eval report`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pointsman.views.cli.main import cli
from tests.evals import records


def ran(*args: str | Path) -> Result:
    """The command, in a wide terminal."""
    return CliRunner(env={"COLUMNS": "160"}).invoke(cli, ["eval", *map(str, args)])


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """A run that lost eight of thirty cases, and its baseline."""
    now = records.many("f" * 8 + "p" * 22, output="no\x1b[31m idea", tags=("x",))
    before = records.many("p" * 30, output="yes")
    return (
        records.write(tmp_path / "now.jsonl", now),
        records.write(tmp_path / "before.jsonl", before),
    )


def test_a_worse_run_exits_1_and_shows_why(runs: tuple[Path, Path]) -> None:
    """Figures, verdict, what would be seen, and both transcripts; nothing moves the terminal."""
    found = ran("compare", *runs, "--cases", "1")
    assert found.exit_code == 1
    row = next(line for line in found.stdout.splitlines() if line.startswith("ok "))
    assert row.split()[1:4] == ["100.0%", "73.3%", "-26.7"]
    assert "worse" in row
    assert "8 samples no longer pass" in found.stdout
    assert "output: yes" in found.stdout
    assert "output: no\\u001b[31m idea" in found.stdout
    assert "c0007 (epoch 1): ok" in found.stdout
    assert "\x1b" not in found.stdout


def test_equal_runs_exit_0(runs: tuple[Path, Path]) -> None:
    """Nothing is listed as lost."""
    found = ran("compare", runs[1], runs[1])
    assert found.exit_code == 0
    assert "no longer pass" not in found.stdout


def test_json_is_the_whole_comparison(runs: tuple[Path, Path]) -> None:
    """Every change and every lost case, for scripts."""
    said = json.loads(ran("compare", *runs, "--json").stdout)
    assert said["schema_version"] == "pointsman.comparison@1"
    ok = next(change for change in said["changes"] if change["metric"] == "ok")
    assert (ok["verdict"], ok["lost"], ok["pairs"]) == ("worse", 8, 30)
    assert len(said["regressed"]) == 8


def test_a_score_of_which_less_is_better(tmp_path: Path) -> None:
    """`--lower` turns the verdict."""
    now = [records.sample(f"c{n}", close=0.1 + n / 1e3) for n in range(20)]
    before = [records.sample(f"c{n}", close=0.9) for n in range(20)]
    runs = [records.write(tmp_path / f"{n}.jsonl", s) for n, s in (("a", now), ("b", before))]
    assert ran("compare", *runs).exit_code == 1
    assert ran("compare", *runs, "--lower", "close").exit_code == 0


def test_a_report_is_a_table_and_a_page(runs: tuple[Path, Path], tmp_path: Path) -> None:
    """Without -o the table alone; with it the page too."""
    table = ran("report", runs[0])
    assert table.exit_code == 0
    row = next(line for line in table.stdout.splitlines() if line.startswith("ok "))
    assert row.split() == ["ok", "73.3%", "55.6%", "to", "85.8%", "30", "of", "30"]
    assert not (tmp_path / "page.html").exists()
    page = ran("report", runs[0], "--baseline", runs[1], "-o", tmp_path / "page.html")
    assert "30 of 30 samples in full" in page.stderr
    assert "Against the baseline" in (tmp_path / "page.html").read_text()
