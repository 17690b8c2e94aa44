"""The example teams pass the static check."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.copied import EXAMPLES

PROJECTS = sorted(
    file.parent.name
    for file in EXAMPLES.glob("*/pyproject.toml")
    if "[tool.pointsman]" in file.read_text()
)


def test_there_are_examples() -> None:
    """The list below is not empty by mistake."""
    assert "support" in PROJECTS


@pytest.mark.parametrize("name", PROJECTS)
def test_an_example_is_clean(name: str, tmp_path: Path) -> None:
    """`pointsman check --strict` finds nothing, and its examples tell the specialists apart."""
    command = (sys.executable, "-c", "from pointsman.views.cli.main import main; main()")
    done = subprocess.run(
        [*command, "--project", str(EXAMPLES / name), "check", "--strict", "--json"],
        cwd=tmp_path,
        env={**os.environ, "POINTSMAN_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["findings"] == []
