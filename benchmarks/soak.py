"""Work under fire: workers on Temporal and PostgreSQL, one killed with SIGKILL every so often.

    python -m benchmarks.soak [--minutes 10] [--every 20] [--workers 3] [--threads 8] [--seed 1]

Threads send messages, up to three at a time without waiting; each message writes one line to a
file, through the ledger of effects. One in ten messages is sent twice. Half of the writes go to a
system that can be asked whether they were done (`reconcile`); the others cannot, so that who dies
in the middle of one leaves a ticket, which this script answers at the end as a person would: it
looks into the file. At the end, and exits 1 otherwise:

- nothing is lost: every message is done, and its line is there;
- nothing is doubled: no line is there twice;
- order: the lines of a thread are in the order in which its messages were sent. Lines that a person
  had written later, because a ticket asked, are left out of this.

"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.scale_site import Site, Worker, site

if TYPE_CHECKING:
    from pointsman import Team

NAMESPACE = "soak"
GRACE = 300.0
"""Seconds after the last message in which all must be done."""
BURST = 3
AGAIN = 0.1
"""Which part of the messages is sent twice."""


@dataclass(frozen=True)
class Plan:
    """How long, how often, how many. Seconds."""

    seconds: float
    every: float
    workers: int = 3
    threads: int = 8
    seed: int = 1
    pause: float = 0.25
    """How long a write takes before its line is there, and after."""
    heartbeat: float = 3.0


@dataclass
class Sent:
    """What was sent and how it ended."""

    lines: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """By thread, in the order of sending."""
    failed: list[str] = field(default_factory=list[str])
    late: set[str] = field(default_factory=set[str])
    """Lines that a ticket asked about and a person had written later."""
    asked: int = 0
    again: int = 0
    killed: int = 0
    took: list[float] = field(default_factory=list[float])
    refused: Counter[str] = field(default_factory=Counter[str])
    """Errors that a waiting client was given, and after which it asked again."""
    tasks: Counter[str] = field(default_factory=Counter[str])
    """Workflow tasks that failed, by Temporal's cause and message; they are tried again."""


