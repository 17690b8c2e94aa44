"""Log lines of a program: JSON for programs, readable on a terminal, filtered either way."""

import logging
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TextIO

from pointsman.guardrails.shown import shown
from pointsman.nodes.logcontext import JsonFormatter, PlainFormatter
from pointsman.views.visible import visible

log = logging.getLogger("pointsman.views")


def log_as_json(stream: TextIO | None = None) -> None:
    """Send pointsman's log lines (from INFO on) and everybody's warnings to stderr as JSON, without
    credentials and personal data."""
    _send(_json(), stream)


def log_readably(stream: TextIO | None = None) -> None:
    """The same lines for people: on a terminal. Where stderr is none, as JSON."""
    _send(_readable(stream or sys.stderr), stream)


@contextmanager
def log_lines(*, as_json: bool) -> Generator[Callable[[str], None]]:
    """A server's log lines on stderr until the block ends: as `log_readably` writes them, or all as
    JSON. Gives what says on stderr how the server stands: a plain line, or with `as_json` one of
    the log, so that nothing else stands between those."""
    root, own = logging.getLogger(), logging.getLogger("pointsman")
    before = root.level, own.level
    _send(_json() if as_json else _readable(sys.stderr), None)
    try:
        yield log.info if as_json else _plainly
    finally:
        _take_back(root)
        root.setLevel(before[0])
        own.setLevel(before[1])


class _Lines(logging.StreamHandler[TextIO]):
    """The handler that is set here: one at a time."""


def _plainly(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _json() -> logging.Formatter:
    return JsonFormatter(shown())


def _readable(out: TextIO) -> logging.Formatter:
    if not out.isatty():
        return _json()
    clean = shown()
    # What a message of a run says may hold escape sequences for the terminal.
    return PlainFormatter(lambda text: visible(clean(text)))


def _send(formatter: logging.Formatter, stream: TextIO | None) -> None:
    handler = _Lines(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    _take_back(root)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("pointsman").setLevel(logging.INFO)


def _take_back(root: logging.Logger) -> None:
    for handler in [one for one in root.handlers if isinstance(one, _Lines)]:
        root.removeHandler(handler)
