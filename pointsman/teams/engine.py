"""What moves a team's runs: in this process, or on the workers of many machines."""

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

from pointsman.teams.children import Crew
from pointsman.teams.result import Result
from pointsman.teams.services import Services
from pointsman.teams.store.rows import RunRow
from pointsman.teams.tickets import Decision, Ticket

if TYPE_CHECKING:
    from langgraph.types import Command

    from pointsman.teams.local import Parent


class Engine(Protocol):
    """Moves the runs of one team, those of one thread one at a time. Every implementation passes
    one contract suite: `LocalEngine` and `TemporalEngine`."""

    @property
    def services(self) -> Services: ...

    @property
    def elsewhere(self) -> bool:
        """Whether other processes move the runs: then their events come from the store."""
        ...

    async def submit(self, row: RunRow) -> None:
        """Store a new run and take it as far as it goes: until it ends or waits. The same run again
        is not run twice. Raises RunBusy when it cannot be taken on now; it is stored then."""
        ...

    async def post(self, row: RunRow) -> None:
        """Store a new run for others to take on, and return. Raises Misconfigured where only this
        process could."""
        ...

    async def drive(self, run: str) -> None:
        """Take a run as far as it goes, whoever began it. Raises RunBusy."""
        ...

    async def decide(
        self, ticket: str, decision: Decision, graph: "Parent | None"
    ) -> "Result | Command[str]":
        """Record a decision and take the run on. Raises what `claim` does; a run that cannot be
        taken on now is no error: the decision stands."""
        ...

    async def cancel(self, row: RunRow, who: str) -> None:
        """Cancel a run and all that it gave to others."""
        ...

    async def recover(self) -> tuple[Ticket, ...]:
        """Apply what time decided, and have decided runs go on that nobody took on. Gives the
        tickets that time changed."""
        ...

    def impatient(self) -> "Engine":
        """This, waiting for no thread that is busy: RunBusy at once."""
        ...

    def alone(self, row: RunRow) -> AbstractAsyncContextManager[Crew]:
        """This, with a run's whole tree to itself."""
        ...
