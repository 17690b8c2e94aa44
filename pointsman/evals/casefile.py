"""Reading cases: JSONL, CSV, YAML, or what a Python function gives."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

from pydantic import JsonValue, ValidationError

from pointsman.errors import BadInput
from pointsman.evals.suite import Case

Row = tuple[str, JsonValue]
"""Where a case stands, as `line` or `case n`, and the case as JSON."""

CASE_COLUMNS = frozenset({"id", "text", "thread", "tags", "weight", "goal", "then"})
EXPECTED_COLUMNS = frozenset(
    {"route", "status", "contains", "not_contains", "tickets", "output", "trajectory"}
    | {"asks", "verdict"}
)
SEVERAL = frozenset({"tags", "contains", "not_contains", "tickets", "trajectory", "then"})


def read_cases(path: Path) -> tuple[Case, ...]:
    """The cases of a file, by its suffix: `.csv`, `.yaml`/`.yml` (a list), else JSONL.

    CSV has a header; its columns are those of `CASE_COLUMNS` and `EXPECTED_COLUMNS`, all but `id`
    and `text` optional. An empty field is left out; several values of one field are separated by
    `|`. Raises BadInput naming the line and the field.
    """
    text = read_text(path)
    suffix = path.suffix.lower()
    if suffix == ".csv":
        rows = _csv_rows(path, text)
    elif suffix in (".yaml", ".yml"):
        rows = listed(str(path), load_yaml(path, text))
    else:
        rows = _jsonl_rows(path, text)
    return checked(str(path), [_case(path, at, row) for at, row in rows])


def listed(where: str, given: object) -> Iterator[Row]:
    """Cases of a list, as YAML or Python has it. Raises BadInput where it is none."""
    if not isinstance(given, list):
        raise BadInput(f"{where} holds no list of cases.", hint="One case an item.")
    for number, one in enumerate(cast("list[JsonValue]", given), 1):
        yield f"case {number}", one


def cases_of(where: str, given: object) -> tuple[Case, ...]:
    """Cases of a list of objects, or of `Case`s. Raises BadInput."""
    held: object = given
    if isinstance(given, Iterable) and not isinstance(given, (list, str, Mapping)):
        held = list(cast("Iterable[object]", given))
    rows = listed(where, held)
    return checked(
        where, [one if isinstance(one, Case) else _case(where, at, one) for at, one in rows]
    )


def checked(where: str, cases: list[Case]) -> tuple[Case, ...]:
    """The cases, which must be some, each with an id of its own."""
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise BadInput(f"The suite {where} has two cases with the id {case.id!r}.")
        seen.add(case.id)
    if not cases:
        raise BadInput(f"The suite {where} has no case.", hint="One case a line.")
    return tuple(cases)


def read_text(path: Path) -> str:
    """A UTF-8 text file, with or without a byte order mark. Raises BadInput."""
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"The suite {path} cannot be read: {error}.", hint="Give a UTF-8 text file."
        ) from error


def load_yaml(path: Path, text: str) -> object:
    """The one document of a YAML file, safely. Raises BadInput with the place."""
    import yaml

    try:
        return cast("object", yaml.safe_load(text))
    except (yaml.YAMLError, RecursionError) as error:
        place = str(error).replace("\n", " ")
        raise BadInput(f"{path} is no YAML: {place}.") from error


def _jsonl_rows(path: Path, text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield str(number), json.loads(line)
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
            yield str(begins), _csv_case(row)
            begins = reader.line_num + 1
    except csv.Error as error:
        raise BadInput(f"{path}:{begins} is no CSV: {error}.") from error


def _csv_case(row: Mapping[str, str]) -> JsonValue:
    given: dict[str, JsonValue] = {
        name: list[JsonValue](field.split("|")) if name in SEVERAL else field
        for name, field in row.items()
        if field
    }
    case = {name: value for name, value in given.items() if name in CASE_COLUMNS}
    return {**case, "expected": {n: v for n, v in given.items() if n in EXPECTED_COLUMNS}}


def _case(where: Path | str, at: str, row: JsonValue) -> Case:
    try:
        return Case.model_validate(row)
    except ValidationError as error:
        raise BadInput(f"{where}:{at} is no case: {fault(error)}.") from error


def fault(error: ValidationError) -> str:
    """The first fault of a file's content: where, and what. Of several ways to write a field, the
    one that went furthest was meant."""
    faults = error.errors(include_url=False, include_input=False)
    first = max(faults, key=lambda one: len(one["loc"]))
    where = ".".join(str(part) for part in first["loc"]) or "line"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"
