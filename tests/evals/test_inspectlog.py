"""A record as a log of Inspect: held against Inspect's own JSON Schema, as far as it is used."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from pointsman.errors import BadInput
from pointsman.evals import metrics
from pointsman.evals.inspectlog import write as write_log
from pointsman.evals.record import Sample
from pointsman.views.cli.main import cli
from tests.evals.records import sample, write

SCHEMA = Path(__file__).parent / "inspect_log.schema.json"
TALK = [
    {"role": "user", "content": "What do I owe?"},
    {"role": "assistant", "tool_calls": [{"id": "1", "name": "look", "args": {"number": 4}}]},
    {"role": "tool", "content": "20", "tool_call_id": "1", "name": "look"},
    {"role": "assistant", "content": "It is 20."},
]
ROWS = (
    sample("good", close=0.5, tone="kind", output={"n": 1}, notes={"ok": "it fits"}),
    sample("broken", error="ModelTimeout: no answer"),
    sample("unscored", ok=None, unscored={"ok": "ValueError: no"}, usd=None, output="no"),
    sample("talk", ok=False, close=1, expected={"output": "30"}, transcript=TALK),
)


def logged(tmp_path: Path, *rows: Sample, **more: Any) -> dict[str, Any]:
    """The log of a record of these samples."""
    run = metrics.read(write(tmp_path / "r.jsonl", rows, **more))
    log = json.loads(write_log(run, tmp_path / "log.json").read_text("utf-8"))
    jsonschema.validate(log, json.loads(SCHEMA.read_text("utf-8")))
    return log


def test_the_log_is_as_inspect_reads_it(tmp_path: Path) -> None:
    """No field that Inspect does not know, none missing that it needs; samples come last, so that a
    reader of the header stops before them."""
    log = logged(tmp_path, *ROWS)
    assert (log["version"], log["status"]) == (2, "success")
    assert list(log)[-1] == "samples"
    assert log["eval"]["dataset"]["sample_ids"] == ["broken", "good", "talk", "unscored"]


def test_the_schema_tells_a_wrong_log(tmp_path: Path) -> None:
    """The schema is no formality: a field by another name is refused."""
    log = logged(tmp_path, *ROWS)
    log["samples"][0]["transcripts"] = []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(log, json.loads(SCHEMA.read_text("utf-8")))


def test_scores_keep_their_meaning(tmp_path: Path) -> None:
    """Pass and fail as C and I, a scorer that failed as N with its reason, the rest as it is."""
    rows = {row["id"]: row for row in logged(tmp_path, *ROWS)["samples"]}
    assert {n: s["value"] for n, s in rows["good"]["scores"].items()} == {
        "ok": "C", "close": 0.5, "tone": "kind",
    }  # fmt: skip
    assert rows["good"]["scores"]["ok"]["explanation"] == "it fits"
    assert rows["talk"]["scores"]["ok"]["value"] == "I"
    failed = rows["unscored"]["scores"]["ok"]
    assert (failed["value"], failed["explanation"]) == ("N", "ValueError: no")
    assert rows["broken"]["scores"] == {}
    assert rows["broken"]["error"]["message"] == "ModelTimeout: no answer"


def test_denominators_stay_honest(tmp_path: Path) -> None:
    """One of four is right, though only two have a score; the log says so."""
    results = logged(tmp_path, *ROWS)["results"]
    (ok,) = [score for score in results["scores"] if score["name"] == "ok"]
    assert ok["metrics"]["accuracy"]["value"] == 0.25
    assert (ok["scored_samples"], ok["unscored_samples"]) == (2, 2)
    assert (results["total_samples"], results["completed_samples"]) == (4, 3)


def test_what_was_said_is_in_the_messages(tmp_path: Path) -> None:
    """Turns with their calls; input and output of a target that keeps no transcript."""
    rows = {row["id"]: row for row in logged(tmp_path, *ROWS)["samples"]}
    said = rows["talk"]["messages"]
    assert [turn["role"] for turn in said] == ["user", "assistant", "tool", "assistant"]
    assert said[1]["tool_calls"][0]["arguments"] == {"number": 4}
    assert said[2]["tool_call_id"] == "1"
    assert rows["talk"]["target"] == "30"
    assert [turn["content"] for turn in rows["good"]["messages"]] == ["ask good", '{"n": 1}']
    assert [s.get("answer") for s in rows["good"]["scores"].values()] == ['{"n": 1}', None, None]
    assert rows["unscored"]["output"]["choices"][0]["message"]["content"] == "no"
    assert "total_cost" not in rows["unscored"]["model_usage"]["team"]


def test_a_broken_off_run_says_so(tmp_path: Path) -> None:
    """Its status is no success, and the samples that are due are counted."""
    log = logged(tmp_path, *ROWS, due=9)
    assert log["status"] == "cancelled"
    assert log["results"]["total_samples"] == 9


def test_a_record_without_a_head_is_no_log(tmp_path: Path) -> None:
    """Nobody knows what was run."""
    path = tmp_path / "old.jsonl"
    path.write_text(sample("a").model_dump_json() + "\n", "utf-8")
    with pytest.raises(BadInput, match="no head"):
        write_log(metrics.read(path), tmp_path / "log.json")


def test_a_folder_gets_a_log_by_the_name_that_inspect_lists(tmp_path: Path) -> None:
    """`--inspect FOLDER`: time first, as `inspect view` wants it."""
    record = write(tmp_path / "r.jsonl", ROWS)
    arguments = ["eval", "report", str(record), "--inspect", str(tmp_path / "logs")]
    found = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert found.exit_code == 0
    (log,) = (tmp_path / "logs").iterdir()
    assert log.name == "2026-01-02T00-00-00+00-00_support_r1.json"
    assert len(json.loads(log.read_text("utf-8"))["samples"]) == 4
