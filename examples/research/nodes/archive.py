"""The archive: numbered documents in a folder, each of the same few sections, and their index.

Two documents of the index never arrived (DOC-06, DOC-07). That is on purpose: it shows what a plan
does about work that fails.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Field, TypeAdapter

DocNumber = Annotated[str, Field(pattern=r"^DOC-\d{2}$", description="e.g. DOC-01")]
Section = Literal["summary", "cost", "yield", "time", "noise", "risk"]
SECTIONS: tuple[Section, ...] = get_args(Section)
FOLDER = Path(__file__).parents[1] / "archive"


class Missing(Exception):
    """The archive has no such document, or the document says nothing about it."""


class Entry(BaseModel):
    """One line of the index."""

    number: DocNumber
    name: str
    """Short, for the ids of tasks."""
    words: tuple[str, ...]
    """What a question calls it by."""
    before: str = ""
    """The number of the edition that it replaces."""


@dataclass(frozen=True)
class Archive:
    """The documents of a folder. Read anew each time; the index once."""

    folder: Path = FOLDER

    @cached_property
    def index(self) -> tuple[Entry, ...]:
        """What there should be."""
        text = (self.folder / "index.json").read_text(encoding="utf-8")
        return TypeAdapter(tuple[Entry, ...]).validate_json(text)

    def read(self, number: str, section: str) -> str:
        """One section's text, with its source: `... (DOC-01).` Raises Missing, which says what."""
        path = self.folder / f"{number}.md"
        if not re.fullmatch(r"DOC-\d{2}", number) or not path.is_file():
            raise Missing(f"{number} is not in the archive.")
        for name, text in _sections(path.read_text(encoding="utf-8")):
            if name == section:
                return f"{text.removesuffix('.')} ({number})."
        raise Missing(f"{number} says nothing about {section}.")

    def says(self, number: str, text: str) -> bool:
        """Whether every sentence of the text, its source aside, stands in that document."""
        path = self.folder / f"{number}.md"
        if not path.is_file():
            return False
        whole = " ".join(path.read_text(encoding="utf-8").split())
        plain = text.replace(f" ({number})", "").strip()
        told = [s.strip() for s in re.split(r"(?<=[.!?])\s+", plain) if s.strip()]
        return bool(told) and all(sentence in whole for sentence in told)


def _sections(text: str) -> Iterator[tuple[str, str]]:
    for part in text.split("\n## ")[1:]:
        name, _, body = part.partition("\n")
        yield name.strip(), " ".join(body.split())
