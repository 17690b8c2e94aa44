"""Published episodes in processes that are killed around their writes, and taken on by others."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNKNOWN = 6
"""Points around one write at which it is begun and has no result on record: after the ledger's
commit, before the call, before and after the shop's commit, after the call, before the ledger's."""


async def killed(folder: Path, data: Path, *flags: str) -> dict[str, int]:
    """Kill and go on, in a process that can fork; what it saw."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.retail.crash", str(folder), str(data), *flags,
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


@pytest.mark.timeout(300)
async def test_a_tool_that_can_look_needs_nobody(tmp_path: Path, retail_data: Path) -> None:
    """Killed around a write, the run that goes on finds out what happened: the shop and its journal
    are as without the crash, and no person is asked."""
    seen = await killed(tmp_path, retail_data, "--reconcile", "--episodes", "1", "--seed", "4")
    assert seen["visited"] > UNKNOWN
    assert seen["asked"] == 0


@pytest.mark.timeout(300)
async def test_where_no_tool_can_look_a_person_does(tmp_path: Path, retail_data: Path) -> None:
    """At each point where the write is begun and nothing says how it ended, a person is asked
    once; at no other; and the shop is as without the crash."""
    seen = await killed(tmp_path, retail_data, "--episodes", "1", "--seed", "17")
    assert seen["asked"] == UNKNOWN * seen["writes"] > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("flags", [("--reconcile",), ()], ids=["reconcile", "asks a person"])
async def test_many_writes_are_killed(
    tmp_path: Path, retail_data: Path, flags: tuple[str, ...]
) -> None:
    """The same for a dozen episodes."""
    seen = await killed(tmp_path, retail_data, *flags, "--episodes", "12", "--seed", "9")
    assert seen["asked"] == (0 if flags else UNKNOWN * seen["writes"])


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_an_episode_is_killed_everywhere(tmp_path: Path, retail_data: Path) -> None:
    """Every point of whole episodes, not only those around the writes."""
    seen = await killed(tmp_path, retail_data, "--everywhere", "--episodes", "2", "--seed", "4")
    assert seen["visited"] == seen["points"] > 100
    assert seen["asked"] == UNKNOWN * seen["writes"]
