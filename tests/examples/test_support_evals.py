"""The suite of the team `support` on its scripted model, as its users run it."""

import json
import os
import subprocess
import sys
from pathlib import Path

from pydantic import JsonValue

from tests.examples.copied import EXAMPLES


def evaluated(home: Path, *options: str) -> dict[str, JsonValue]:
    """`pointsman eval run evals/scripted.yaml` in the example's folder."""
    done = subprocess.run(
        [sys.executable, "-c", "from pointsman.views.cli.main import main; main()",
         "--home", str(home), "eval", "run", "evals/scripted.yaml", "--json", *options],
        cwd=EXAMPLES / "support", env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_every_case_passes_twice_and_from_a_cassette(tmp_path: Path) -> None:
    """Each epoch finds the shop as it ships; the recorded run replays to the same figures."""
    tape = str(tmp_path / "tape.jsonl")
    first = evaluated(tmp_path / "home", "--epochs", "2", "--record", tape)
    assert (first["done"], first["errors"], first["passed"]) == (32, 0, 32)
    assert first["pass_all"] == {"1": 1.0, "2": 1.0}
    again = evaluated(tmp_path / "home", "--epochs", "2", "--replay", tape)
    assert again["scores"] == first["scores"]
