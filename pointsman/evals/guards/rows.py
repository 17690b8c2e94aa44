"""Rows to measure guards on: texts with a label, and texts with spans of personal data.

One JSON object a line, in two kinds that a file may mix:

    {"text": "...", "label": "attack" | "benign", "source": "..."}
    {"text": "...", "spans": [{"start": 0, "end": 5, "type": "EMAIL"}], "source": "..."}
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Literal, cast

from pydantic import JsonValue

Label = Literal["attack", "benign"]


@dataclass(frozen=True, slots=True)
class GoldSpan:
    """What a person marked in a text: characters from `start` to before `end`."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row. One that has both a label and spans is measured as both."""

    text: str
    """Any text: empty, huge, with lone surrogates."""
    source: str
    label: Label | None
    spans: tuple[GoldSpan, ...] | None
    file: str
    line: int
    """From 1."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that is no row."""

    file: str
    line: int
    error: str


class NotARow(Exception):
    """The message says why."""


def read_rows(stream: IO[bytes], file: str) -> Iterator[Row | BadRow]:
    """The rows of a JSONL stream, one at a time; blank lines are none.

    A line that cannot be used is a BadRow, and reading goes on behind it.
    """
    for number, line in enumerate(stream, 1):
        raw = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if not raw.strip():
            continue
        try:
            yield _row(_json(raw), file, number)
        except NotARow as error:
            yield BadRow(file, number, str(error))


def printable(name: str) -> str:
    """A name from a file as every encoding can write it."""
    return name.encode("utf-8", "backslashreplace").decode()


def _json(raw: bytes) -> JsonValue:
    try:
        return cast("JsonValue", json.loads(raw.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise NotARow(f"it is not UTF-8 (byte {error.start + 1})") from error
    except RecursionError as error:
        raise NotARow("it is nested too deeply") from error
    except ValueError as error:
        raise NotARow(f"it is no JSON: {error}") from error


def _row(value: JsonValue, file: str, line: int) -> Row:
    if not isinstance(value, dict):
        raise NotARow("it is no JSON object")
    text, source = value.get("text"), value.get("source")
    if not isinstance(text, str):
        raise NotARow("`text` is missing or no text")
    if not isinstance(source, str) or not source.strip():
        raise NotARow("`source` is missing or no text")
    label, spans = value.get("label"), value.get("spans")
    if label is None and spans is None:
        raise NotARow("it has neither `label` nor `spans`")
    if label is not None and label not in ("attack", "benign"):
        raise NotARow(f'`label` is {json.dumps(label)[:40]}, not "attack" or "benign"')
    gold = None if spans is None else _spans(spans, len(text))
    return Row(text, printable(source), label, gold, file, line)


def _spans(value: JsonValue, length: int) -> tuple[GoldSpan, ...]:
    if not isinstance(value, list):
        raise NotARow("`spans` is no list")
    return tuple(_span(item, number, length) for number, item in enumerate(value))


def _span(value: JsonValue, number: int, length: int) -> GoldSpan:
    if not isinstance(value, dict):
        raise NotARow(f"spans[{number}] is no JSON object")
    start, end, kind = value.get("start"), value.get("end"), value.get("type")
    if type(start) is not int or type(end) is not int:
        raise NotARow(f"spans[{number}]: `start` and `end` are whole numbers")
    if not isinstance(kind, str) or not kind.strip():
        raise NotARow(f"spans[{number}]: `type` is missing or no text")
    if not 0 <= start < end <= length:
        raise NotARow(
            f"spans[{number}]: {start} to {end} is no stretch of a text of {length} characters"
        )
    return GoldSpan(start, end, printable(kind))
