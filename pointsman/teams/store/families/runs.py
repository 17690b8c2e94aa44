"""Runs: where each stands, and whom it gave work to. A part of `Store`."""

from collections.abc import Sequence
from typing import Protocol

from pointsman.teams.approvals.audit import AuditEntry
from pointsman.teams.result import Result
from pointsman.teams.store.rows import RunRow, RunState


class Runs(Protocol):
    """Runs of teams."""

    async def add_run(self, row: RunRow) -> bool:
        """Insert the run. False, and no change, when a run of that id exists. A child of a run
        that is to be cancelled is to be cancelled too."""
        ...

    async def find_run(self, run: str) -> RunRow | None: ...

    async def runs(
        self, team: str, *, states: Sequence[RunState] = (), thread: str = "", limit: int = 100,
        forks: bool = False,
    ) -> tuple[RunRow, ...]:  # fmt: skip
        """Runs of a team, newest first; only those in `states` where given. Forks too where
        `forks`."""
        ...

    async def move_run(
        self, run: str, to: RunState, *, frm: Sequence[RunState], result: Result | None = None
    ) -> bool:
        """Compare-and-set of the state, with the result. False when it was in none of `frm`."""
        ...

    async def decided_runs(self, team: str) -> tuple[str, ...]:
        """Runs with a ticket that is decided and not settled: somebody may have decided and died
        before the run went on. Waiting runs of the team's own graph, and ended runs of any graph
        whose compensation was decided."""
        ...

    async def unfinished(
        self, team: str, *, after: int = 0, limit: int = 100
    ) -> tuple[tuple[int, str], ...]:
        """Places and ids of runs that stand at `running` and that a message began, oldest first,
        from after a place on: under way somewhere, in line, or left by a process that died. Forks
        are none: what one plays from the record, others would do again."""
        ...

    async def ask_cancel(self, run: str, by: str) -> None:
        """Note that somebody wants the run cancelled, with all that it gave to others; each stops
        at its next step."""
        ...

    async def dead(self, team: str, *, limit: int = 500) -> tuple[RunRow, ...]:
        """Runs that failed, wholly or after a part was done, that a message began, and that nobody
        has dropped; oldest first. Forks are none."""
        ...

    async def redrive(self, row: RunRow, entry: AuditEntry) -> bool:
        """Let a failed run begin anew: compare-and-set from where it failed, and the attempt of
        `row`, to `running` and the next one, on a LangGraph thread of its own, with the time, money
        and calls that `row` gives. With its audit row. False, and no change, when it stands
        otherwise."""
        ...

    async def drop(self, run: str, entry: AuditEntry) -> bool:
        """Give a failed run up: note `entry.by`, with its audit row. False, and no change, when it
        has not failed or was dropped before."""
        ...

    async def children(self, run: str) -> tuple[RunRow, ...]:
        """The runs to which a run gave work, oldest first."""
        ...

    async def offspring(self, run: str) -> tuple[RunRow, ...]:
        """The same, and theirs, down to the last: parents before their children."""
        ...

    async def line(self, row: RunRow, *, limit: int = 100) -> tuple[RunRow, ...]:
        """The runs of the run's thread that are to be worked on, who is first first: one that was
        begun, then by priority, then as they came. Only such as a message of the thread began, and
        that are not in somebody else's graph."""
        ...
