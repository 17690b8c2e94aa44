"""Runs a suite: bounded, recorded as it goes, resumed where it stopped."""

import asyncio
import logging
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from pointsman.errors import BadInput, is_control_flow
from pointsman.evals.scorers import DEFAULT, Scorer, Value
from pointsman.evals.suite import Case, Suite
from pointsman.nodes.digest import digest
from pointsman.nodes.message import Frozen
from pointsman.teams.result import Result

log = logging.getLogger("pointsman.evals")

Target = Callable[[Case], Awaitable[Result]]


class Sample(Frozen):
    """One case's run: one line of the record. An error has no result and no scores, and counts."""

    schema_version: str = "pointsman.sample@1"
    key: str
    case: str
    expected_route: str | None = None
    result: Result | None = None
    scores: dict[str, Value] = Field(default_factory=dict)
    error: str = ""


async def run(
    suite: Suite,
    target: Target,
    *,
    version: str,
    record: Path,
    scorers: Sequence[Scorer] = DEFAULT,
    concurrency: int = 1,
    seen: Callable[[Sample], None] = lambda _: None,
) -> tuple[Sample, ...]:
    """Ask the target every case; append a line to `record` for each; give all in the suite's order.

    Cases whose key (case, target `version`) is in the record already are not asked again. Cases of
    one thread run in the suite's order. An error of the target is a sample with `error`. Raises
    BadInput for a record that is none.
    """
    done = {sample.key: sample for sample in load(record)}
    gate = asyncio.Semaphore(concurrency)
    record.parent.mkdir(parents=True, exist_ok=True)
    lanes: dict[str, list[Case]] = defaultdict(list)
    for case in suite.cases:
        lanes[case.thread or case.id].append(case)

    with record.open("a", encoding="utf-8") as out:

        async def lane(cases: list[Case]) -> None:
            for case in cases:
                key = digest(case.digest, version)
                if key in done:
                    continue
                async with gate:
                    sample = await _sample(case, key, target, scorers)
                out.write(sample.model_dump_json() + "\n")
                out.flush()
                os.fsync(out.fileno())
                done[key] = sample
                seen(sample)

        async with asyncio.TaskGroup() as group:
            for cases in lanes.values():
                group.create_task(lane(cases))
    return tuple(done[digest(case.digest, version)] for case in suite.cases)


async def _sample(case: Case, key: str, target: Target, scorers: Sequence[Scorer]) -> Sample:
    try:
        result = await target(case)
    except Exception as error:
        if is_control_flow(error):
            raise
        log.warning("case %s: %s", case.id, error)
        return Sample(
            key=key,
            case=case.id,
            expected_route=case.expected.route,
            error=f"{type(error).__name__}: {error}",
        )
    given = ((s.name, s.score(case, result)) for s in scorers)
    return Sample(
        key=key,
        case=case.id,
        expected_route=case.expected.route,
        result=result,
        scores={name: value for name, value in given if value is not None},
    )


def load(record: Path) -> tuple[Sample, ...]:
    """The samples of a record; none where the file does not exist. A last line that a crash cut off
    is dropped from the file. Raises BadInput for any other line that is no sample."""
    if not record.exists():
        return ()
    text = record.read_text("utf-8")
    whole, _, rest = text.rpartition("\n")
    if rest:
        record.write_text(whole + "\n" if whole else "", "utf-8")
    samples: list[Sample] = []
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            samples.append(Sample.model_validate_json(line))
        except ValidationError as error:
            raise BadInput(
                f"{record}:{number} is no sample of this version.", hint="Use another record file."
            ) from error
    return tuple(samples)
