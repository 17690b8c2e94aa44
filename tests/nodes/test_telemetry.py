"""Spans and log lines."""

import asyncio
import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from langgraph.errors import GraphInterrupt
from opentelemetry.trace import StatusCode

from pointsman.nodes import conventions as names
from pointsman.nodes import metrics, telemetry
from tests.nodes.collected import collected
from tests.nodes.spans import recorded_spans, tree

ROOT = Path(__file__).parents[2]


def test_spans_nest_and_carry_their_attributes() -> None:
    """A span inside a span is its child."""
    with recorded_spans() as exporter:
        with telemetry.span("outer", {"a": 1}), telemetry.span("inner", {"b": "x"}):
            pass
        spans = exporter.get_finished_spans()
    assert tree(spans) == ["outer", "outer / inner"]
    assert [dict(s.attributes or {}) for s in spans] == [{"b": "x"}, {"a": 1}]
    assert all(s.status.status_code is StatusCode.UNSET for s in spans)


@pytest.mark.parametrize("error", [ValueError("secret text"), asyncio.CancelledError()])
def test_an_error_marks_its_span_without_its_text(error: BaseException) -> None:
    """The class is recorded; the message may hold content and is not."""
    with recorded_spans() as exporter:
        with pytest.raises(type(error)), telemetry.span("work", {}):
            raise error
        (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes[names.ERROR_TYPE] == type(error).__name__
    assert span.events == ()
    assert "secret" not in span.to_json()


def test_a_pause_is_not_an_error() -> None:
    """LangGraph's interrupt passes through a span and leaves it clean."""
    with recorded_spans() as exporter:
        with pytest.raises(GraphInterrupt), telemetry.span("work", {}):
            raise GraphInterrupt(())
        (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.UNSET
    assert names.ERROR_TYPE not in (span.attributes or {})


@pytest.fixture
def lines() -> tuple[logging.Logger, io.StringIO]:
    """A logger with the JSON formatter, and what it wrote."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(telemetry.JsonFormatter())
    log = logging.Logger("pointsman.test")
    log.addHandler(handler)
    return log, stream


def test_a_log_line_is_json_with_its_context(lines: tuple[logging.Logger, io.StringIO]) -> None:
    """Run, thread and specialist stand on every line of the block, and on none after it."""
    log, stream = lines
    with telemetry.log_context({"run": "r1", "thread": "c1"}):
        with telemetry.log_context({"specialist": "billing"}):
            log.warning("näh %s\nnext", 5)
        log.info("between")
    log.info("outside")
    inside, between, outside = (json.loads(line) for line in stream.getvalue().splitlines())
    assert inside["message"] == "näh 5\nnext"
    assert (inside["level"], inside["logger"]) == ("warning", "pointsman.test")
    assert (inside["run"], inside["thread"], inside["specialist"]) == ("r1", "c1", "billing")
    assert inside["time"].endswith("+00:00")
    assert between["run"] == "r1"
    assert "specialist" not in between
    assert "run" not in outside


def test_an_exception_is_in_its_line(lines: tuple[logging.Logger, io.StringIO]) -> None:
    """One line, with the traceback in a field."""
    log, stream = lines
    try:
        raise ValueError("boom")
    except ValueError:
        log.exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: boom" in json.loads(line)["exception"]


async def test_context_of_tasks_does_not_mix(lines: tuple[logging.Logger, io.StringIO]) -> None:
    """Two runs at once each log under their own name."""
    log, stream = lines

    async def work(run: str) -> None:
        with telemetry.log_context({"run": run}):
            await asyncio.sleep(0)
            log.info("from %s", run)

    await asyncio.gather(*(work(f"r{n}") for n in range(5)))
    for line in stream.getvalue().splitlines():
        parsed = json.loads(line)
        assert parsed["message"] == f"from {parsed['run']}"


def test_a_line_inside_a_span_names_its_trace(lines: tuple[logging.Logger, io.StringIO]) -> None:
    """Log and trace find each other."""
    log, stream = lines
    with recorded_spans() as exporter:
        with telemetry.span("work", {}):
            log.info("x")
        (span,) = exporter.get_finished_spans()
    line = json.loads(stream.getvalue())
    assert span.context is not None
    assert line["trace_id"] == f"{span.context.trace_id:032x}"
    assert line["span_id"] == f"{span.context.span_id:016x}"


def test_logging_loads_no_opentelemetry() -> None:
    """A log line alone does not import the API, nor a span the SDK."""
    code = (
        "import sys, logging, pointsman.nodes.telemetry as t\n"
        "t.JsonFormatter().format(logging.LogRecord('a', 20, '', 0, 'x', None, None))\n"
        "assert not [m for m in sys.modules if m.startswith('opentelemetry')]\n"
        "with t.span('x', {}): pass\n"
        "assert 'opentelemetry.sdk' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


async def test_what_is_silenced_traces_and_counts_nothing() -> None:
    """No span, moment, evaluation or figure, also in tasks that begin there; before and after it
    all is as ever, and an error still passes."""

    async def work(name: str) -> None:
        with telemetry.own(names.BOARD_SPAN, name, {}):
            telemetry.begin("plan", {names.AGENT: name}, parent="", links=()).end()
        metrics.worked(metrics.Whose(name, "acme"), "done", 1.0)

    def fails() -> None:
        with telemetry.silenced(), telemetry.span("outer", {}) as span:
            assert not span.is_recording()
            raise ValueError("passes")

    with recorded_spans() as exporter, collected() as seen:
        await work("before")
        with telemetry.silenced():
            await asyncio.gather(work("a"), asyncio.create_task(work("b")))
        with pytest.raises(ValueError, match="passes"):
            fails()
        await work("after")
        spans = exporter.get_finished_spans()
        counted = seen.points("gen_ai.invoke_workflow.duration")
    assert {s.name.split(" ")[-1] for s in spans} == {"before", "after"}
    assert len(spans) == 4
    assert [point.labels[names.TEAM] for point in counted] == ["before", "after"]


def test_what_is_silenced_keeps_the_trace_of_its_log_lines() -> None:
    """A line says in which trace the silent work was asked for."""
    with recorded_spans(), telemetry.span("asked", {}):
        here = telemetry.trace_ids()
        with telemetry.silenced(), telemetry.span("silent", {}):
            assert telemetry.trace_ids() == here
