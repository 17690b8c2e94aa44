"""What is compared, gated and plotted: a record's samples as rows of figures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pointsman.errors import BadInput
from pointsman.evals.record import End, Head, Sample, Score
from pointsman.evals.recordfile import lines

Kind = Literal["share", "mean", "p95", "label"]
"""share: of pass and fail; mean and p95: of numbers; label: counts of words."""

KNOWN: Mapping[str, tuple[Kind, bool, str]] = {
    "completed": ("share", True, "samples without an error"),
    "usd": ("mean", False, "US dollars per sample"),
    "p95_seconds": ("p95", False, "95 of 100 samples took at most this long"),
    "seconds": ("mean", False, "seconds per sample"),
    "tokens": ("mean", False, "tokens per sample, in and out"),
    "model_calls": ("mean", False, "model calls per sample"),
    "tickets_asked": ("mean", False, "tickets per sample"),
    "tickets_missed": ("share", False, "cases where a person had to be asked and was not"),
    "tickets_needless": ("share", False, "cases where a person was asked for nothing"),
}
"""Figures of every run, beside its scores: kind, whether more is better, and what it is."""


LOWER = frozenset({"cost", "latency"})
"""Scores of which less is better, beside those named as in `KNOWN`; and numbers whose name
ends in one of `LOWER_PARTS`. True is a pass whatever its name."""
LOWER_PARTS = (".missed", ".needless")


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure by name. A score's name, one of `KNOWN`, or `score=label`: the share of a label."""

    name: str
    kind: Kind
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """A sample's figures, without what was said."""

    case: str
    epoch: int
    case_digest: str
    tags: tuple[str, ...]
    weight: float
    error: str
    scores: Mapping[str, bool | float | str]
    unscored: frozenset[str]
    known: Mapping[str, float | None]
    """By name of `KNOWN`; None: it cannot be told. Absent: the case expects nothing of it."""
    route: str
    expected_route: str | None

    @property
    def key(self) -> tuple[str, int]:
        """What two runs are paired by."""
        return (self.case, self.epoch)

    @property
    def passed(self) -> bool | None:
        """Whether every score of pass and fail is a pass; an error and a scorer that failed are
        none. None where nothing says pass or fail."""
        if self.error or self.unscored:
            return False
        told = [value for value in self.scores.values() if isinstance(value, bool)]
        return all(told) if told else None


@dataclass(frozen=True)
class Run:
    """A record without what was said: small enough to hold 10,000 samples."""

    path: Path
    head: Head | None
    end: End | None
    rows: Mapping[tuple[str, int], Row] = field(repr=False)

    @property
    def partial(self) -> str:
        """Why samples are missing; empty where none is."""
        if self.end is not None and self.end.partial:
            return f"{self.end.done} of {self.end.due} samples: {self.end.reason}"
        due = 0 if self.head is None else self.head.cases * self.head.epochs
        if len(self.rows) < due:
            return f"{len(self.rows)} of {due} samples: the run was killed or still goes on"
        return ""

    @property
    def metrics(self) -> dict[str, Metric]:
        """Every figure of the run by name: scores first, in order of names."""
        kinds: dict[str, Kind] = {}
        for row in self.rows.values():
            kinds.update({name: "share" for name in row.unscored if name not in kinds})
            kinds.update({name: _kind(value) for name, value in row.scores.items()})
        found = {
            name: Metric(name, kinds[name], _higher(name, kinds[name])) for name in sorted(kinds)
        }
        present = {name for row in self.rows.values() for name in row.known}
        for name, (kind, higher, _) in KNOWN.items():
            if name in present:
                found.setdefault(name, Metric(name, kind, higher))
        return found


def read(path: Path) -> Run:
    """Read a record. Raises BadInput for a file that is none or has no sample."""
    if not path.is_file():
        raise BadInput(f"There is no record {path}.", hint="See `pointsman eval run`.")
    head: Head | None = None
    end: End | None = None
    rows: dict[tuple[str, int], Row] = {}
    for _, line in lines(path):
        if isinstance(line, Head):
            head = head or line
        elif isinstance(line, End):
            end = line
        else:
            rows[line.case, line.epoch] = row_of(line)
            end = None
    if not rows:
        raise BadInput(f"The record {path} has no sample.", hint="Run the suite to its end.")
    return Run(path, head, end, rows)


def row_of(sample: Sample) -> Row:
    """A sample's figures."""
    return Row(
        case=sample.case,
        epoch=sample.epoch,
        case_digest=sample.case_digest,
        tags=sample.tags,
        weight=sample.weight,
        error=sample.error,
        scores=dict(sample.scores),
        unscored=frozenset(sample.unscored),
        known=_known(sample),
        route=sample.route,
        expected_route=sample.expected_route,
    )


def _known(sample: Sample) -> dict[str, float | None]:
    asked = len(sample.tickets)
    known: dict[str, float | None] = {
        "completed": float(not sample.error),
        "usd": sample.usd,
        "p95_seconds": sample.seconds,
        "seconds": sample.seconds,
        "tokens": float(sample.tokens),
        "model_calls": float(sample.model_calls),
        "tickets_asked": float(asked),
    }
    asks = expects_ticket(sample)
    if asks is not None:
        known["tickets_missed"] = float(asks and not asked)
        known["tickets_needless"] = float(not asks and asked > 0)
    return known


def expects_ticket(sample: Sample) -> bool | None:
    """Whether a person has to be asked; None where the case leaves it open."""
    asks, tickets = sample.expected.get("asks"), sample.expected.get("tickets")
    if isinstance(asks, bool):
        return asks
    return bool(tickets) if isinstance(tickets, list) else None


def _kind(value: Score) -> Kind:
    if isinstance(value, bool):
        return "share"
    return "label" if isinstance(value, str) else "mean"


def _higher(name: str, kind: Kind) -> bool:
    if kind == "share":
        return True
    if name in KNOWN:
        return KNOWN[name][1]
    return name not in LOWER and not name.endswith(LOWER_PARTS)


def only(rows: Iterable[Row], tag: str) -> list[Row]:
    """The rows that have the tag; all for no tag."""
    return [row for row in rows if not tag or tag in row.tags]


def named(run: Run, name: str) -> Metric | None:
    """The run's metric of that name, `score=label` too; None where it has none."""
    found = run.metrics.get(name)
    if found is not None:
        return found
    score, sign, _ = name.partition("=")
    known = run.metrics.get(score)
    return Metric(name, "share") if sign and known is not None and known.kind == "label" else None


def value(row: Row, metric: Metric) -> float | None:
    """The row's figure, 1 and 0 for pass and fail. None: it was to have one and has none (an
    error, a scorer that failed), or the case expects nothing: `applies` tells which."""
    if metric.name in KNOWN and metric.name not in row.scores:
        return row.known.get(metric.name)
    score, sign, label = metric.name.partition("=")
    if sign and metric.name not in row.scores:
        given = row.scores.get(score)
        return None if given is None else float(given == label)
    given = row.scores.get(metric.name)
    return None if given is None or isinstance(given, str) else float(given)


def applies(row: Row, metric: Metric) -> bool:
    """Whether the row is known to be one for the metric: it has a score, or its scorer failed."""
    name = metric.name if metric.name in row.scores else metric.name.partition("=")[0]
    return name in row.scores or name in row.unscored or name in row.known
