"""Suites: cases that a team is asked, and what is expected of each."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, JsonValue, ValidationError

from pointsman.errors import BadInput
from pointsman.nodes.digest import digest
from pointsman.nodes.message import Frozen, Status


class Expected(Frozen):
    """What a case expects. What is left out is not scored."""

    route: str | None = None
    """The router's choice; empty for "nobody's"."""
    status: Status | None = None
    contains: tuple[str, ...] = ()
    """Texts that the answer must hold, case ignored."""
    not_contains: tuple[str, ...] = ()
    tickets: tuple[str, ...] | None = None
    """Tools of the tickets that must be open, in order; empty for none."""


class Case(Frozen):
    """One message and what is expected. `text` is the input; cases of one `thread` run in order."""

    id: str = Field(min_length=1)
    text: str
    thread: str = ""
    expected: Expected = Expected()
    tags: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Digest of the case: part of the record's key, so that a changed case runs again."""
        return digest(self.model_dump(mode="json"))[:16]


@dataclass(frozen=True)
class Suite:
    """Cases with a name."""

    name: str
    cases: tuple[Case, ...]

    @classmethod
    def load(cls, path: Path) -> "Suite":
        """Read a suite from JSONL, one case a line, or from CSV (suffix `.csv`).

        CSV has a header; its columns are id, text, thread, tags and the fields of `Expected`, all
        but the first two optional. An empty field is left out; several values of one field are
        separated by `|`. Raises BadInput naming the line and the field.
        """
        try:
            text = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(
                f"The suite {path} cannot be read: {error}.", hint="Give a UTF-8 text file."
            ) from error
        rows = _csv_rows(path, text) if path.suffix.lower() == ".csv" else _jsonl_rows(path, text)
        cases = tuple(_case(path, line, row) for line, row in rows)
        twice = next(
            (n for n, times in Counter(case.id for case in cases).items() if times > 1), None
        )
        if twice is not None:
            raise BadInput(f"The suite {path} has two cases with the id {twice!r}.")
        if not cases:
            raise BadInput(f"The suite {path} has no case.", hint="One case a line.")
        return cls(path.stem, cases)


Row = tuple[int, JsonValue]
"""The line a case begins on, from 1, and the case as JSON."""


def _jsonl_rows(path: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise BadInput(f"{path}:{number} is no JSON: {error}.") from error


def _csv_rows(path: Path, text: str) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    begins = 2
    try:
        unknown = sorted(set(reader.fieldnames or ()) - CASE_COLUMNS - EXPECTED_COLUMNS)
        if unknown:
            raise BadInput(
                f"{path}:1 has columns that no case has: {', '.join(unknown)}.",
                hint=f"Columns are {', '.join(sorted(CASE_COLUMNS | EXPECTED_COLUMNS))}.",
            )
        for row in reader:
            if None in row or None in row.values():
                raise BadInput(f"{path}:{begins} has not as many fields as the header.")
            yield begins, _csv_case(row)
            begins = reader.line_num + 1
    except csv.Error as error:
        raise BadInput(f"{path}:{begins} is no CSV: {error}.") from error


CASE_COLUMNS = frozenset(Case.model_fields) - {"expected"}
EXPECTED_COLUMNS = frozenset(Expected.model_fields)
SEVERAL = frozenset({"tags", "contains", "not_contains", "tickets"})


def _csv_case(row: Mapping[str, str]) -> JsonValue:
    given: dict[str, JsonValue] = {
        name: list[JsonValue](field.split("|")) if name in SEVERAL else field
        for name, field in row.items()
        if field
    }
    case = {name: value for name, value in given.items() if name in CASE_COLUMNS}
    return {**case, "expected": {n: v for n, v in given.items() if n in EXPECTED_COLUMNS}}


def _case(path: Path, number: int, row: JsonValue) -> Case:
    try:
        return Case.model_validate(row)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"]) or "line"
        raise BadInput(f"{path}:{number} is no case: {where}: {fault['msg']}.") from error
