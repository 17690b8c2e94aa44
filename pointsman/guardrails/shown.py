"""Texts as they may stand in logs and traces: without credentials and personal data."""

import logging
from collections.abc import Callable, Sequence

from pointsman.errors import is_control_flow
from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.guard import Guard
from pointsman.nodes.message import Request

MAX_CHARS = 50_000
"""Of one text; what is longer is cut before it is read."""
UNREADABLE = "[withheld: the filter failed]"


def shown(guards: Sequence[Guard] = ()) -> Callable[[str], str]:
    """A function that gives a text as it may be shown. Credentials and personal data are taken out
    whatever the filters among `guards` do about them; then what those would act on. Never raises: a
    text that a filter cannot read is withheld."""
    own = [guard for guard in guards if isinstance(guard, ContentFilter)]
    filters = (ContentFilter(checks=()), *own)

    def clean(text: str) -> str:
        text = text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}…"
        try:
            for one in filters:
                text = one.masked(Request(text=text)).text
        except Exception as error:
            if is_control_flow(error):
                raise
            return UNREADABLE
        return text

    return clean


class CleanRecords(logging.Filter):
    """For a handler of your own: takes credentials and personal data out of each record, its
    arguments and its traceback too, before anything is written."""

    def __init__(self, clean: Callable[[str], str] | None = None) -> None:
        super().__init__()
        self._clean = clean or shown()
        self._tracebacks = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean the record in place. It is always let through."""
        record.msg, record.args = self._clean(record.getMessage()), None
        if record.exc_info:
            record.exc_text = self._clean(self._tracebacks.formatException(record.exc_info))
            record.exc_info = None
        return True
