"""Baselines: what is kept, what is not, and where."""

from pathlib import Path

import pytest

from pointsman.errors import BadInput
from pointsman.evals import baselines
from pointsman.evals.compare import compare
from pointsman.evals.metrics import read
from pointsman.evals.record import EffectSeen, Step, TicketSeen
from pointsman.evals.suite import Case, Suite
from pointsman.nodes.message import Turn
from tests.evals.records import many, sample, write

SECRET = "ana@example.org"


def talkative(case: str) -> object:
    """A sample in which every text holds something private."""
    return sample(
        case, input=f"I am {SECRET}", output=f"Hello {SECRET}", notes={"ok": SECRET},
        expected={"route": "billing", "asks": True, "output": SECRET, "contains": [SECRET]},
        unscored={"judge": f"BadOutput: {SECRET}"}, route="billing",
        tickets=[TicketSeen(tool="refund", args={"to": SECRET}, by=SECRET, rule="high")],
        effects=[EffectSeen(tool="refund", args={"to": SECRET}, state="done", result=SECRET)],
        trajectory=[Step(kind="tool", name="refund", args={"to": SECRET})],
        transcript=[Turn(role="user", content=SECRET)],
    )  # fmt: skip


def test_nothing_that_was_said_is_kept(tmp_path: Path) -> None:
    """No text of a user, a model or a tool; an error keeps its class only."""
    samples = [talkative("a"), sample("b", error=f"ToolFailed: no such user {SECRET}")]
    record = write(tmp_path / "run.jsonl", samples)  # type: ignore[arg-type]
    baseline = tmp_path / "base.jsonl"
    assert baselines.write(record, baseline) == 2
    text = baseline.read_text()
    assert SECRET not in text
    assert "ToolFailed" in text


def test_a_baseline_compares_like_its_record(tmp_path: Path) -> None:
    """Every figure survives: run against record and against baseline are the same comparison."""
    outcomes = "pfeup-" * 10
    record = write(tmp_path / "run.jsonl", many(outcomes, expected={"asks": True}, tags=("x",)))
    baselines.write(record, tmp_path / "base.jsonl")
    run = read(write(tmp_path / "new.jsonl", many(outcomes[::-1], expected={"asks": True})))
    against = compare(run, read(record))
    light = compare(run, read(tmp_path / "base.jsonl"))
    assert light.changes == against.changes
    assert light.regressed == against.regressed


def test_a_baseline_is_a_readable_diff(tmp_path: Path) -> None:
    """Its lines do not depend on the order in which samples ended."""
    samples = many("pfpf")
    baselines.write(write(tmp_path / "a.jsonl", samples), tmp_path / "x.jsonl")
    baselines.write(write(tmp_path / "b.jsonl", samples[::-1]), tmp_path / "y.jsonl")
    assert (tmp_path / "x.jsonl").read_text() == (tmp_path / "y.jsonl").read_text()


def test_part_of_a_run_is_no_baseline(tmp_path: Path) -> None:
    """It says how many samples are missing, and writes nothing."""
    record = write(tmp_path / "run.jsonl", many("pp"), due=5)
    with pytest.raises(BadInput, match="2 of 5"):
        baselines.write(record, tmp_path / "base.jsonl")
    assert not (tmp_path / "base.jsonl").exists()


def test_a_baseline_lies_beside_its_suite(tmp_path: Path) -> None:
    """By name and suite, so that one name serves every suite; a path is no name."""
    suite = Suite("support", (Case(id="a", text="x"),), folder=tmp_path)
    assert baselines.place(suite, "main") == tmp_path / "baselines" / "main" / "support.jsonl"
    for name in ("../main", "", "a/b", ".hidden"):
        with pytest.raises(BadInput, match="no name"):
            baselines.place(suite, name)
