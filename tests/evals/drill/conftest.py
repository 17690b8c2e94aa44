"""What the tests of drills share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    """Models are asked again without a wait."""
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the drilled shop lies."""
    return tmp_path / "shop"
