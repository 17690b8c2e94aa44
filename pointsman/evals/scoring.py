"""Scoring samples: while a suite runs, and again later without its target."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from pointsman.errors import BadInput, is_control_flow
from pointsman.evals.record import Head, Sample
from pointsman.evals.recordfile import lines, replacing
from pointsman.evals.scorers.scorer import Scorer, named
from pointsman.evals.suite import Case, Suite
from pointsman.nodes import telemetry

log = logging.getLogger("pointsman.evals")


async def scored(case: Case, sample: Sample, scorers: Sequence[Scorer]) -> Sample:
    """The sample with its scores, and what went wrong with the scorers that gave none: one that
    fails spoils neither the others nor the run. A sample with an error is left as it is."""
    if sample.error:
        return sample
    scores: dict[str, bool | float | str] = {}
    unscored: dict[str, str] = {}
    notes: dict[str, str] = {}
    usd = sample.eval_usd
    for scorer in scorers:
        try:
            found = named(scorer.name, await scorer.score(case, sample))
        except Exception as error:
            if is_control_flow(error):
                raise
            log.warning("scorer %s on case %s: %s", scorer.name, case.id, error)
            unscored[scorer.name] = f"{type(error).__name__}: {error}"
            continue
        for name, score in found.scores.items():
            telemetry.evaluated(name, score)
        scores.update(found.scores)
        unscored.update(found.unscored)
        notes.update(found.notes)
        usd = None if usd is None or found.usd is None else usd + found.usd
    return sample.model_copy(
        update={"scores": scores, "unscored": unscored, "notes": notes, "eval_usd": usd}
    )


async def rescore(record: Path, suite: Suite, scorers: Sequence[Scorer]) -> int:
    """Score every sample of a record anew, without asking the target: how many. The file is put in
    the old one's place when all are scored. Raises BadInput for a record of other cases."""
    cases = {case.id: case for case in suite.cases}
    count = 0
    with replacing(record) as out:
        for _, line in lines(record):
            if isinstance(line, Sample):
                case = cases.get(line.case)
                if case is None or line.case_digest not in ("", case.digest):
                    raise BadInput(
                        f"Sample {line.case!r} of {record} is of another case than the suite's.",
                        hint="Score it with the suite that it was run with, or run it anew.",
                    )
                line = await scored(case, line, scorers)  # noqa: PLW2901 (the line as it becomes)
                count += 1
            elif isinstance(line, Head):
                line = line.model_copy(update=versions(scorers))  # noqa: PLW2901 (likewise)
            out.write(line.model_dump_json().encode() + b"\n")
    return count


def versions(scorers: Sequence[Scorer]) -> Mapping[str, object]:
    """What a record's head says of its scorers."""
    return {
        "scorers": tuple(s.name for s in scorers),
        "scorer_versions": {s.name: s.version for s in scorers},
    }
