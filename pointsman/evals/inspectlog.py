"""A record as a log of Inspect, for `inspect view` and `inspect_ai.log.read_eval_log`.

The format is Inspect's JSON log, version 2 (`inspect_ai.log.EvalLog`, of inspect-ai 0.3): header
and results first, then the samples, one in memory at a time. pass and fail are `C` and `I`; a
scorer of pass and fail that failed is `N` (no answer), which counts as wrong there, as it does
here. Numbers and labels stay what they are. Inspect's events are not written: what was said is in
the messages, the rest in each sample's metadata.
"""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from pydantic import JsonValue

from pointsman.errors import BadInput
from pointsman.evals.figures import figure_of
from pointsman.evals.metrics import Kind, Metric, Run
from pointsman.evals.record import Head, Sample
from pointsman.evals.recordfile import replacing, samples
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import Turn

VERSION = 2
_NO_NAME = re.compile(r"[^A-Za-z0-9]+")


def write(run: Run, place: Path) -> Path:
    """Write the log; gives its path. `place` is a file that ends in `.json`, or a folder, in which
    the log gets the name by which Inspect lists logs: time, suite, id.

    Raises BadInput for a record without a head, which does not say what was run.
    """
    if run.head is None:
        raise BadInput(
            f"{run.path} has no head, so nobody knows what was run.",
            hint="It is of an older release: run the suite again.",
        )
    path = place if place.suffix == ".json" else place / _name(run.head)
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds: dict[str, Kind] = {metric.name: metric.kind for metric in _scores(run)}
    with replacing(path) as out:
        out.write(_json(_header(run, run.head))[:-1] + b',"samples":[')
        _samples(out, run, run.head, kinds)
        out.write(b"\n]}\n")
    return path


def _samples(out: BinaryIO, run: Run, head: Head, kinds: dict[str, Kind]) -> None:
    comma = b"\n"
    for sample in samples(run.path):
        out.write(comma + _json(_sample(sample, head, kinds)))
        comma = b",\n"


def _json(row: JsonObject) -> bytes:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()


def _name(head: Head) -> str:
    parts = (head.suite, head.run)
    said = "_".join(_NO_NAME.sub("-", part) for part in parts)
    return f"{head.started.strftime('%Y-%m-%dT%H-%M-%S+00-00')}_{said}.json"


def _scores(run: Run) -> list[Metric]:
    """The metrics that are scores of the suite."""
    given = {name for row in run.rows.values() for name in (*row.scores, *row.unscored)}
    return [metric for name, metric in run.metrics.items() if name in given]


def _header(run: Run, head: Head) -> JsonObject:
    started = head.started.isoformat()
    cases = sorted({row.case for row in run.rows.values()})
    scorers: list[JsonValue] = [
        {"name": name, "metadata": {"version": head.scorer_versions.get(name, "")}}
        for name in head.scorers
    ]
    return {
        "version": VERSION,
        "status": "cancelled" if run.partial else "success",
        "eval": {
            "eval_id": head.run,
            "run_id": head.run,
            "created": started,
            "task": head.suite,
            "task_id": head.suite_digest,
            "task_version": head.version,
            "dataset": {"name": head.suite, "samples": head.cases, "sample_ids": list(cases)},
            "model": head.target,
            "config": {"epochs": head.epochs, "fail_on_error": False},
            "metadata": head.model_dump(mode="json"),
            "scorers": scorers,
        },
        "plan": {"name": "plan", "steps": [{"solver": head.target}]},
        "results": _results(run, head),
        "stats": {"started_at": started, "completed_at": _written(run.path)},
    }


