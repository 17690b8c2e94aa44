"""Runs a suite: bounded, recorded as it goes, resumed where it stopped."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, cast

from pointsman.errors import BadInput, is_control_flow
from pointsman.evals import recordfile
from pointsman.evals.record import End, Head, Sample, sample_key
from pointsman.evals.recordfile import RecordFile, Samples
from pointsman.evals.scorers.registry import build
from pointsman.evals.scorers.scorer import Scorer
from pointsman.evals.scoring import scored
from pointsman.evals.suite import Case, RunOptions, Suite
from pointsman.evals.suitefile import loaded
from pointsman.evals.tally import Tally
from pointsman.evals.trial import AnyFunction, Observed, Target, Trial, function_target
from pointsman.nodes import conventions as names
from pointsman.nodes import telemetry
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import new_id

log = logging.getLogger("pointsman.evals")

SYNC_SECONDS = 1.0
"""How often what was recorded is made safe from a power cut. A killed process loses none of it."""

Seen = Callable[[Sample, Tally], None]
Setup = Callable[[Trial], AbstractAsyncContextManager[object]]
"""What is entered around each sample, such as a database in its first state."""
Scoring = Callable[[Trial], object]
"""Is told of the trial before its sample is scored, in the context of the scorers."""


class Ran(Samples):
    """What a run came to: its samples in the suite's order, epoch by epoch, read when wanted."""

    def __init__(self, path: Path, places: Sequence[int], head: Head, end: End, tally: Tally):
        super().__init__(path, places)
        self.head = head
        self.end = end
        self.tally = tally


@dataclass(frozen=True)
class _Due:
    """A case at its epoch."""

    case: Case
    epoch: int
    key: str
    case_digest: str


@dataclass
class _Work:
    """One run of a suite: what its workers share."""

    suite: Suite
    target: Target
    scorers: Sequence[Scorer]
    options: RunOptions
    seen: Seen
    tally: Tally
    out: RecordFile
    setup: Setup
    scoring: Scoring
    ended: Literal["complete", "budget", "stopped"] = "stopped"

    async def take(self, lanes: Iterator[Sequence[_Due]]) -> None:
        """Take lane after lane until there is none, or the money is spent."""
        for lane in lanes:
            for due in lane:
                if due.key in self.out.places:
                    continue
                if self._spent():
                    self.ended = "budget"
                    return
                about = {names.CASE: due.case.id, names.SUITE: self.suite.name}
                with telemetry.own(names.EVALUATE_SPAN, "", about):
                    sample = await self._sample(due)
                self.out.add(sample)
                self.tally.add(sample)
                self.seen(sample, self.tally)

    def _spent(self) -> bool:
        budget = self.options.budget
        return budget is not None and self.tally.spent >= budget

    async def _sample(self, due: _Due) -> Sample:
        began = time.perf_counter()
        trial = Trial(due.case, due.epoch, due.key, self.target.version, self.options.seed)
        limit = asyncio.timeout(self.options.timeout)
        got, said = Observed(), ""
        try:
            async with limit, self.setup(trial):
                got = await self.target.ask(trial)
        except Exception as error:
            if is_control_flow(error):
                raise
            said = f"{type(error).__name__}: {error}"
            if isinstance(error, TimeoutError) and limit.expired():
                said = f"TimeoutError: no result in {self.options.timeout:g} s"
            log.warning("case %s, epoch %s: %s", due.case.id, due.epoch, said)
        sample = self._recorded(due, got, said, time.perf_counter() - began)
        if said:
            return sample
        self.scoring(trial)
        return await scored(due.case, sample, self.scorers)

    def _recorded(self, due: _Due, got: Observed, error: str, seconds: float) -> Sample:
        case = due.case
        return Sample(
            key=due.key, case=case.id, epoch=due.epoch, target=self.target.name,
            version=self.target.version, case_digest=due.case_digest, tags=case.tags,
            weight=case.weight, input=case.text, expected=_expected(case), result=got.result,
            output=got.output, error=error, usd=got.usd, eval_usd=got.eval_usd,
            tokens=got.tokens, seconds=seconds,
            model_calls=got.model_calls, cache_hits=got.cache_hits, route=got.route,
            tickets=got.tickets, effects=got.effects, trajectory=got.trajectory,
            verdicts=got.verdicts, transcript=got.transcript,
        )  # fmt: skip


