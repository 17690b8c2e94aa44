"""What many machines cost: the same team and messages on one process and on Temporal's workers.

    python -m benchmarks.scale [--messages 60] [--rounds 3] [--at-once 16] [--json FILE]

Side by side, in rounds that change their order: `LocalEngine` on SQLite and on PostgreSQL, and 1, 2
and 4 worker processes (`pointsman worker`, all pools) on Temporal's dev server with PostgreSQL.
Each cell has a database, a namespace and processes of its own, and is warmed up. A message is a
thread of its own: route, read, write through the ledger, answer; the model is scripted, and takes
--think milliseconds a call (0: what is left is overhead).

Prints messages a second, wall time and CPU time a message (the client's, the workers', PostgreSQL's
and the server's apart), and ratios of CPU to `local sqlite`. Then what a message leaves: rows,
commits, WAL and bytes by table in PostgreSQL; events, bytes and billable actions in Temporal.
All of it runs on one machine: with more processes than cores, throughput says nothing about more
machines, and CPU a message says what they will need.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypedDict, cast

import psycopg

from benchmarks.scale_drive import WARM_UP
from benchmarks.scale_site import ROOT, Site, cpu, site

KINDS = ("local sqlite", "local postgres", "temporal 1", "temporal 2", "temporal 4")
IDLE_SECONDS = 1.0
"""When a thread's workflow ends: soon, so that its end is measured with it."""
SAMPLE = 20
BILLED = {
    "WORKFLOW_EXECUTION_STARTED", "WORKFLOW_EXECUTION_UPDATE_ACCEPTED",
    "WORKFLOW_EXECUTION_SIGNALED", "ACTIVITY_TASK_SCHEDULED", "TIMER_STARTED",
}  # fmt: skip
"""Events that Temporal Cloud counts as an action each (docs.temporal.io/cloud/actions, read in
November 2026). Heartbeats and retries count too and are no events."""


@dataclass(frozen=True)
class Kept:
    """What a message leaves behind, on average."""

    commits: float = 0.0
    """Transactions, those that only read too."""
    syncs: float = 0.0
    """Times that PostgreSQL waited for the disk; one serves all that commit meanwhile."""
    rows: float = 0.0
    wal: float = 0.0
    """Bytes, whole page images included."""
    tables: Mapping[str, float] = field(default_factory=dict[str, float])
    """Bytes of each table with its indexes."""
    events: float = 0.0
    history: float = 0.0
    """Bytes of a workflow's history."""
    actions: float = 0.0
    kinds: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class Cell:
    """What one cell of a round measured. Seconds; `cpu` by part, for a message."""

    rate: float
    p50: float
    p95: float
    cpu: Mapping[str, float]
    kept: Kept

    @property
    def total(self) -> float:
        """CPU seconds of all parts, for a message."""
        return sum(self.cpu.values())


class Said(TypedDict):
    """What the driver prints. Seconds."""

    seconds: float
    cpu: float
    took: list[float]


@dataclass(frozen=True)
class Counts:
    """What PostgreSQL counts of one database, so far."""

    commits: int
    syncs: int
    rows: int
    wal: int
    tables: Mapping[str, int]


