"""Baselines: records kept beside the suite, small enough to be committed.

`baselines/NAME/SUITE.jsonl` in the suite's folder. What was said is left out, so that no text of a
user or a model gets into a repository: scores, figures, routes and what kind of error there was
remain. Lines are ordered by case, so that a new baseline is a readable diff.
"""

import json
import re
from pathlib import Path

from pointsman.errors import BadInput
from pointsman.evals.record import End, Head, Sample
from pointsman.evals.recordfile import lines, replacing
from pointsman.evals.suite import Suite
from pointsman.nodes.digest import JsonObject

_NAME = re.compile(r"[\w][\w.-]{0,99}")
_EXPECTED = ("route", "asks", "tickets")
"""What of a case's expectations the figures need."""


def place(suite: Suite, name: str) -> Path:
    """Where the suite's baseline of that name is kept. Raises BadInput for a name that is none."""
    for part in (name, suite.name):
        if not _NAME.fullmatch(part):
            raise BadInput(
                f"{part!r} is no name for a file of a baseline.",
                hint="Use letters, digits, dots, dashes and underscores.",
            )
    return (suite.folder or Path()) / "baselines" / name / f"{suite.name}.jsonl"


def write(record: Path, baseline: Path) -> int:
    """Make the record the baseline; gives how many samples it has.

    Raises BadInput for a record that is none, has no sample, or is not complete.
    """
    heads: list[Head] = []
    end: End | None = None
    kept: dict[tuple[str, int], Sample] = {}
    for _, line in lines(record):
        if isinstance(line, Head):
            heads.append(line)
        elif isinstance(line, End):
            end = line
        else:
            kept[line.case, line.epoch] = light(line)
    due = heads[0].cases * heads[0].epochs if heads else len(kept)
    if not kept or len(kept) < due:
        raise BadInput(
            f"{record} has {len(kept)} of {due} samples: no baseline.",
            hint="Run the suite to its end first.",
        )
    baseline.parent.mkdir(parents=True, exist_ok=True)
    with replacing(baseline) as out:
        for line in (*heads[:1], *(kept[key] for key in sorted(kept)), *([end] if end else ())):
            row: JsonObject = {"schema_version": line.schema_version}
            row |= line.model_dump(mode="json", exclude_defaults=True)
            out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return len(kept)


def light(sample: Sample) -> Sample:
    """The sample without what was said, by anybody."""
    return sample.model_copy(
        update={
            "input": "",
            "result": None,
            "output": None,
            "expected": {k: v for k, v in sample.expected.items() if k in _EXPECTED},
            "notes": {},
            "error": sample.error.partition(":")[0],
            "unscored": {name: said.partition(":")[0] for name, said in sample.unscored.items()},
            "tickets": tuple(
                ticket.model_copy(update={"args": {}, "by": ""}) for ticket in sample.tickets
            ),
            "effects": (),
            "trajectory": (),
            "verdicts": (),
            "transcript": (),
        }
    )
