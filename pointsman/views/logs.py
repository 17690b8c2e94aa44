"""Log lines of a program: JSON for programs, readable on a terminal, filtered either way."""

import logging
import sys
from typing import TextIO

from pointsman.guardrails.shown import shown
from pointsman.nodes.logcontext import JsonFormatter, PlainFormatter


def log_as_json(stream: TextIO | None = None) -> None:
    """Send pointsman's log lines (from INFO on) and everybody's warnings to stderr as JSON, without
    credentials and personal data."""
    _send(JsonFormatter(shown()), stream)


def log_readably(stream: TextIO | None = None) -> None:
    """The same lines for people: on a terminal. Where stderr is none, as JSON."""
    out = stream or sys.stderr
    _send(PlainFormatter(shown()) if out.isatty() else JsonFormatter(shown()), stream)


def _send(formatter: logging.Formatter, stream: TextIO | None) -> None:
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("pointsman").setLevel(logging.INFO)
