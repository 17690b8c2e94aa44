"""Tapes in memory: one that keeps, one that plays what another kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pointsman.nodes.tape import Met, NoTape


@dataclass(frozen=True)
class Keeping(NoTape):
    """Keeps all it meets, in order."""

    met: list[Met] = field(default_factory=list[Met])
    parts: dict[str, str] = field(default_factory=dict[str, str])
    keeps: bool = True

    def keep(self, met: Met, parts: Mapping[str, str] | None = None) -> None:
        """Note it."""
        self.met.append(met)
        self.parts.update(parts or {})


@dataclass(frozen=True)
class Playing(Keeping):
    """Gives what came then of the same."""

    then: Sequence[Met] = ()
    plays: bool = True

    def __init__(self, then: Sequence[Met]) -> None:
        super().__init__()
        object.__setattr__(self, "then", tuple(then))
        object.__setattr__(self, "plays", True)

    def played(self, met: Met) -> Met | None:
        """The one of that digest and number."""
        return next((m for m in self.then if (m.digest, m.n) == (met.digest, met.n)), None)
