"""The book of a drill: what struck, and what tools really did. On disk before anything follows.

Three files of JSON lines in one folder, so that a killed process has said what it did and the one
that goes on counts where it stopped. A line is one write to a file opened for appending, which
other processes never see half of. What a killed process wrote is in the system's hands, so no fsync
is needed.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import TypeVar

from pydantic import BaseModel, Field

from pointsman.evals.drill.faults import Spot, fresh_folder
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import Frozen

_M = TypeVar("_M", bound=BaseModel)


class Strike(Frozen):
    """A fault that struck."""

    case: str
    spot: Spot
    at: float
    """Seconds since the epoch, by the drill's clock."""


class Act(Frozen):
    """A call of a write that has acted, counted where it happened."""

    case: str
    tool: str
    args: JsonObject = Field(default_factory=dict)
    digest: str
    """As in the ledger of effects."""
    result: str = ""


class _Pass(Frozen):
    site: str


class Book:
    """Strikes, acts and passes of one drilled team, for all of its processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = fresh_folder(folder)
        self._passes: Counter[str] = Counter()
        self._lock = Lock()
        self.reload()

    def reload(self) -> None:
        """Count on from what other processes wrote."""
        passes = Counter(one.site for one in self._lines("passes", _Pass))
        with self._lock:
            self._passes = passes

    def number(self, site: str) -> int:
        """Which pass of this site it is, from 0, and count it. Any thread may ask."""
        with self._lock:
            number = self._passes[site]
            self._passes[site] += 1
        self._write("passes", _Pass(site=site))
        return number

    def struck(self, strike: Strike) -> None:
        """Note a fault, before it strikes."""
        self._write("strikes", strike)

    def acted(self, act: Act) -> None:
        """Note that a write has acted, before anybody is told."""
        self._write("acts", act)

    @property
    def strikes(self) -> tuple[Strike, ...]:
        """What struck, in order."""
        return tuple(self._lines("strikes", Strike))

    @property
    def acts(self) -> tuple[Act, ...]:
        """What acted, in order."""
        return tuple(self._lines("acts", Act))

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.jsonl"

    def _write(self, name: str, line: BaseModel) -> None:
        with self._file(name).open("ab", buffering=0) as file:
            file.write(line.model_dump_json().encode() + b"\n")

    def _lines(self, name: str, kind: type[_M]) -> Iterator[_M]:
        file = self._file(name)
        if file.exists():
            for line in file.read_bytes().splitlines():
                yield kind.model_validate_json(line)
