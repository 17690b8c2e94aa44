"""Texts in logs and traces: no credential and no personal data, whatever filter a team has."""

import io
import logging

import pytest

from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.shown import UNREADABLE, CleanRecords, shown
from pointsman.nodes.logcontext import FIELDS, JsonFormatter, PlainFormatter, log_context

KEY = "sk-proj-" + "a1B2c3D4e5F6g7H8i9J0" * 2
MAIL = "ana.lopez@example.com"
FORMATTERS = (JsonFormatter, PlainFormatter)


@pytest.mark.parametrize("filters", [(), (ContentFilter(secrets="off", pii="off"),)])
def test_credentials_and_personal_data_are_taken_out(filters: tuple[ContentFilter, ...]) -> None:
    """Also where the team's own filter lets them pass."""
    clean = shown(filters)
    text = clean(f"key {KEY} of {MAIL} failed")
    assert KEY not in text
    assert MAIL not in text
    assert text.startswith("key [")
    assert text.endswith("failed")


def test_what_cannot_be_read_is_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that fails never lets the text through."""

    def broken(_self: ContentFilter, _request: object) -> object:
        raise RuntimeError("no")

    monkeypatch.setattr(ContentFilter, "masked", broken)
    assert shown()(f"key {KEY}") == UNREADABLE


@pytest.mark.parametrize("formatter", FORMATTERS)
def test_a_key_in_an_exception_never_reaches_a_line(
    formatter: type[JsonFormatter] | type[PlainFormatter],
) -> None:
    """Neither by the message, its arguments, the error's text, nor the traceback's chain."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(shown()))
    log = logging.Logger("pointsman.test")
    log.addHandler(handler)
    try:
        try:
            raise ValueError(f"401 for {KEY}")
        except ValueError as error:
            raise RuntimeError(f"called with {KEY} by {MAIL}") from error
    except RuntimeError as error:
        log.exception("call failed: %s (%s)", error, KEY)
    text = stream.getvalue()
    assert "RuntimeError" in text
    assert KEY not in text
    assert MAIL not in text


def test_the_filter_cleans_a_handler_of_your_own() -> None:
    """`CleanRecords` on any handler, with any formatter."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(CleanRecords())
    log = logging.Logger("mine")
    log.addHandler(handler)
    try:
        raise ValueError(KEY)
    except ValueError:
        log.exception("with %s", MAIL)
    text = stream.getvalue()
    assert "ValueError" in text
    assert KEY not in text
    assert MAIL not in text


def test_a_readable_line_says_what_it_is_of() -> None:
    """Time, level and message first; then team, specialist, run, thread and correlation id."""
    context = dict.fromkeys(FIELDS[:5], "x") | {"run": "r1"}
    record = logging.LogRecord("pointsman.teams", logging.INFO, "", 0, "step %s", ("a",), None)
    with log_context(context):
        line = PlainFormatter().format(record)
    assert line.endswith("info    step a  [team=x specialist=x run=r1 thread=x correlation_id=x]")
    assert "[" not in PlainFormatter().format(record)
