"""The scorers that every suite gets where it names none."""

from pointsman.evals.scorers.outcomes import Contains, Status, Tickets
from pointsman.evals.scorers.routes import Route
from pointsman.evals.scorers.scorer import Scorer

DEFAULT: tuple[Scorer, ...] = (
    Route(optional=True),
    Status(optional=True),
    Contains(optional=True),
    Tickets(optional=True),
)
"""A case that expects nothing of the kind is left out."""
