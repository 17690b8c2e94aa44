"""Recorded answers of a weak and a strong model to the same prompts: what calibration reads."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pointsman.errors import BadInput
from pointsman.nodes.digest import digest

LEAST = 100
"""Rows that a calibration needs: with fewer, its figures say nothing."""
Share = Annotated[float, Field(ge=0, le=1)]
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Recorded(BaseModel):
    """One model's recorded answer: how right it was, 0 to 1 or a truth value; and what it cost."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    correct: Share
    usd: Usd
    answer: str | None = None


class Row(BaseModel):
    """One prompt with both answers."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)

    id: str
    group: str = ""
    prompt: str
    weak: Recorded
    strong: Recorded

    @property
    def gain(self) -> float:
        """How much better the strong answer is, -1 to 1."""
        return self.strong.correct - self.weak.correct


def read_rows(paths: Iterable[Path]) -> tuple[Row, ...]:
    """The rows of JSONL files, in order.

    Raises BadInput, which names the file and the line, for what is no row, for ids that stand
    twice, for fewer than LEAST rows, and for models that cost nothing.
    """
    rows: dict[str, Row] = {}
    for path in paths:
        try:
            with path.open(encoding="utf-8") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        row = _row(line, f"{path}, line {number}")
                        if row.id in rows:
                            raise BadInput(
                                f"{path}, line {number}: the id {row.id!r} stands twice.",
                                hint="Give each row an id of its own.",
                            )
                        rows[row.id] = row
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{path} cannot be read: {error}.") from None
    return checked(tuple(rows.values()))


def checked(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """The rows, which are enough to fit on. Raises BadInput."""
    if len(rows) < LEAST:
        raise BadInput(
            f"{len(rows)} rows are too few to calibrate on: at least {LEAST} are needed.",
            hint="Record more answers of both models.",
        )
    if math.fsum(row.strong.usd for row in rows) <= 0:
        raise BadInput(
            "The strong model's answers cost nothing, so there is nothing to save.",
            hint="Give `strong.usd` in US dollars.",
        )
    return rows


def has_answers(rows: Sequence[Row]) -> bool:
    """Whether every weak answer was recorded, as a cascade's check needs."""
    return all(row.weak.answer is not None for row in rows)


def digest_of(rows: Sequence[Row]) -> str:
    """12 hex digits over all rows."""
    return digest(*(row.model_dump_json() for row in rows))[:12]


def _row(line: str, where: str) -> Row:
    try:
        return Row.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise BadInput(
            f"{where}: {f'{field}: ' if field else ''}{first['msg']}.",
            hint="A row is {id, group, prompt, weak: {correct, answer?, usd}, strong: {...}}.",
        ) from None
