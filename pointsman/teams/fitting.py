"""The team's classifier: fitted on the examples of its specialists at first use, and kept."""

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from pointsman.errors import Misconfigured, MissingExtra
from pointsman.nodes.routing.classifier import Classifier, Unfitted
from pointsman.nodes.routing.router import Router
from pointsman.nodes.specialist import Specialist

if TYPE_CHECKING:
    from pointsman.nodes.routing.fitted import FittedClassifier

log = logging.getLogger("pointsman.teams")

FEWEST = 8
"""Examples that each specialist must have: with fewer the classifier knows next to nothing, and one
with none at all would lose its messages to the others."""
FOLDER = "classifier"


class TeamClassifier:
    """Gives the classifier of one team. Bound to no loop; fits once, off the event loop.

    The file is named by team and digest of what it was fitted on, so that a change of the examples
    is a new one. Where scikit-learn is missing, a file of the right digest is served all the same.
    """

    def __init__(
        self, router: Router, specialists: Sequence[Specialist], *, team: str, home: Path
    ) -> None:
        self._router = router
        self._examples = {s.name: s.examples for s in specialists}
        self._team = team
        self._file = re.sub(r"[^\w-]", "_", team)
        self._folder = home / FOLDER
        self._making = Lock()
        self._made: Classifier | Unfitted | None = None

    async def __call__(self) -> Classifier | Unfitted:
        """The classifier, or why there is none. Raises Misconfigured for a file that the router
        names and that cannot be used."""
        return self._made or await asyncio.to_thread(self._once)

    def _once(self) -> Classifier | Unfitted:
        with self._making:
            if self._made is None:
                self._made = self._make()
            return self._made

    def _make(self) -> Classifier | Unfitted:
        given = self._router.classifier
        if given == "off":
            return Unfitted("it is switched off")
        if isinstance(given, Path):
            return _named(given, self._examples)
        few = [f"{name} has {len(set(e))}" for name, e in self._examples.items() if _few(e)]
        if few:
            return Unfitted(f"{FEWEST} examples of each are needed, and {few[0]}")
        if len(self._examples) < 2 and not self._router.out_of_scope:
            return Unfitted("there is nothing to tell apart")
        return self._kept_or_fitted()

    def _kept_or_fitted(self) -> Classifier | Unfitted:
        from pointsman.nodes.routing.fitted import digest_of
        from pointsman.nodes.routing.threshold import Costs

        costs, nobodys = self._router.costs or Costs(), self._router.out_of_scope
        vectors = self._router.vectors
        of = digest_of(self._examples, nobodys, costs=costs, vectors=vectors)
        path = self._folder / f"{self._file}.{of[:16]}.json"
        if path.is_file():
            try:
                kept = _read(path, path.stat().st_mtime_ns)
                if kept.digest == of:
                    return kept
            except Misconfigured as error:
                log.warning("the classifier of team %s is fitted again: %s", self._team, error)
        from pointsman.nodes.routing.fit import fit

        try:
            fitted = fit(self._examples, nobodys, costs=costs, vectors=vectors)
        except MissingExtra as error:
            return Unfitted(f"{error.message} {error.hint}")
        self._keep(fitted, path)
        return fitted

    def _keep(self, fitted: "FittedClassifier", path: Path) -> None:
        """Write the file in the place of the team's others. A folder that cannot be written costs
        the next start a fit, and nothing else."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            fitted.save(path)
            for old in self._folder.glob(f"{self._file}.*.json"):
                if old != path:
                    old.unlink(missing_ok=True)
        except OSError as error:
            log.warning("the classifier of team %s cannot be kept: %s", self._team, error)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> "FittedClassifier":
    """A kept file, read once for each change: a team that is not kept open makes its services for
    every call."""
    from pointsman.nodes.routing.fitted import FittedClassifier

    return FittedClassifier.load(path)


def _few(examples: Sequence[str]) -> bool:
    return len(set(examples)) < FEWEST


def _named(path: Path, examples: Mapping[str, Sequence[str]]) -> Classifier:
    from pointsman.nodes.routing.fitted import FittedClassifier

    classifier = FittedClassifier.load(path)
    strangers = sorted(set(classifier.labels) - set(examples))
    if strangers:
        raise Misconfigured(
            f"The classifier {path} knows {strangers[0]!r}, to whom the router sends nobody.",
            hint=f"Fit one for: {', '.join(examples)}.",
        )
    return classifier
