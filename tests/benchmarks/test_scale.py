"""The benchmark of many machines: its tables, and two cells on real servers."""

import json
from pathlib import Path

import pytest

from benchmarks.scale import Cell, Kept, main, middle, storage, table


def cell(rate: float, **cpu: float) -> Cell:
    """What one round measured."""
    return Cell(rate=rate, p50=0.05, p95=0.2, cpu=cpu, kept=Kept())


def test_ratios_are_of_each_round_to_its_own_first() -> None:
    """All parts' CPU together, medians over rounds: a slow round is slow for both."""
    text = table(
        {
            "local sqlite": [cell(10, client=0.01), cell(9, client=0.1), cell(8, client=0.02)],
            "temporal 1": [
                cell(5, client=0.01, workers=0.02, postgres=0.005, temporal=0.005),
                cell(4, client=0.1, workers=0.1, postgres=0.1, temporal=0.1),
                cell(4, client=0.02, workers=0.04, postgres=0.01, temporal=0.01),
            ],
        }
    )
    ours, theirs = (line.split()[2:] for line in text.splitlines()[2:])
    assert (ours[0], ours[-1], theirs[-1]) == ("9.0", "1.00", "4.00")
    assert theirs[1:3] == ["50", "200"]


def test_the_round_in_the_middle_stands_for_storage() -> None:
    """By CPU."""
    cells = [cell(3, client=3.0), cell(1, client=1.0), cell(2, client=2.0)]
    assert middle(cells).rate == 2


def test_storage_names_tables_and_events() -> None:
    """Bytes of each table, the largest first as given, and what Temporal counts."""
    kept = Kept(
        commits=12, syncs=8, rows=30, wal=2_000, tables={"events": 1_500.0, "runs": 500.0},
        events=10, history=3_000, actions=4, kinds={"TIMER_STARTED": 1.0},
    )  # fmt: skip
    text = storage("temporal 1", kept)
    assert "12 transactions, 8 syncs of the WAL, 30 rows written, 2 kB of WAL, 2.0 kB kept" in text
    assert "10 events, 3.0 kB of history, 4 billable actions" in text
    assert text.index("events  ") < text.index("runs  ") < text.index("timer_started")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_it_measures_both_engines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Side by side on real servers: every message is answered, and all parts are counted."""
    file = tmp_path / "cells.json"
    options = ["--messages", "3", "--rounds", "1", "--json", str(file)]
    assert main([*options, "--only", "local postgres", "--only", "temporal 1"]) == 0
    cells = json.loads(file.read_text())
    local, spread = cells["local postgres"][0], cells["temporal 1"][0]
    assert set(local["cpu"]) == {"client", "postgres"}
    assert set(spread["cpu"]) == {"client", "workers", "postgres", "temporal"}
    assert local["kept"]["events"] == 0
    assert spread["kept"]["events"] > spread["kept"]["actions"] > 5
    assert spread["kept"]["tables"]["checkpoints"] > 0
    assert "temporal 1" in capsys.readouterr().out