@dataclass(frozen=True)
class Verdict:
    """What is wrong."""

    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    strange: tuple[str, ...]
    """Lines that nobody sent."""
    disorder: tuple[str, ...]
    """Threads whose lines are not in their order."""
    failed: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Nothing is."""
        return not (self.lost or self.doubled or self.strange or self.disorder or self.failed)


def judged(sent: Sent, book: Sequence[str]) -> Verdict:
    """Compare what was sent with what was written."""
    count, known = Counter(book), {line for lines in sent.lines.values() for line in lines}
    disorder: list[str] = []
    for thread, lines in sent.lines.items():
        place = {line: n for n, line in enumerate(lines)}
        came = [place[line] for line in book if line in place and line not in sent.late]
        if came != sorted(came):
            disorder.append(thread)
    return Verdict(
        lost=tuple(sorted(line for line in known if not count[line])),
        doubled=tuple(sorted(line for line in known if count[line] > 1)),
        strange=tuple(sorted(set(count) - known)),
        disorder=tuple(disorder),
        failed=tuple(sent.failed),
    )


async def talk(team: "Team", name: str, until: float, sent: Sent, dice: random.Random) -> None:
    """One thread: sends a few messages in order, waits for all of them, and again."""
    number, lines = 0, sent.lines.setdefault(name, [])
    while time.monotonic() < until:
        runs: list[str] = []
        began = time.monotonic()
        for _ in range(dice.randint(1, BURST)):
            kind = dice.choice(("book", "post"))
            lines.append(f"{name} {number}")
            for _ in range(2 if dice.random() < AGAIN else 1):
                run = await team.post(
                    f"{kind} {name} {number}", thread=name, message_id=f"{name}-{number}"
                )
                sent.again += runs[-1:] == [run]
                runs += [run] if runs[-1:] != [run] else []
            number += 1
        for run in runs:
            result = await ended(team, run, until + GRACE, sent)
            sent.took.append(time.monotonic() - began)
            if result not in ("done", "waiting"):
                sent.failed.append(f"{run} of {name}: {result}")


async def ended(team: "Team", run: str, until: float, sent: Sent) -> str:
    """Wait until a run ends or waits for a person, however many workers die meanwhile."""
    from pointsman.errors import RunBusy, StoreUnreachable

    while True:
        try:
            return (await team.resume(run)).status
        except (RunBusy, StoreUnreachable) as error:
            # What is stored goes on, they say: a client may ask again.
            sent.refused[f"{type(error).__name__}: {error}"] += 1
            if time.monotonic() > until:
                return "not done"
            await asyncio.sleep(1.0)


async def failed_tasks(place: Site) -> Counter[str]:
    """Workflow tasks that a worker failed, and why. What a killed one left is no failure."""
    from temporalio.api.enums.v1 import WorkflowTaskFailedCause
    from temporalio.client import Client

    client = await Client.connect(place.temporal.address, namespace=NAMESPACE)
    found = Counter[str]()
    async for one in client.list_workflows():
        handle = client.get_workflow_handle(one.id, run_id=one.run_id)
        async for event in handle.fetch_history_events():
            if event.HasField("workflow_task_failed_event_attributes"):
                told = event.workflow_task_failed_event_attributes
                cause = WorkflowTaskFailedCause.Name(told.cause)
                found[f"{cause}: {told.failure.message[:300]}"] += 1
    return found


async def fire(
    place: Site, told: Mapping[str, str], workers: list[Worker], plan: Plan, sent: Sent
) -> None:
    """Kill one worker each time, and start another in its place."""
    dice = random.Random(plan.seed)  # noqa: S311 (a seeded trial)
    while True:
        await asyncio.sleep(plan.every)
        worker = dice.choice(workers)
        await asyncio.to_thread(worker.kill)
        sent.killed += 1
        workers[workers.index(worker)] = place.work(dict(told))


async def answer(team: "Team", sent: Sent) -> None:
    """Answer every ticket by looking whether its write happened, as a person would."""
    from benchmarks.scale_team import written
    from pointsman import Approve, Respond

    while tickets := await team.tickets():
        for ticket in tickets:
            sent.asked += 1
            line = f"{ticket.args['thread']} {ticket.args['number']}"
            if line in written():
                await team.decide(ticket, Respond(by="soak", text=line))
            else:
                sent.late.add(line)
                await team.decide(ticket, Approve(by="soak"))
            came = await team.resume(ticket.run)
            if came.status not in ("done", "waiting"):
                sent.failed.append(f"{came.run}: {came.status} {came.error}")


async def soaked(plan: Plan, folder: Path) -> tuple[Sent, Verdict]:
    """Run it all in a folder."""
    async with site(folder, (NAMESPACE,)) as place:
        store = await asyncio.to_thread(place.postgres.prepared)
        told = place.environment(folder, store=store, namespace=NAMESPACE)
        told |= {"BENCH_PAUSE": str(plan.pause), "BENCH_HEARTBEAT": str(plan.heartbeat)}
        os.environ.update(told)
        from benchmarks.scale_team import made, written

        workers = [place.work(told) for _ in range(plan.workers)]
        for worker in workers:
            await asyncio.to_thread(worker.wait_ready)
        sent, dice = Sent(), random.Random(plan.seed)  # noqa: S311 (a seeded trial)
        until = time.monotonic() + plan.seconds
        team = made("scale")
        async with team:
            firing = asyncio.create_task(fire(place, told, workers, plan, sent))
            talks = [
                talk(team, f"t{n}", until, sent, random.Random(dice.random()))  # noqa: S311 (too)
                for n in range(plan.threads)
            ]
            await asyncio.gather(*talks)
            firing.cancel()
            sent.tasks = await failed_tasks(place)
            await answer(team, sent)
        return sent, judged(sent, written())


def report(sent: Sent, verdict: Verdict) -> str:
    """The result as text."""
    took = sorted(sent.took)
    number = sum(len(lines) for lines in sent.lines.values())
    lines = [
        (
            f"{number} messages on {len(sent.lines)} threads, {sent.again} sent twice,"
            f" {sent.killed} workers killed"
        ),
        (
            f"p50 {took[len(took) // 2]:.2f} s, p95 {took[int(len(took) * 0.95)]:.2f} s,"
            f" longest {took[-1]:.2f} s, from the first of a burst to the answer"
        ),
        f"{sent.asked} tickets asked whether a write had happened; {len(sent.late)} had not",
        (
            f"lost {len(verdict.lost)}, doubled {len(verdict.doubled)},"
            f" never sent {len(verdict.strange)}, failed {len(verdict.failed)},"
            f" threads out of order {len(verdict.disorder)}"
        ),
    ]
    lines += [
        f"{count} times a client had to ask again: {why}" for why, count in sent.refused.items()
    ]
    lines += [f"{count} workflow tasks failed: {why}" for why, count in sent.tasks.items()]
    wrong = (*verdict.lost, *verdict.doubled, *verdict.strange, *verdict.disorder, *verdict.failed)
    return "\n".join([*lines, *wrong[:20]])


def main(given: Sequence[str] | None = None) -> int:
    """Soak and print; 1 where something is lost, doubled or out of order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two kills")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    given_ = parser.parse_args(given)
    plan = Plan(given_.minutes * 60, given_.every, given_.workers, given_.threads, given_.seed)
    with tempfile.TemporaryDirectory() as folder:
        sent, verdict = asyncio.run(soaked(plan, Path(folder)))
    print(report(sent, verdict))
    return 0 if verdict.good else 1


if __name__ == "__main__":
    sys.exit(main())
