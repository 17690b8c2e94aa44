"""A drill: the suite's messages without faults, then with them, and what differs."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pointsman.errors import BadInput
from pointsman.evals.drill.book import Strike
from pointsman.evals.drill.faults import Plan
from pointsman.evals.drill.injector import ALWAYS, Injector, Writes
from pointsman.evals.drill.ledger import Ledger, World, doubled, ledger, lost, seen_twice
from pointsman.evals.drill.message import Delivered, Letter, deliver, letters
from pointsman.evals.drill.process import Worker, crashed, lease_seconds, setup_of
from pointsman.evals.drill.report import DrillReport, MessageReport, Verdict
from pointsman.evals.suite import Case, Suite
from pointsman.nodes.event import ToolCalled
from pointsman.teams.result import Result
from pointsman.teams.team import Team

MESSAGE_SECONDS = 300.0
"""How long one message may take, where the suite does not say."""
MOST_RUNS = 1_000_000

Seen = Callable[[str, str], None]
"""Told of each message that has ended: its pass, `calm` or `drill`, and its name."""


@dataclass(frozen=True)
class End:
    """What became of one message in one pass."""

    letter: Letter
    result: Result | None
    error: str
    runs: frozenset[str]
    at: float
    """When it had its final state, by the drill's clock."""
    done: Counter[str]
    """Digests of the writes that are recorded as done."""
    failed_tools: int = 0

    @property
    def final(self) -> bool:
        """Whether its run has ended."""
        return self.result is not None and self.result.status != "waiting"


