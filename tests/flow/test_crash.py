"""Whatever moment a process dies at: nothing unapproved, nothing twice, nothing lost."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = 8
"""Points a variant visits in every test run; `make test-long` visits all."""


async def enumerated(
    folder: Path, *flags: str, module: str = "tests.flow.crash"
) -> dict[str, object]:
    """Run the enumeration in a process that can fork."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, str(folder), *flags,
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        raise
    assert process.returncode == 0, err.decode()
    summary = json.loads(out)
    sys.stdout.write(f"{summary}\n")
    return summary


@pytest.mark.parametrize("flags", [("--reconcile",), ()], ids=["reconcile", "asks a person"])
async def test_a_kill_at_some_points_breaks_no_promise(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    """A seeded sample of every commit and tool call: each write once, as without the crash; with
    `reconcile` nobody is asked about it, without it a person is."""
    summary = await enumerated(tmp_path / "all", *flags, "--sample", str(SAMPLE), "--seed", "11")
    assert summary["visited"] == SAMPLE
    assert int(str(summary["points"])) > 100


@pytest.mark.slow
async def test_a_kill_at_some_points_breaks_no_promise_on_postgres(tmp_path: Path) -> None:
    """The same with all state on a PostgreSQL server, which outlives the process that is killed."""
    summary = await enumerated(tmp_path / "all", "--postgres", "--sample", "8", "--seed", "5")
    assert summary["visited"] == 8
    assert int(str(summary["points"])) > 100


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("flags", [("--reconcile",), ()], ids=["reconcile", "asks a person"])
async def test_a_kill_at_every_point_breaks_no_promise(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    """The same for all of them; the count is printed."""
    summary = await enumerated(tmp_path / "all", *flags)
    assert summary["visited"] == summary["points"]
    asked = summary["asked"]
    assert bool(asked) == (not flags), asked
