"""Measures a content filter's checks on rows: per source, never pooled.

A text is looked at as the filter does it: brought into canonical form once, then read by each
check, encoded parts included. Nothing is redacted, sent or stored.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from pointsman.errors import Misconfigured, is_control_flow
from pointsman.evals.guards.compare import Spotted
from pointsman.evals.guards.cost import Chunks, costs
from pointsman.evals.guards.figures import CheckUsed, Fault, Figures
from pointsman.evals.guards.kinds import reads_data
from pointsman.evals.guards.labels import LabelTally
from pointsman.evals.guards.rows import BadRow, Row
from pointsman.evals.guards.smuggling import VARIANTS
from pointsman.evals.guards.spans import Disguised, SpanTally, Spots, disguised
from pointsman.guardrails.canonical import canonical
from pointsman.guardrails.check import Check, Place, look

log = logging.getLogger("pointsman.evals")

PLACES: tuple[Place, ...] = ("request", "document")
"""What a person writes, and what a stranger wrote."""
FAULTS_KEPT = 100


class CheckBroke(Exception):
    """A check raised on a text, which none may."""


@dataclass
class Measure:
    """Takes rows one at a time and keeps counts only, so that any number of rows fits.

    `smuggle`: each attack row, and each marked value, is looked at under every way of smuggling,
    too. Raises Misconfigured where there is no check, or two of one name.
    """

    checks: Sequence[Check]
    name: str = "ContentFilter()"
    places: Sequence[Place] = PLACES
    smuggle: bool = False
    rows: int = 0
    bad: int = 0
    faults: list[Fault] = field(default_factory=list[Fault])

    def __post_init__(self) -> None:
        names = [check.name for check in self.checks]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise Misconfigured(
                f"{self.name} has two checks with the name {twice!r}.",
                hint="Give each a name of its own.",
            )
        if not names:
            raise Misconfigured(
                f"{self.name} has no check that is on.", hint="Turn one on, or measure another."
            )
        self._cpu_ns = 0
        self._chunks = Chunks()
        self._labels = LabelTally(self.checks, self.places)
        self._spans = SpanTally(self.checks)

    def add(self, row: Row | BadRow) -> str:
        """Count a row. One that cannot be measured is a fault, and counts nowhere else: the error
        that comes back says why; empty otherwise."""
        error = row.error if isinstance(row, BadRow) else self._tried(row)
        if error:
            self.bad += 1
            if len(self.faults) < FAULTS_KEPT:
                self.faults.append(Fault(file=row.file, line=row.line, error=error))
        return error

    def figures(self) -> Figures:
        """What it came to. Measures the CPU time now."""
        chunks = self._chunks.texts()
        return Figures(
            filter=self.name,
            checks=tuple(_used(check) for check in self.checks),
            rows=self.rows,
            bad_rows=self.bad,
            faults=tuple(self.faults),
            flagged=tuple(self._labels.flagged()),
            spans=tuple(self._spans.figures()),
            not_looked_for=tuple(self._spans.not_looked_for()),
            smuggled=(*self._labels.smuggled(), *self._spans.smuggled()),
            chunks=len(chunks),
            costs=costs(self.checks, chunks),
            rows_per_second=round(self.rows / self._cpu_ns * 1e9, 1) if self._cpu_ns else None,
        )

    def _tried(self, row: Row) -> str:
        try:
            began = time.process_time_ns()
            found = self._look(row.text)
            took = time.process_time_ns() - began
            smuggled: dict[str, set[str]] = {}
            if self.smuggle and row.label == "attack":
                smuggled = {
                    variant: _finders(self._look(smuggle(row.text)))
                    for variant, smuggle in VARIANTS.items()
                }
            moved = self._disguised(row) if self.smuggle and row.spans else []
        except CheckBroke as error:
            return str(error)
        self.rows += 1
        self._cpu_ns += took
        self._chunks.add(row.text)
        if row.label is not None:
            self._labels.add(row.label, row.source, _finders(found))
        if smuggled:
            self._labels.add_smuggled(row.source, _finders(found), smuggled)
        if row.spans is not None:
            self._spans.add(row.source, row.text, row.spans, found)
        if row.spans and moved:
            self._spans.add_smuggled(row.source, row.text, row.spans, found, moved)
        return ""

    def _disguised(self, row: Row) -> list[Disguised]:
        """The row with every marked value smuggled where it stands, in each way."""
        made: list[Disguised] = []
        for variant, smuggle in VARIANTS.items():
            text, moved = disguised(row.text, row.spans or (), smuggle)
            made.append(Disguised(variant, text, moved, self._look(text)))
        return made

    def _look(self, text: str) -> Spots:
        plain = canonical(text)
        found: dict[str, Sequence[Spotted]] = {}
        for check in self.checks:
            try:
                hits = look(check, plain)
            except Exception as error:
                if is_control_flow(error):
                    raise
                log.warning("check %r raised on a text: %s", check.name, type(error).__name__)
                raise CheckBroke(
                    f"the check {check.name!r} raised {type(error).__name__}: {error}"
                ) from error
            found[check.name] = [Spotted(*plain.span(h.start, h.end), h.label) for h in hits]
        return found


def _finders(found: Spots) -> set[str]:
    return {name for name, spots in found.items() if spots}


def _used(check: Check) -> CheckUsed:
    return CheckUsed(
        name=check.name,
        version=check.version,
        action=check.action,
        shadow=check.shadow,
        places=tuple(sorted(check.places)),
        judges="data" if reads_data(check) else "intent",
    )