@dataclass
class Pass:
    """One pass over the suite."""

    injector: Injector
    ends: dict[str, End] = field(default_factory=dict[str, End])
    known: Ledger = field(default_factory=lambda: Ledger((), ()))
    world: Sequence[str] = ()
    """What happened outside meanwhile."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Drill:
    """What both passes of a drill share."""

    team: Team
    suite: Suite
    folder: Path
    worker: Worker | None = None
    writes: Writes = "pretend"
    world: World | None = None
    reset: Callable[[], object] | None = None
    concurrency: int = 1
    seen: Seen = lambda _pass, _name: None

    async def run(self, name: str, plan: Plan, points: Mapping[str, int]) -> Pass:
        """Deliver every message of the suite under the plan. `points` are those that a calm pass
        came by, by message; without them no process is killed."""
        own, began = self.suite.approver, time.perf_counter()
        approver = ALWAYS if own.policy == "never_decide" else own
        one = Pass(Injector(plan, self.folder / name, self.writes, approver=approver))
        if self.reset is not None:
            await asyncio.to_thread(self.reset)
        before = self._outside()
        rigged = one.injector.rig(self.team, home=one.injector.folder / "home")
        gate = asyncio.Semaphore(self.concurrency)

        limit = self.suite.options.timeout or MESSAGE_SECONDS
        around = setup_of(self.suite.setup, self.suite.folder)

        async def lane(cases: Sequence[Case]) -> None:
            for case in cases:
                said = letters(case)
                async with gate, around(said[0].trial):
                    for letter in said:
                        await self._kill(one.injector, letter, points.get(letter.name, 0))
                        one.ends[letter.name] = await _end(rigged, one.injector, letter, limit)
                        self.seen(name, letter.name)

        async with rigged, asyncio.TaskGroup() as group:
            for cases in _lanes(self.suite).values():
                group.create_task(lane(cases))
        one.known = await ledger(rigged, await _all_runs(rigged))
        one.world = self._outside()[len(before) :]
        one.seconds = time.perf_counter() - began
        return one

    async def _kill(self, injector: Injector, letter: Letter, points: int) -> None:
        if self.worker is not None and points:
            after = lease_seconds(self.team)
            await crashed(self.worker, injector, self.suite, letter, points, after)

    def _outside(self) -> tuple[str, ...]:
        return () if self.world is None else tuple(self.world())


async def drill(
    team: Team,
    suite: Suite,
    plan: Plan,
    *,
    folder: Path,
    worker: Worker | None = None,
    writes: Writes = "pretend",
    world: World | None = None,
    reset: Callable[[], object] | None = None,
    concurrency: int = 1,
    seen: Seen = lambda _pass, _name: None,
) -> DrillReport:
    """Run the suite's messages calmly and then by the plan, each with a folder of state of its own
    under `folder`, which must be new. Tickets are decided by the suite's approver, or all approved
    where it has none; the suite's `setup` is entered around each case.

    `worker` begins the processes that `crash` kills; without one, nothing crashes. `writes` says
    whether tools really write. `world` lists what happened outside, a further witness; `reset` is
    called before each pass. Threads run side by side, `concurrency` at once; messages of one thread
    one after another. Raises BadInput for a folder that was used, Misconfigured for a worker that
    does not start, StoreError.
    """
    if (folder / "calm").exists() or (folder / "drill").exists():
        raise BadInput(
            f"The folder {folder} holds a drill already.", hint="Give --keep a new folder."
        )
    both = Drill(team, suite, folder, worker, writes, world, reset, concurrency, seen)
    calm = await both.run("calm", plan.calm(), {})
    drilled = await both.run("drill", plan, calm.injector.points)
    return _report(team, suite, calm, drilled)


def _lanes(suite: Suite) -> dict[str, list[Case]]:
    lanes: dict[str, list[Case]] = {}
    for case in suite.cases:
        lanes.setdefault(case.thread or case.id, []).append(case)
    return lanes


async def _all_runs(team: Team) -> tuple[str, ...]:
    """Every run there is but child runs, also one that no delivery told of."""
    return tuple(row.run for row in await team.runs(limit=MOST_RUNS) if not row.parent)


async def _end(team: Team, injector: Injector, letter: Letter, limit: float) -> End:
    try:
        async with asyncio.timeout(limit):
            came = await deliver(team, injector, letter)
    except TimeoutError:
        came = Delivered(None, f"it came to no end in {limit:g} s")
    at = injector.clock()
    done: Counter[str] = Counter()
    failed = 0
    for run in came.runs:
        done += (await ledger(team, [run])).done
        events = [recorded.event for recorded in await team.events(run)]
        failed += sum(isinstance(event, ToolCalled) and not event.ok for event in events)
    return End(letter, came.result, came.error, came.runs, at, done, failed)


def _report(team: Team, suite: Suite, calm: Pass, drilled: Pass) -> DrillReport:
    strikes = drilled.injector.book.strikes
    by_case: dict[str, list[Strike]] = {}
    for strike in strikes:
        by_case.setdefault(strike.case, []).append(strike)
    messages = tuple(
        _message(calm.ends[name], end, by_case.get(name, [])) for name, end in drilled.ends.items()
    )
    vanished = [f"message {m.name!r}: {m.why}" for m in messages if m.verdict == "lost"]
    split = [
        f"message {name!r} made {len(end.runs)} runs"
        for name, end in drilled.ends.items()
        if len(end.runs) > 1
    ]
    acts, calm_acts = drilled.injector.book.acts, calm.injector.book.acts
    return DrillReport(
        team=team.name,
        suite=suite.name,
        plan=drilled.injector.plan.exactly(strike.spot for strike in strikes),
        writes=drilled.injector.writes,
        messages=messages,
        strikes=dict(Counter(strike.spot.kind for strike in strikes)),
        lost=(*vanished, *lost(drilled.known, acts)),
        doubled=(
            *split, *doubled(drilled.known, acts), *seen_twice(calm.world, drilled.world),
        ),
        calm_lost=lost(calm.known, calm_acts),
        calm_doubled=doubled(calm.known, calm_acts),
        seconds=drilled.seconds,
        calm_seconds=calm.seconds,
    )  # fmt: skip


def _message(calm: End, drilled: End, strikes: Sequence[Strike]) -> MessageReport:
    verdict, why = judged(calm, drilled)
    return MessageReport(
        name=drilled.letter.name,
        calm=None if calm.result is None else calm.result.status,
        status=None if drilled.result is None else drilled.result.status,
        verdict=verdict,
        why=why,
        run="" if drilled.result is None else drilled.result.run,
        faults=tuple(strike.spot.kind for strike in strikes),
        recovery=max(0.0, drilled.at - strikes[0].at) if strikes and drilled.final else None,
    )


def judged(calm: End, drilled: End) -> tuple[Verdict, str]:
    """What a message came to beside its calm run, and what differs, in words."""
    was, now = calm.result, drilled.result
    if now is None:
        return "lost", f"it has no final state: {drilled.error}"
    if now.status == "waiting" and (was is None or was.status != "waiting"):
        return "lost", "its run waits, and nobody can decide"
    if was is None or now.status != was.status:
        if now.status in ("done", "partial"):
            said = now.status if was is None else f"{now.status} in place of {was.status}"
            return "degraded", said
        if not (now.error or now.answer):
            return "lost", f"it ended as {now.status} without a word"
        return "failed", f"{now.status}: {now.error or now.answer}"
    differs = list(_differences(calm, drilled, was, now))
    return ("degraded", "; ".join(differs)) if differs else ("success", "")


def _differences(calm: End, drilled: End, was: Result, now: Result) -> Sequence[str]:
    found: list[str] = []
    if now.route != was.route:
        found.append(f"went to {now.route or 'nobody'} in place of {was.route or 'nobody'}")
    if now.by != was.by:
        found.append(f"answered by {now.by} in place of {was.by}")
    if drilled.done != calm.done:
        left = sum((calm.done - drilled.done).values())
        more = sum((drilled.done - calm.done).values())
        found.append(f"{left} writes not done, {more} others done")
    if drilled.failed_tools > calm.failed_tools:
        found.append(f"{drilled.failed_tools - calm.failed_tools} tool calls failed")
    wanted = drilled.letter.case.expected.contains if drilled.letter.text else ()
    missing = [
        text
        for text in wanted
        if text.lower() in was.answer.lower() and text.lower() not in now.answer.lower()
    ]
    if missing:
        found.append(f"its answer lacks {', '.join(missing)}")
    return found
