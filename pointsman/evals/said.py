"""What was said in a sample, as lines to show."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pointsman.evals.record import Sample
from pointsman.evals.recordfile import samples


@dataclass(frozen=True, slots=True)
class Said:
    """One turn: who, and what."""

    who: str
    """`user`, `assistant`, `system`, a tool's name, `call`, `output` or `error`."""
    text: str


def picked(path: Path, keys: Collection[tuple[str, int]]) -> dict[tuple[str, int], Sample]:
    """The samples of a record with these (case, epoch), and no others in memory."""
    wanted = set(keys)
    return {(s.case, s.epoch): s for s in samples(path) if (s.case, s.epoch) in wanted}


def said(sample: Sample) -> tuple[Said, ...]:
    """The transcript with its tool calls, and the error; input and output where the target keeps no
    transcript. Nothing for a sample of a baseline, which has none of it."""
    found: list[Said] = []
    for turn in sample.transcript:
        if turn.content or not turn.tool_calls:
            who = (turn.name or "tool") if turn.role == "tool" else turn.role
            found.append(Said(who, turn.content))
        found += [
            Said("call", f"{call.name} {json.dumps(call.args, ensure_ascii=False)}")
            for call in turn.tool_calls
        ]
    if not sample.transcript and sample.input:
        found.append(Said("user", sample.input))
    if not sample.transcript and sample.output is not None:
        out = sample.output
        text = out if isinstance(out, str) else json.dumps(out, ensure_ascii=False, indent=1)
        found.append(Said("output", text))
    if sample.error:
        found.append(Said("error", sample.error))
    return tuple(found)
