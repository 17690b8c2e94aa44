"""The example teams pass their own tests, as whoever copies one would run them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.copied import EXAMPLES


@pytest.mark.parametrize("name", ["research", pytest.param("incident", marks=pytest.mark.slow)])
def test_an_examples_own_tests_pass(name: str, tmp_path: Path) -> None:
    """`pytest` from its folder, on a scripted model."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--basetemp={tmp_path}/t",
        ],
        cwd=EXAMPLES / name,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout + done.stderr
