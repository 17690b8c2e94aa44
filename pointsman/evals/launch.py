"""From a suite's file to a run of it: target, record, state and cassette, each in its place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pointsman.errors import BadInput
from pointsman.evals import recordfile
from pointsman.evals.cassette import Recording, Replay
from pointsman.evals.judges import judging
from pointsman.evals.runner import Ran, Seen, run
from pointsman.evals.scorers.registry import build
from pointsman.evals.scorers.scorer import Scorer
from pointsman.evals.scoring import rescore
from pointsman.evals.suite import RunOptions, Suite
from pointsman.evals.tap import Listening
from pointsman.evals.targets import Where, resolve
from pointsman.evals.trial import Target
from pointsman.nodes.message import new_id
from pointsman.teams.team import Team


def _unseen(_sample: object, _tally: object) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How a suite is run. `home` is the project's folder of state; what is None is as the suite
    says."""

    suite: Suite
    team: Callable[[], Team]
    """The project's team, loaded when the target wants it."""
    home: Path
    out: Path | None = None
    """The record; None: the last one of this suite and version where it is not complete, else a new
    one in `home/evals`."""
    record: Path | None = None
    """A cassette to write."""
    replay: Path | None = None
    """A cassette to answer from. Nothing is asked and nothing spent."""
    epochs: int | None = None
    concurrency: int | None = None
    budget: float | None = None
    seed: int | None = None
    scorers: Sequence[Scorer] | None = None

    def place(self) -> Path:
        """Where the record lies, or will."""
        if self.out is not None:
            return self.out
        version = self._target(self.home).version
        folder = self.home / "evals" / self.suite.name
        epochs = self.epochs or self.suite.options.epochs
        stem = f"{version[:8]}-{self.suite.digest[:8]}" + (f"-x{epochs}" if epochs > 1 else "")
        stem += f"-{self.replay.stem}" if self.replay else ""
        for number in range(1, 10_000):
            path = folder / (f"{stem}.jsonl" if number == 1 else f"{stem}-{number}.jsonl")
            if not path.exists():
                return path
            end = recordfile.ending(path)
            if end is None or end.partial:
                return path
        raise BadInput(f"{folder} holds 10,000 records of {stem}.", hint="Give --out.")

    async def run(self, path: Path, *, seen: Seen = _unseen) -> Ran:
        """Run what the record does not hold yet. Raises what `runner.run` and `resolve` do."""
        if self.record is not None and self.replay is not None:
            raise BadInput("A run records a cassette or replays one, not both.")
        name = _name_of(path)
        # What an earlier record left must not answer for this one.
        state = path.with_name(f"{path.stem}.state") / name[:12]
        tape = Recording(self.record) if self.record else None
        deck = tape or (Replay(self.replay) if self.replay else None)
        suite = _unpaid(self.suite) if self.replay else self.suite
        listening = Listening()
        try:
            async with judging(suite, self._own(), deck=deck, listening=listening) as bench:
                scorers = build(suite.scorers, bench) if self.scorers is None else self.scorers
                return await run(
                    suite, self._target(state, deck), record=path, scorers=scorers,
                    epochs=self.epochs, concurrency=self.concurrency,
                    budget=None if self.replay else self.budget, seed=self.seed, run_id=name,
                    replayed=self.replay.name if self.replay else "",
                    scoring=listening.begin, seen=seen,
                )  # fmt: skip
        finally:
            if tape is not None:
                tape.close()

    async def rescore(self, path: Path) -> int:
        """Score a record anew: how many samples. See `scoring.rescore`."""
        async with judging(self.suite, self._own()) as bench:
            return await rescore(path, self.suite, build(self.suite.scorers, bench))

    def _own(self) -> Team | None:
        """The project's team, where the suite is put to it: its models judge, too."""
        target = self.suite.target
        mine = target in ("team", "router") or target.startswith("specialist:")
        return self.team() if mine else None

    def _target(self, state: Path, deck: Recording | Replay | None = None) -> Target:
        return resolve(self.suite, Where(team=self.team, home=state, deck=deck))


def _name_of(path: Path) -> str:
    """The id of the record there, or a fresh one."""
    head = recordfile.head(path) if path.exists() else None
    return head.run if head is not None else new_id()


def _unpaid(suite: Suite) -> Suite:
    """The suite without its budget: a replay spends nothing."""
    options = RunOptions(**suite.options.model_dump(exclude={"budget"}))
    return replace(suite, options=options)
