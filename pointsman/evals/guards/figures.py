"""What measuring guards came to: figures per source, never pooled."""

from collections.abc import Iterator

from pydantic import Field

from pointsman.evals.report import Share
from pointsman.nodes.message import Frozen

SCHEMA = "pointsman.guards-eval@1"


class Rate(Frozen):
    """`count` of `total`, with Wilson's 95 % interval. Shares are 0 to 1; of 0 there is none."""

    count: int
    total: int
    share: float | None
    low: float
    high: float

    @classmethod
    def of(cls, count: int, total: int) -> "Rate":
        """The rate of a count."""
        share = Share(count, total, total)
        low, high = share.interval
        value = round(share.value, 6) if total else None
        return cls(count=count, total=total, share=value, low=round(low, 6), high=round(high, 6))


class CheckUsed(Frozen):
    """A check that was measured."""

    name: str
    version: str
    action: str
    shadow: bool
    places: tuple[str, ...]
    judges: str
    """`intent` (its findings flag a row) or `data` (they would be redacted)."""


class Flagged(Frozen):
    """One source's rows of one label, by who flagged them.

    On attack rows these are true positives, on benign rows false positives.
    """

    source: str
    label: str
    rows: int
    filter: dict[str, Rate]
    """The filter as a whole, by the place a text stands in: any check of intent that reads it."""
    checks: dict[str, Rate]
    """Each check of intent on its own, wherever the text stands."""
    data: dict[str, Rate]
    """Rows in which a check of data found something: on benign rows what is redacted needlessly,
    unless it is personal data indeed."""


class Spans(Frozen):
    """One source's spans of one type. `judge` is `filter` (all checks together) or a check."""

    source: str
    type: str
    judge: str
    recall: Rate
    exact: Rate
    """Recall of those found with their very borders."""
    hidden: Rate
    """Share of the spans of which nothing would be left, whatever type the findings have."""
    precision: Rate
    marked: bool
    """False: the source marks no span of this type but marks others, so that a finding may well be
    right. Its precision says nothing then, and gates leave it out."""
    by_name: dict[str, Rate]
    """Recall by the names of the rows' own types."""


class NotLookedFor(Frozen):
    """A type that the rows have and no check looks for."""

    source: str
    type: str
    spans: int


class Smuggled(Frozen):
    """Recall under one way of smuggling against plain, of the same rows or spans."""

    source: str
    judge: str
    """A check, `filter, as …`, or a type of span."""
    variant: str
    total: int
    plain: int
    smuggled: int

    @property
    def points(self) -> float:
        """Smuggled minus plain, in points of 100."""
        return 100 * (self.smuggled - self.plain) / self.total if self.total else 0.0


class Cost(Frozen):
    """CPU time of one part over chunks of 2 kB: milliseconds of process time."""

    part: str
    """`canonical` (the spelling, done once for all checks), a check, or `all` of them together."""
    median: float
    mean: float
    p95: float


class Fault(Frozen):
    """A line that was not measured."""

    file: str
    line: int
    error: str


class Figures(Frozen):
    """All of it."""

    schema_version: str = SCHEMA
    filter: str
    checks: tuple[CheckUsed, ...]
    rows: int
    """Rows that were measured."""
    bad_rows: int
    faults: tuple[Fault, ...] = ()
    """The first of the bad rows."""
    flagged: tuple[Flagged, ...]
    spans: tuple[Spans, ...]
    not_looked_for: tuple[NotLookedFor, ...]
    smuggled: tuple[Smuggled, ...]
    chunks: int
    costs: tuple[Cost, ...]
    rows_per_second: float | None
    """Rows by the CPU time that looking at them took."""
    gates: tuple["Gate", ...] = Field(default=())


class Gate(Frozen):
    """A bound that was asked for, and what was measured."""

    gate: str
    """The option, e.g. `max-fp`."""
    of: str
    """What it was held against: a source, a type in a source."""
    value: float | None
    """In percent, points or milliseconds, as the bound. None: there was nothing to measure."""
    bound: float
    passed: bool


CSV_HEADER = (
    "kind", "source", "judge", "type", "variant", "metric", "count", "total", "value", "low",
    "high",
)  # fmt: skip
Cell = str | int | float | None


def csv_rows(figures: Figures) -> Iterator[tuple[Cell, ...]]:
    """One figure a row, under `CSV_HEADER`."""
    for one in figures.flagged:
        metric = "true positives" if one.label == "attack" else "false positives"
        for place, rate in one.filter.items():
            yield one.label, one.source, f"filter, as {place}", "", "", metric, *_cells(rate)
        for name, rate in one.checks.items():
            yield one.label, one.source, name, "", "", metric, *_cells(rate)
        for name, rate in one.data.items():
            yield one.label, one.source, name, "", "", "rows with data found", *_cells(rate)
    for s in figures.spans:
        rates = (
            ("recall", s.recall), ("exact recall", s.exact), ("hidden", s.hidden),
            ("precision" if s.marked else "precision (type not marked)", s.precision),
        )  # fmt: skip
        for metric, rate in rates:
            yield "spans", s.source, s.judge, s.type, "", metric, *_cells(rate)
        for name, rate in s.by_name.items():
            yield "spans", s.source, s.judge, s.type, name, "recall by name", *_cells(rate)
    for n in figures.not_looked_for:
        yield (
            "spans",
            n.source,
            "",
            n.type,
            "",
            "not looked for",
            n.spans,
            n.spans,
            None,
            None,
            None,
        )
    for m in figures.smuggled:
        where = ("smuggled", m.source, m.judge, "", m.variant)
        yield *where, "points", m.smuggled, m.plain, round(m.points, 3), None, None
    for cost in figures.costs:
        for metric, ms in (("median", cost.median), ("mean", cost.mean), ("p95", cost.p95)):
            name = f"ms per 2 kB, {metric}"
            yield "cpu", "", cost.part, "", "", name, None, figures.chunks, ms, None, None
    yield "rows", "", "", "", "", "bad rows", figures.bad_rows, figures.rows, None, None, None


def _cells(rate: Rate) -> tuple[Cell, ...]:
    return rate.count, rate.total, rate.share, rate.low, rate.high