async def measured(place: Site, kind: str, name: str, options: argparse.Namespace) -> Cell:
    """One cell."""
    engine, _, how = kind.partition(" ")
    store = "" if how == "sqlite" else await asyncio.to_thread(place.postgres.prepared)
    home = place.folder / name
    home.mkdir()
    told = place.environment(home, store=store, namespace=name if engine == "temporal" else "")
    told |= {"BENCH_IDLE": str(IDLE_SECONDS), "BENCH_THINK": str(options.think / 1e3)}
    before = counted(store) if store else None
    workers = [place.work(told) for _ in range(int(how) if engine == "temporal" else 0)]
    for worker in workers:
        worker.wait_ready()
    parts = {f"worker{n}": worker.process.pid for n, worker in enumerate(workers)}
    if store:
        parts["postgres"] = place.servers["postgres"]
    if workers:
        parts["temporal"] = place.servers["temporal"]
    driver = subprocess.Popen(  # noqa: ASYNC220 (spoken with line by line)
        [sys.executable, "-m", "benchmarks.scale_drive", str(options.messages),
         str(options.at_once)],
        env=told, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    said, spent = driven(driver, parts)
    if workers:
        await asyncio.sleep(IDLE_SECONDS * 3)
    for worker in workers:
        worker.kill()
    events = await histories(place, name) if workers else {}
    took = sorted(said["took"])
    number = options.messages
    grouped = {"client": said["cpu"] / number}
    for part, value in spent.items():
        group = "workers" if part.startswith("worker") else part
        grouped[group] = grouped.get(group, 0.0) + value / number
    return Cell(
        number / said["seconds"], took[len(took) // 2], took[int(len(took) * 0.95)], grouped,
        left(before, store, number + WARM_UP, events),
    )  # fmt: skip


def driven(
    driver: "subprocess.Popen[str]", parts: Mapping[str, int]
) -> tuple[Said, dict[str, float]]:
    """Let the driver go; what it said, and the CPU seconds that each part spent meanwhile."""
    assert driver.stdin is not None
    assert driver.stdout is not None
    assert driver.stdout.readline() == "ready\n", "the driver ended"
    began = {name: cpu(pid) for name, pid in parts.items()}
    driver.stdin.write("go\n")
    driver.stdin.flush()
    said = cast("Said", json.loads(driver.stdout.readline()))
    spent = {name: cpu(pid) - began[name] for name, pid in parts.items()}
    driver.stdin.close()
    driver.wait()
    driver.stdout.close()
    return said, spent


def counted(store: str) -> Counts:
    """What the database has counted and holds."""
    with psycopg.connect(store, autocommit=True) as db:
        db.execute("SELECT pg_stat_force_next_flush()")
        numbers = db.execute(
            "SELECT xact_commit, (SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'),"
            " tup_inserted + tup_updated + tup_deleted,"
            " pg_current_wal_insert_lsn() - '0/0' FROM pg_stat_database"
            " WHERE datname = current_database()"
        ).fetchone()
        assert numbers is not None
        sizes = db.execute(
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'pointsman'::regnamespace"
        ).fetchall()
    return Counts(*(int(number or 0) for number in numbers), tables=dict(sizes))


def left(before: Counts | None, store: str, messages: int, events: Mapping[str, float]) -> Kept:
    """What a message left. Waits until PostgreSQL's sessions, which count when they end, have."""
    if before is None:
        return Kept()
    time.sleep(1.5)
    now = counted(store)
    grown = {
        name: (size - before.tables.get(name, 0)) / messages for name, size in now.tables.items()
    }
    kinds = {name: n for name, n in events.items() if name != "bytes"}
    return Kept(
        (now.commits - before.commits) / messages, (now.syncs - before.syncs) / messages,
        (now.rows - before.rows) / messages, (now.wal - before.wal) / messages,
        {name: size for name, size in sorted(grown.items(), key=lambda p: -p[1]) if size > 0},
        sum(kinds.values()), events.get("bytes", 0.0),
        sum(n for name, n in kinds.items() if name in BILLED), kinds,
    )  # fmt: skip


async def histories(place: Site, namespace: str) -> dict[str, float]:
    """Events of a thread's workflow by kind, and `bytes`, on average over some threads."""
    from temporalio.api.enums.v1 import EventType
    from temporalio.client import Client

    client = await Client.connect(place.temporal.address, namespace=namespace)
    found, number = Counter[str](), 0
    async for one in client.list_workflows(limit=SAMPLE):
        number += 1
        handle = client.get_workflow_handle(one.id, run_id=one.run_id)
        info = (await handle.describe()).raw_description.workflow_execution_info
        found["bytes"] += info.history_size_bytes
        for event in (await handle.fetch_history()).events:
            found[EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")] += 1
    return {name: count / number for name, count in found.items()}


def middle(cells: Sequence[Cell]) -> Cell:
    """The cell of the round with the median CPU."""
    return sorted(cells, key=lambda cell: cell.total)[len(cells) // 2]


def table(found: Mapping[str, Sequence[Cell]]) -> str:
    """The figures as text: medians over the rounds, ratios of each round to its own first."""
    lines = [
        f"{'':16}{'':>7}{'':>8}{'':>8}{'CPU ms a message':>32}",
        (
            f"{'':16}{'msg/s':>7}{'p50 ms':>8}{'p95 ms':>8}{'client':>8}{'workers':>9}"
            f"{'postgres':>9}{'temporal':>9}{'all':>7}{'ratio':>7}"
        ),
    ]
    first = next(iter(found.values()))
    for kind, cells in found.items():
        rate, p50, p95 = (
            statistics.median(getattr(cell, name) for cell in cells)
            for name in ("rate", "p50", "p95")
        )
        parts = [
            statistics.median(cell.cpu.get(part, 0.0) for cell in cells) * 1e3
            for part in ("client", "workers", "postgres", "temporal")
        ]
        total = statistics.median(cell.total for cell in cells) * 1e3
        ratio = statistics.median(a.total / b.total for a, b in zip(cells, first, strict=True))
        lines.append(
            f"{kind:16}{rate:7.1f}{p50 * 1e3:8.0f}{p95 * 1e3:8.0f}"
            f"{parts[0]:8.1f}{parts[1]:9.1f}{parts[2]:9.1f}{parts[3]:9.1f}"
            f"{total:7.0f}{ratio:7.2f}"
        )
    return "\n".join(lines)


def storage(kind: str, kept: Kept) -> str:
    """What a message leaves, as text."""
    size = sum(kept.tables.values())
    lines = [
        f"\n{kind}, a message (a thread of its own):",
        (
            f"  PostgreSQL: {kept.commits:.0f} transactions, {kept.syncs:.0f} syncs of the WAL,"
            f" {kept.rows:.0f} rows written, {kept.wal / 1e3:.0f} kB of WAL,"
            f" {size / 1e3:.1f} kB kept"
        ),
        *(f"    {name:28}{bytes_ / 1e3:8.2f} kB" for name, bytes_ in kept.tables.items()),
    ]
    if kept.events:
        lines += [
            (
                f"  Temporal: {kept.events:.0f} events, {kept.history / 1e3:.1f} kB of history,"
                f" {kept.actions:.0f} billable actions without heartbeats"
            ),
            *(
                f"    {name.lower():40}{number:6.1f}"
                for name, number in sorted(kept.kinds.items(), key=lambda p: -p[1])
            ),
        ]
    return "\n".join(lines)


async def compared(options: argparse.Namespace) -> dict[str, list[Cell]]:
    """All cells of all rounds."""
    kinds = [kind for kind in KINDS if not options.only or kind in options.only]
    names = {
        (kind, number): f"{kind.replace(' ', '-')}-{number}"
        for kind in kinds
        for number in range(options.rounds)
    }
    found: dict[str, list[Cell]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:
        async with site(Path(folder), tuple(names.values())) as place:
            for number in range(options.rounds):
                turn = number % len(kinds)
                for kind in kinds[turn:] + kinds[:turn]:
                    cell = await measured(place, kind, names[kind, number], options)
                    print(f"round {number + 1}, {kind}: {cell.rate:.1f}/s", file=sys.stderr)
                    found[kind].append(cell)
    return found


def main(given: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=16, help="messages under way at once")
    parser.add_argument("--think", type=float, default=0.0, help="milliseconds of a model call")
    parser.add_argument("--only", action="append", choices=KINDS, help="these cells only")
    parser.add_argument("--json", type=Path, help="write every cell there")
    options = parser.parse_args(given)
    found = asyncio.run(compared(options))
    print(table(found))
    for kind in ("local postgres", "temporal 1"):
        if kind in found:
            print(storage(kind, middle(found[kind]).kept))
    if options.json:
        cells = {kind: [asdict(cell) for cell in cells] for kind, cells in found.items()}
        options.json.write_text(json.dumps(cells, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
