"""The types of the public face, as a user's checker sees them."""

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHECKER = Path(sys.executable).parent / "basedpyright"


def reported(file: Path) -> dict[int, list[str]]:
    """The lines (from 1) of a file on which basedpyright, strict, has something to say."""
    command = [CHECKER, "--outputjson", "--pythonpath", sys.executable, file]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=110, check=False)
    found: dict[int, list[str]] = {}
    for one in json.loads(done.stdout)["generalDiagnostics"]:
        if one["severity"] == "error":
            found.setdefault(one["range"]["start"]["line"] + 1, []).append(one["message"])
    return found


def test_ordinary_use_is_typed() -> None:
    """Nothing is reported for what README shows."""
    assert reported(HERE / "use.py") == {}


def test_misuse_is_reported() -> None:
    """Every marked line is reported, and no other."""
    lines = (HERE / "misuse.py").read_text().splitlines()
    marked = {number for number, line in enumerate(lines, 1) if line.endswith("# error")}
    assert reported(HERE / "misuse.py").keys() == marked
