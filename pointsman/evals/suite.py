"""Suites: cases that a team is asked, and what is expected of each."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError

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
        """Read a JSONL file, one case a line. Raises BadInput naming the line and the field."""
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"The suite {path} cannot be read: {error}.") from error
        cases = [_case(path, n, line) for n, line in enumerate(lines, 1) if line.strip()]
        twice = _twice([case.id for case in cases])
        if twice:
            raise BadInput(f"The suite {path} has two cases with the id {twice!r}.")
        if not cases:
            raise BadInput(f"The suite {path} has no case.", hint="One JSON object a line.")
        return cls(path.stem, tuple(cases))


def _case(path: Path, number: int, line: str) -> Case:
    try:
        return Case.model_validate(json.loads(line))
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}:{number} is no JSON: {error.msg}.") from error
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise BadInput(f"{path}:{number} is no case: {where}: {fault['msg']}.") from error


def _twice(ids: Sequence[str]) -> str:
    seen: set[str] = set()
    return next((i for i in ids if i in seen or seen.add(i)), "")