def _written(path: Path) -> str:
    """When the record was last written: its end is not in it, and the viewer needs one."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()


def _results(run: Run, head: Head) -> JsonObject:
    """The figures as pointsman counts them: with errors and missing scores among the wrong."""
    scores: list[JsonValue] = []
    for metric in _scores(run):
        figure = figure_of(metric, run.rows.values())
        name = "accuracy" if metric.kind == "share" else "mean"
        metrics: JsonObject = {}
        if figure.value is not None and metric.kind != "label":
            metrics[name] = {"name": name, "value": figure.value}
        scorer = next((s for s in head.scorers if metric.name.startswith(f"{s}.")), metric.name)
        held = sum(metric.name in row.scores for row in run.rows.values())
        scores.append(
            {
                "name": metric.name,
                "scorer": scorer,
                "scored_samples": held,
                "unscored_samples": max(0, figure.total - held),
                "metrics": metrics,
            }
        )
    return {
        "total_samples": head.cases * head.epochs,
        "completed_samples": sum(not row.error for row in run.rows.values()),
        "scores": scores,
    }


def _sample(sample: Sample, head: Head, kinds: dict[str, Kind]) -> JsonObject:
    messages = _messages(sample)
    row: JsonObject = {
        "id": sample.case,
        "epoch": sample.epoch,
        "input": sample.input,
        "target": _target(sample),
        "messages": list(messages),
        "output": _output(sample, head.target),
        "scores": _scored(sample, kinds),
        "metadata": _metadata(sample),
        "model_usage": {head.target: _usage(sample)},
        "total_time": sample.seconds,
        "uuid": sample.key,
    }
    if sample.error:
        said = sample.error
        row["error"] = {"message": said, "traceback": said, "traceback_ansi": said}
    return row


def _target(sample: Sample) -> str:
    """What was expected, in one text: the output where only that is, else all of it as JSON."""
    only = sample.expected.get("output") if len(sample.expected) == 1 else None
    if isinstance(only, str):
        return only
    return json.dumps(sample.expected, ensure_ascii=False) if sample.expected else ""


def _messages(sample: Sample) -> list[JsonObject]:
    if sample.transcript:
        return [_message(turn) for turn in sample.transcript]
    found: list[JsonObject] = [{"role": "user", "content": sample.input}] if sample.input else []
    if sample.output is not None:
        found.append({"role": "assistant", "content": _said(sample)})
    return found


def _message(turn: Turn) -> JsonObject:
    row: JsonObject = {"role": turn.role, "content": turn.content}
    if turn.role == "assistant" and turn.tool_calls:
        row["tool_calls"] = [
            {"id": call.id, "function": call.name, "arguments": call.args, "type": "function"}
            for call in turn.tool_calls
        ]
    if turn.role == "tool":
        row |= {"tool_call_id": turn.tool_call_id, "function": turn.name}
    return row


def _said(sample: Sample) -> str:
    out = sample.output
    if out is None:
        return ""
    return out if isinstance(out, str) else json.dumps(out, ensure_ascii=False)


def _output(sample: Sample, model: str) -> JsonObject:
    said = _said(sample)
    choice: JsonObject = {
        "message": {"role": "assistant", "content": said},
        "stop_reason": "stop",
    }
    return {
        "model": model,
        "choices": [] if sample.output is None else [choice],
        "completion": said,
        "time": sample.seconds,
    }


def _scored(sample: Sample, kinds: dict[str, Kind]) -> JsonObject:
    rows: dict[str, JsonObject] = {}
    for name, value in sample.scores.items():
        plain = ("C" if value else "I") if isinstance(value, bool) else value
        rows[name] = {"value": plain, "explanation": sample.notes.get(name)}
    for name, why in sample.unscored.items():
        if kinds.get(name) == "share":
            rows[name] = {"value": "N", "explanation": why, "reason": "scoring_failed"}
    for row in list(rows.values())[:1]:
        row["answer"] = _said(sample)  # once: the viewer's list of samples shows the first one's
    return dict(rows)


def _metadata(sample: Sample) -> JsonObject:
    row = sample.model_dump(
        mode="json",
        include={
            "version", "tags", "weight", "route", "trajectory", "tickets", "effects", "verdicts",
            "unscored", "usd", "eval_usd", "model_calls", "cache_hits",
        },
    )  # fmt: skip
    return row if sample.result is None else {**row, "status": sample.result.status}


def _usage(sample: Sample) -> JsonObject:
    row: JsonObject = {"total_tokens": sample.tokens}
    if sample.result is not None:
        row["input_tokens"] = sample.result.input_tokens
        row["output_tokens"] = sample.result.output_tokens
    if sample.usd is not None:
        row["total_cost"] = sample.usd
    return row
