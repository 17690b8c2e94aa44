"""Spans and log context, through OpenTelemetry's API only: without an SDK they cost about nothing.

Names follow the GenAI semantic conventions as they stood at CONVENTION (all "Development");
pointsman's own are under `pointsman.*`. Content (prompts, answers, arguments) is no attribute.
"""

import json
import logging
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pointsman.errors import is_control_flow

if TYPE_CHECKING:
    from opentelemetry.trace import Span

CONVENTION = "semantic-conventions-genai 1.42-dev"

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
AGENT = "gen_ai.agent.name"
WORKFLOW = "gen_ai.workflow.name"
CONVERSATION = "gen_ai.conversation.id"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
TOOL = "gen_ai.tool.name"
TOOL_CALL = "gen_ai.tool.call.id"
ERROR_TYPE = "error.type"
RUN = "pointsman.run.id"
TENANT = "pointsman.tenant"
STATUS = "pointsman.run.status"
ROUTE_TIER = "pointsman.route.tier"
ROUTE_CONFIDENCE = "pointsman.route.confidence"
CACHE = "pointsman.model.source"
GUARD = "pointsman.guard.name"
GUARD_RULE = "pointsman.guard.rule"
VERDICT = "pointsman.guard.verdict"
TICKET = "pointsman.ticket.id"

Attributes = Mapping[str, str | int | float | bool]

_context: ContextVar[Mapping[str, str]] = ContextVar("pointsman_log_context")


@contextmanager
def span(name: str, attributes: Attributes) -> "Generator[Span]":
    """A span around the block. An error marks it; a pause for a person does not."""
    from opentelemetry import trace
    from opentelemetry.trace import Status, StatusCode

    tracer = trace.get_tracer("pointsman")
    with tracer.start_as_current_span(
        name, attributes=dict(attributes), record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            if not is_control_flow(error):
                current.set_attribute(ERROR_TYPE, type(error).__name__)
                current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


@contextmanager
def log_context(fields: Mapping[str, str]) -> Generator[None]:
    """Put run, thread, specialist … on every log line of the block."""
    token = _context.set({**_context.get({}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (ISO 8601, UTC), level, logger, message, and the context."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_context.get({}),
            **_trace(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _trace() -> dict[str, str]:
    if "opentelemetry.trace" not in sys.modules:
        return {}
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
