"""The figures of a router's evaluation, with their denominators."""

from pointsman.evals.guards.figures import Rate
from pointsman.nodes.message import Frozen


class TierFigures(Frozen):
    """What one tier settled."""

    tier: str
    settled: int
    """Rows it decided: for a specialist, or to be nobody's."""
    share: float
    """Of all rows that were decided without an error or by none."""
    right: int
    calls: int
    usd: float | None
    """Of the rows it settled. None where a price is unknown."""


class Bin(Frozen):
    """Rows whose best candidate had a probability from `low` to `high`."""

    low: float
    high: float
    rows: int
    mean: float
    """Their mean probability."""
    right: float
    """The share whose best candidate was right."""


class Calibration(Frozen):
    """How far probabilities keep what they promise, over every row that has any: those on which the
    tiers abstained, and those that are nobody's (and then never right), too."""

    rows: int
    error: float
    """Expected calibration error: mean distance of `mean` and `right` over the bins, weighted by
    rows (Naeini et al. 2015, ten bins of equal width)."""
    bins: tuple[Bin, ...]


class Figures(Frozen):
    """What a router did on a file of rows."""

    schema_version: str = "pointsman.route-eval@1"
    rows: int
    """Rows that were read."""
    bad_rows: int
    """Lines that are no row. They count nowhere else."""
    errors: int
    """Rows on which the router raised."""
    in_scope: int
    out_of_scope: int
    accuracy: Rate
    """Right of the in-scope rows that were decided; one that was called nobody's is wrong."""
    accuracy_of_all: Rate
    """Right of all in-scope rows: one without a decision is not right."""
    abstained: Rate
    """Rows on which every tier abstained, of all rows."""
    abstained_in_scope: Rate
    out_of_scope_recall: Rate
    """Out-of-scope rows that were called nobody's, of those that were decided."""
    kept_out: Rate
    """Out-of-scope rows that went to no specialist: called nobody's, or abstained on; of all."""
    without_model: Rate
    """Rows settled without a model call, of all rows."""
    tiers: tuple[TierFigures, ...]
    confusion: dict[str, dict[str, int]]
    """Expected name -> what it came to -> rows. Beside names: `(nobody)`, `(abstained)`,
    `(error)`."""
    calibration: Calibration
    calls: int
    usd: float | None
    milliseconds_p50: float
    milliseconds_p95: float
    """Wall time of a decision."""
    parts: int
    """Rows that were split; each counts by its first part."""
