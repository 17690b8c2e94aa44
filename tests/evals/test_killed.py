"""A run that is killed at any moment, and gone on with: nothing lost, nothing twice."""

import asyncio
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from pointsman.evals import recordfile
from pointsman.evals.runner import run
from pointsman.evals.suite import Case, Suite
from tests.evals import killed_run


def begin(count: int, epochs: int, record: Path) -> "subprocess.Popen[bytes]":
    """The run as a process of its own."""
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, killed_run.__file__, str(count), str(epochs), str(record)],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip


def kill_at(process: "subprocess.Popen[bytes]", record: Path, size: int) -> None:
    """SIGKILL as soon as the record is so large, or when the run has ended."""
    while process.poll() is None:
        if record.exists() and record.stat().st_size >= size:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.001)
    process.wait()


def killed_and_finished(count: int, epochs: int, kills: int, seed: int, record: Path) -> int:
    """Kill the run at random sizes of its record, then let it end. How many kills hit."""
    draw = random.Random(seed)
    whole, hits, reached = count * epochs * 430, 0, 0
    for _ in range(kills):
        reached = min(whole, reached + draw.randint(1, max(2, whole // kills)))
        process = begin(count, epochs, record)
        kill_at(process, record, reached)
        hits += process.returncode == -signal.SIGKILL
    process = begin(count, epochs, record)
    assert process.wait(timeout=240) == 0
    return hits


def assert_whole(count: int, epochs: int, record: Path) -> None:
    """Every sample once, with its own output."""
    seen: Counter[tuple[str, int]] = Counter()
    keys: set[str] = set()
    for sample in recordfile.samples(record):
        seen[sample.case, sample.epoch] += 1
        keys.add(sample.key)
        assert sample.output == f"text {sample.case}"
    assert len(keys) == count * epochs
    assert set(seen.values()) == {1}
    end = recordfile.ending(record)
    assert end is not None
    assert (end.reason, end.done, end.due) == ("complete", count * epochs, count * epochs)


def test_no_sample_is_lost_or_doubled(tmp_path: Path) -> None:
    """Killed three times on its way, a run of 600 samples ends with each of them once."""
    record = tmp_path / "r.jsonl"
    assert killed_and_finished(300, 2, kills=3, seed=7, record=record) > 0
    assert_whole(300, 2, record)


@pytest.mark.slow
def test_ten_thousand_samples_survive_any_kill(tmp_path: Path) -> None:
    """The same for 10,000 samples and twelve kills."""
    record = tmp_path / "r.jsonl"
    assert killed_and_finished(5_000, 2, kills=12, seed=11, record=record) >= 6
    assert_whole(5_000, 2, record)


@pytest.mark.slow
def test_ten_thousand_samples_cost_little(tmp_path: Path) -> None:
    """CPU beyond the target stays at most 0.2 ms a sample, and memory does not grow with what
    samples hold: 10,000 answers of 4 kB each take less than 20 MB more."""
    text = "x" * 4_000
    suite = Suite("s", tuple(Case(id=str(n), text="hi") for n in range(10_000)))

    async def target(case: Case) -> str:
        return text

    warm = Suite("w", suite.cases[:200])
    asyncio.run(run(warm, target, version="1", record=tmp_path / "w.jsonl", concurrency=8))
    before = resource.getrusage(resource.RUSAGE_SELF)
    ran = asyncio.run(run(suite, target, version="1", record=tmp_path / "r.jsonl", concurrency=8))
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert len(ran) == 10_000
    assert cpu / 10_000 <= 0.0002
    assert (after.ru_maxrss - before.ru_maxrss) / 1024 < 20
