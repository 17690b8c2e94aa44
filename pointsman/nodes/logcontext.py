"""Log lines: which run they are of, and how they are written."""

import json
import logging
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_context: ContextVar[Mapping[str, str]] = ContextVar("pointsman_log_context")

FIELDS = ("team", "specialist", "run", "thread", "correlation_id", "trace_id")
"""What every line of a run has."""


@contextmanager
def log_context(fields: Mapping[str, str]) -> Generator[None]:
    """Put run, thread, specialist … on every log line of the block."""
    token = _context.set({**_context.get({}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def _as_it_is(text: str) -> str:
    return text


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (ISO 8601, UTC), level, logger, message, and the context.

    `clean` goes over message and traceback before they are written.
    """

    def __init__(self, clean: Callable[[str], str] = _as_it_is) -> None:
        super().__init__()
        self._clean = clean

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._clean(record.getMessage()),
            **_context.get({}),
            **_trace(),
        }
        if record.exc_info:
            line["exception"] = self._clean(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class PlainFormatter(logging.Formatter):
    """A line for people: time of day, level, message, then what it is of. Tracebacks below it."""

    def __init__(self, clean: Callable[[str], str] = _as_it_is) -> None:
        super().__init__()
        self._clean = clean

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line, and its traceback."""
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        context = {**_context.get({}), **_trace()}
        of = " ".join(f"{name}={context[name]}" for name in FIELDS if context.get(name))
        message = self._clean(record.getMessage())
        line = f"{at} {record.levelname.lower():7} {message}" + (f"  [{of}]" if of else "")
        if record.exc_info:
            line += "\n" + self._clean(self.formatException(record.exc_info))
        return line


def _trace() -> dict[str, str]:
    if "opentelemetry.trace" not in sys.modules:
        return {}
    from pointsman.nodes.telemetry import trace_ids

    return trace_ids()
