"""A suite run and judged: what `pointsman eval gate` and the pytest marker do."""

from dataclasses import dataclass
from pathlib import Path

from pointsman.errors import BadInput
from pointsman.evals import baselines, metrics
from pointsman.evals.gate import Gated, judge
from pointsman.evals.launch import Launch
from pointsman.evals.rules import Gate, gate_of
from pointsman.evals.runner import Seen


def _unseen(_sample: object, _tally: object) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Gating:
    """A suite, how it is run, and what it is held against."""

    launch: Launch
    baseline: str = "main"
    """Name of the baseline. Not looked for where no rule compares."""
    run: Path | None = None
    """A record to judge; None: the suite is run."""

    @property
    def gate(self) -> Gate:
        """The suite's rules. Raises BadInput."""
        return gate_of(self.launch.suite.gate, self.launch.suite.name)

    def against(self) -> Path | None:
        """The baseline's file. Raises BadInput where a rule needs one and there is none: before a
        sample is asked or paid."""
        path = baselines.place(self.launch.suite, self.baseline)
        if path.is_file():
            return path
        if not self.gate.compares:
            return None
        raise BadInput(
            f"Suite {self.launch.suite.name!r} has no baseline {self.baseline!r}: {path} is not"
            " there.",
            hint="Write it with `pointsman eval gate SUITE --update-baseline`, and commit it.",
        )

    async def record(self, *, seen: Seen = _unseen) -> Path:
        """The record: given, or of a run of the suite."""
        if self.run is not None:
            self._same_suite(self.run)
            return self.run
        path = self.launch.place()
        await self.launch.run(path, seen=seen)
        return path

    def _same_suite(self, path: Path) -> None:
        head = metrics.read(path).head
        suite = self.launch.suite
        if head is not None and head.suite != suite.name:
            raise BadInput(f"{path} is a record of suite {head.suite!r}, not of {suite.name!r}.")

    def judged(self, record: Path, against: Path | None) -> Gated:
        """What the rules say of the record."""
        baseline = None if against is None else metrics.read(against)
        name = "" if against is None else self.baseline
        return judge(self.gate, metrics.read(record), baseline, name=name)


async def gated(gating: Gating, *, seen: Seen = _unseen) -> tuple[Gated, Path]:
    """Run what is to be run, and judge; gives the record too. Raises what `Launch.run` does."""
    against = gating.against()
    record = await gating.record(seen=seen)
    return gating.judged(record, against), record
