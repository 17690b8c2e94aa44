"""Scores of a suite as the conventions' events, in the trace of their case."""

from pathlib import Path

from opentelemetry import _logs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

from pointsman.evals.record import Sample
from pointsman.evals.scorers.scorer import Scores
from pointsman.evals.scoring import scored
from pointsman.evals.suite import Case
from pointsman.nodes import conventions as names
from pointsman.nodes import telemetry
from tests.nodes.spans import recorded_spans


class Length:
    """Scores of three kinds."""

    name = "length"
    version = "1"

    async def score(self, case: Case, sample: Sample) -> Scores:
        """The same for all."""
        return Scores({"": 0.5, "short": True, "kind": "terse"})


async def test_each_score_is_an_event_in_the_trace_of_its_case(tmp_path: Path) -> None:
    """Numbers are values, bools pass or fail, texts are labels."""
    provider = _logs.get_logger_provider()
    if not isinstance(provider, LoggerProvider):
        provider = LoggerProvider()
        _logs.set_logger_provider(provider)
    exporter = InMemoryLogRecordExporter()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    case = Case(id="a", text="x")
    sample = Sample(key="k", case="a", epoch=1, target="t", version="v", input="x", output="y")
    with recorded_spans() as spans:
        with telemetry.own(names.EVALUATE_SPAN, "", {names.CASE: "a"}):
            await scored(case, sample, [Length()])
        (span,) = spans.get_finished_spans()
    records = [one.log_record for one in exporter.get_finished_logs()]
    assert {record.event_name for record in records} == {names.EVALUATION_EVENT}
    assert span.context is not None
    assert {record.trace_id for record in records} == {span.context.trace_id}
    told = [
        (a[names.EVALUATION], a.get(names.EVALUATION_SCORE), a.get(names.EVALUATION_LABEL))
        for record in records
        if (a := dict(record.attributes or {}))
    ]
    assert told == [
        ("length", 0.5, None),
        ("length.short", 1.0, "pass"),
        ("length.kind", None, "terse"),
    ]