async def run(
    suite: Suite,
    target: Target | AnyFunction,
    *,
    record: Path,
    version: str = "",
    scorers: Sequence[Scorer] | None = None,
    epochs: int | None = None,
    concurrency: int | None = None,
    timeout: float | None = None,
    budget: float | None = None,
    seed: int | None = None,
    replayed: str = "",
    run_id: str = "",
    scoring: Scoring = lambda _trial: None,
    seen: Seen = lambda _sample, _tally: None,
) -> Ran:
    """Ask the target every case in every epoch; append a line to `record` for each.

    What is None is as the suite's options say. Samples that are in the record already are not asked
    again; cases of one thread run in the suite's order within their epoch. An error of the target
    is a sample with `error`, and so is one that takes longer than `timeout` seconds. With `budget`
    no sample begins once so many US dollars are spent; the End says so.

    `seen` is called after each sample; `version` overrides the target's; `run_id` names the record;
    `scoring` is called before each sample is scored.
    Raises BadInput for a record that is none, or is one of other cases or another version; Conflict
    when somebody else is writing it.
    """
    held = target if isinstance(target, Target) else function_target(target, version=version)
    held = replace(held, version=version or held.version)
    options = _chosen(suite.options, epochs, concurrency, timeout, budget, seed)
    used = build(suite.scorers) if scorers is None else scorers
    plan = {due.key: due for due in _plan(suite, options.epochs, held.version)}
    head = _head(suite, held, used, options, run_id or new_id(), replayed)
    with RecordFile(record, head, plan.__contains__) as out:
        tally, setup = _resumed(out, len(plan)), _setup(suite)
        work = _Work(suite, held, used, options, seen, tally, out, setup, scoring)
        try:
            await _worked(work, plan.values())
        finally:
            end = End(reason=work.ended, done=tally.done, due=len(plan), usd=tally.cost)
            out.end(end)
        places = [out.places[key] for key in plan if key in out.places]
        return Ran(record, places, out.head, end, tally)


def _chosen(
    options: RunOptions, epochs: int | None, concurrency: int | None, timeout: float | None,
    budget: float | None, seed: int | None,
) -> RunOptions:  # fmt: skip
    """The options, with what is given in their place. Raises BadInput for what would run nothing.

    Not validated again: a call may ask for more than a file."""
    chosen = RunOptions.model_construct(
        epochs=options.epochs if epochs is None else epochs,
        concurrency=options.concurrency if concurrency is None else concurrency,
        timeout=options.timeout if timeout is None else timeout,
        budget=options.budget if budget is None else budget,
        seed=options.seed if seed is None else seed,
    )
    if chosen.concurrency < 1 or chosen.epochs < 1:
        raise BadInput(
            f"concurrency={chosen.concurrency}, epochs={chosen.epochs} would run no case.",
            hint="Give 1 or more.",
        )
    return chosen


def _head(
    suite: Suite, target: Target, scorers: Sequence[Scorer], options: RunOptions, name: str,
    replayed: str,
) -> Head:  # fmt: skip
    return Head(
        run=name, suite=suite.name, suite_digest=suite.digest, target=target.name,
        version=target.version, started=datetime.now(UTC), scorers=tuple(s.name for s in scorers),
        scorer_versions={s.name: s.version for s in scorers}, epochs=options.epochs,
        seed=options.seed, cases=len(suite.cases), approver=suite.approver.policy,
        user=suite.user.tier if suite.user else "", replayed=replayed,
    )  # fmt: skip


def _setup(suite: Suite) -> Setup:
    if not suite.setup:
        return lambda _trial: nullcontext()
    return cast("Setup", loaded(suite.setup, suite.folder))


def _plan(suite: Suite, epochs: int, version: str) -> Iterator[_Due]:
    digests = [case.digest for case in suite.cases]
    for epoch in range(1, epochs + 1):
        for case, known in zip(suite.cases, digests, strict=True):
            yield _Due(case, epoch, sample_key(known, epoch, version), known)


def _resumed(out: RecordFile, due: int) -> Tally:
    tally = Tally(due=due)
    for sample in Samples(out.path, sorted(out.places.values())):
        tally.add(sample, resumed=True)
    return tally


async def _worked(work: _Work, plan: Iterable[_Due]) -> None:
    """Ask what is due, with so many workers, and keep the record safe meanwhile."""
    lanes: dict[tuple[int, str], list[_Due]] = {}
    for due in plan:
        if due.key not in work.out.places:
            # A thread's own name never meets the id of a case that has none.
            lane = f"thread {due.case.thread}" if due.case.thread else f"case {due.case.id}"
            lanes.setdefault((due.epoch, lane), []).append(due)
    left = iter(lanes.values())
    async with work.target.opened(), _synced(work.out), asyncio.TaskGroup() as group:
        for _ in range(min(work.options.concurrency, len(lanes))):
            group.create_task(work.take(left))
    if work.ended != "budget":
        work.ended = "complete"


@asynccontextmanager
async def _synced(out: RecordFile) -> AsyncGenerator[None]:
    async def sync() -> None:
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            await asyncio.to_thread(out.sync)

    task = asyncio.create_task(sync())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _expected(case: Case) -> JsonObject:
    """What the case expects, as the record keeps it."""
    return case.expected.model_dump(mode="json", exclude_defaults=True)


def load(record: Path) -> tuple[Sample, ...]:
    """All samples of a record at once; none where the file does not exist. For those with many,
    `recordfile.samples` gives one after another. Raises BadInput."""
    return tuple(recordfile.samples(record)) if record.exists() else ()
