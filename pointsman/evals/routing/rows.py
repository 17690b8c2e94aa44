"""Rows to measure a router on: texts of which it is known whose they are.

One JSON object a line: `{"text": "...", "expected": "billing"}`; `null` is a text that is nobody's.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pydantic import JsonValue

from pointsman.errors import BadInput


@dataclass(frozen=True, slots=True)
class Row:
    """A text and whose it is; None: nobody's."""

    text: str
    expected: str | None
    line: int
    """From 1."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that is no row, and why."""

    line: int
    error: str


def read_rows(lines: Iterable[bytes], names: Sequence[str] = ()) -> Iterator[Row | BadRow]:
    """The rows of JSONL lines, one at a time; blank lines are none. With `names`, a row that
    expects anybody else is a bad one. Reading goes on behind a bad row."""
    for number, line in enumerate(lines, 1):
        raw = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if raw.strip():
            yield _row(raw, number, names)


def examples_of(path: Path) -> tuple[dict[str, list[str]], list[str]]:
    """The texts of a file by label, and those that are nobody's.

    Raises BadInput for its first bad line, and for a file with fewer than two labels.
    """
    by_label: dict[str, list[str]] = {}
    nobodys: list[str] = []
    with path.open("rb") as stream:
        for row in read_rows(stream):
            if isinstance(row, BadRow):
                raise BadInput(
                    f"{path}:{row.line}: {row.error}.", hint="Mend the line. Nothing was fitted."
                )
            if row.expected is None:
                nobodys.append(row.text)
            else:
                by_label.setdefault(row.expected, []).append(row.text)
    if len(by_label) < 2:
        raise BadInput(
            f"{path} has {len(by_label)} labels; to tell apart there must be two.",
            hint='Write rows such as {"text": "...", "expected": "billing"}.',
        )
    return by_label, nobodys


def _row(raw: bytes, line: int, names: Sequence[str]) -> Row | BadRow:
    try:
        value = cast("JsonValue", json.loads(raw.decode("utf-8")))
    except UnicodeDecodeError as error:
        return BadRow(line, f"it is not UTF-8 (byte {error.start + 1})")
    except RecursionError:
        return BadRow(line, "it is nested too deeply")
    except ValueError as error:
        return BadRow(line, f"it is no JSON: {error}")
    if not isinstance(value, dict):
        return BadRow(line, "it is no JSON object")
    text = value.get("text")
    if not isinstance(text, str) or not text.strip():
        return BadRow(line, "`text` is missing, empty or no text")
    if "expected" not in value:
        return BadRow(line, "`expected` is missing; null says that it is nobody's")
    expected = value["expected"]
    if expected is not None and (not isinstance(expected, str) or not expected.strip()):
        return BadRow(line, "`expected` is no name; null says that it is nobody's")
    if expected is not None and names and expected not in names:
        known = ", ".join(names[:20])
        return BadRow(line, f"`expected` is {expected[:60]!r}, who is not among {known}")
    return Row(text, expected, line)
