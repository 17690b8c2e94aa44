"""Whatever moment a process dies at while a run gives work to others: nothing unapproved, nothing
twice, nothing lost."""

from pathlib import Path

import pytest

from tests.flow.test_crash import enumerated

SAMPLE = 5
"""Points that every test run visits; `make test-long` visits all."""


async def test_a_kill_at_some_points_breaks_no_promise(tmp_path: Path) -> None:
    """A seeded sample of every commit and tool call of parent and children."""
    summary = await enumerated(
        tmp_path / "all", "--reconcile", "--sample", str(SAMPLE), "--seed", "5",
        module="tests.flow.crash_children",
    )  # fmt: skip
    assert summary["visited"] == SAMPLE
    assert int(str(summary["points"])) > 200


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("flags", [("--reconcile",), ()], ids=["reconcile", "asks a person"])
async def test_a_kill_at_every_point_breaks_no_promise(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    """The same for all of them."""
    summary = await enumerated(tmp_path / "all", *flags, module="tests.flow.crash_children")
    assert summary["visited"] == summary["points"]
