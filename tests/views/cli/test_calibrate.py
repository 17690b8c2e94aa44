"""`pointsman calibrate` as a user calls it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pointsman.errors import BadInput
from pointsman.nodes.gateway.selector import Selector
from pointsman.views.cli.main import cli
from tests.evals.calibration_rows import learnable, written


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Recorded answers that can be learned from."""
    return written(learnable(240), tmp_path / "rows.jsonl")


def test_it_says_shows_draws_and_writes(rows: Path, tmp_path: Path) -> None:
    """The best single model first, then a table; a picture and a selector where asked for."""
    out, picture = tmp_path / "selector.json", tmp_path / "cost.svg"
    done = CliRunner().invoke(
        cli, ["calibrate", str(rows), "--out", str(out), "--plot", str(picture)]
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("One model: the strong one.")
    assert "longest to weak *" in done.stdout
    assert "<svg" in picture.read_text()
    selector = Selector.load(out)
    assert selector.kind == "cascade"
    assert selector.figures is not None
    assert selector.figures.cost < selector.figures.random_cost


def test_figures_come_as_json(rows: Path) -> None:
    """All of them, and nothing else on stdout."""
    done = CliRunner().invoke(cli, ["calibrate", str(rows), "--kind", "route", "--json"])
    found = json.loads(done.stdout)
    assert (found["kind"], found["rows"], found["best_single"]) == ("route", 240, "strong")
    names = {line["name"] for line in found["lines"]}
    assert names == {"selector", "TF-IDF + LR", "oracle", "longest to weak"}


def test_few_rows_write_nothing(tmp_path: Path) -> None:
    """And say how many are needed."""
    few, out = written(learnable(20), tmp_path / "few.jsonl"), tmp_path / "selector.json"
    done = CliRunner().invoke(cli, ["calibrate", str(few), "--out", str(out)])
    assert done.exit_code != 0
    assert isinstance(done.exception, BadInput | SystemExit)
    assert not out.exists()
