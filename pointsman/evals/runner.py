"""Runs a suite: bounded, recorded as it goes, resumed where it stopped."""

import asyncio
import logging
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from math import isfinite
from pathlib import Path
from typing import Literal

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

    schema_version: Literal["pointsman.sample@1"] = "pointsman.sample@1"
    key: str
    case: str
    expected_route: str | None = None
    result: Result | None = None
    scores: dict[str, Value] = Field(default_factory=dict)
    unscored: dict[str, str] = Field(default_factory=dict)
    """Scorers that failed on this result, with the error. They count as not passed."""
    error: str = ""


BEGINNING = b'{"schema_version":"pointsman.sample@1"'
"""How every line of a record begins."""


async def run(
    suite: Suite,
    target: Target,
    *,
    version: str,
    record: Path,
    scorers: Sequence[Scorer] = DEFAULT,
    concurrency: int = 1,
    timeout: float | None = None,
    seen: Callable[[Sample], None] = lambda _: None,
) -> tuple[Sample, ...]:
    """Ask the target every case; append a line to `record` for each; give all in the suite's order.

    Cases whose key (case, target `version`) is in the record already are not asked again. Cases of
    one thread run in the suite's order. An error of the target is a sample with `error`, and so is
    a case that takes longer than `timeout` seconds. Raises BadInput for a record that is none.
    """
    if concurrency < 1:
        raise BadInput(f"concurrency={concurrency} would run no case.", hint="Give 1 or more.")
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
                    sample = await _sample(case, key, target, scorers, timeout)
                out.write(sample.model_dump_json() + "\n")
                out.flush()
                os.fsync(out.fileno())
                done[key] = sample
                seen(sample)

        async with asyncio.TaskGroup() as group:
            for cases in lanes.values():
                group.create_task(lane(cases))
    return tuple(done[digest(case.digest, version)] for case in suite.cases)


async def _sample(
    case: Case, key: str, target: Target, scorers: Sequence[Scorer], timeout: float | None
) -> Sample:
    sample = Sample(key=key, case=case.id, expected_route=case.expected.route)
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            result = await target(case)
    except Exception as error:
        if is_control_flow(error):
            raise
        said = f"{type(error).__name__}: {error}"
        if isinstance(error, TimeoutError) and limit.expired():
            said = f"TimeoutError: no result in {timeout:g} s"
        log.warning("case %s: %s", case.id, said)
        return sample.model_copy(update={"error": said})
    scores, unscored = _scored(case, result, scorers)
    return sample.model_copy(update={"result": result, "scores": scores, "unscored": unscored})


def _scored(
    case: Case, result: Result, scorers: Sequence[Scorer]
) -> tuple[dict[str, Value], dict[str, str]]:
    """The scores, and what went wrong with the scorers that gave none: one that fails spoils
    neither the others nor the run."""
    scores: dict[str, Value] = {}
    unscored: dict[str, str] = {}
    for scorer in scorers:
        try:
            value = scorer.score(case, result)
        except Exception as error:
            if is_control_flow(error):
                raise
            log.warning("scorer %s on case %s: %s", scorer.name, case.id, error)
            unscored[scorer.name] = f"{type(error).__name__}: {error}"
            continue
        if isinstance(value, float) and not isfinite(value):
            unscored[scorer.name] = f"{value} is no score"
        elif value is not None:
            scores[scorer.name] = value
    return scores, unscored


def load(record: Path) -> tuple[Sample, ...]:
    """The samples of a record; none where the file does not exist. A last line that a crash cut off
    is dropped from the file. Raises BadInput, and leaves the file alone, where it is no record."""
    if not record.exists():
        return ()
    try:
        data = record.read_bytes()
    except OSError as error:
        raise BadInput(f"The record {record} cannot be read: {error}.") from error
    *lines, rest = data.split(b"\n")
    samples: list[Sample] = []
    for number, line in enumerate(lines, 1):
        try:
            samples.append(Sample.model_validate_json(line))
        except ValidationError as error:
            raise _no_sample(record, number) from error
    if rest:
        if not (rest.startswith(BEGINNING) or BEGINNING.startswith(rest)):
            raise _no_sample(record, len(lines) + 1)
        os.truncate(record, len(data) - len(rest))
    return tuple(samples)


def _no_sample(record: Path, line: int) -> BadInput:
    return BadInput(
        f"{record}:{line} is no sample of this version.", hint="Use another record file."
    )
