"""What happened in runs: events, steps, answers, redacted values. A part of `Store`."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from pointsman.guardrails.sealing import VaultRow
from pointsman.nodes.event import Recorded
from pointsman.nodes.gateway.transport import ModelReply
from pointsman.teams.search import Found, RunFilter
from pointsman.teams.store.rows import BEGINNING, EventPage, Place, Standing, Tail, Wanted
from pointsman.teams.tape import StepRow, StepTape
from pointsman.teams.usage import Tally, UsageWanted


class Recordings(Protocol):
    """The record, and what is read from it."""

    async def journal_get(
        self, run_id: str, step: str, occurrence: int, digest: str
    ) -> ModelReply | None: ...

    async def journal_put(
        self, run_id: str, step: str, occurrence: int, digest: str, reply: ModelReply
    ) -> None: ...

    async def record(
        self,
        run: str,
        events: Sequence[Recorded],
        *,
        seconds: float,
        steps: Sequence[StepTape] = (),
    ) -> None:
        """Append events, and the steps that they belong to with what these met, and count `seconds`
        of work off the time to the run's deadline."""
        ...

    async def steps(self, run: str) -> tuple[StepRow, ...]:
        """Every execution of a step of the run, in their order."""
        ...

    async def parts(self, run: str, digests: Sequence[str]) -> Mapping[str, str]:
        """Parts of what the run's models were asked, by digest; those that are there."""
        ...

    async def all_parts(self, run: str) -> Mapping[str, str]:
        """All of them, by digest."""
        ...

    async def events(self, run: str) -> tuple[Recorded, ...]: ...

    async def page(
        self, team: str, wanted: Wanted, *, after: Place = BEGINNING, limit: int = 1000
    ) -> EventPage:
        """Events of a team's runs after a place: run by run, each run's in their order, each event
        on one page. `limit` bounds the events that are looked at, wanted or not."""
        ...

    async def tail(self, team: str, *, after: int, limit: int = 1000) -> Tail:
        """Events of all runs of a team in the order in which they were stored, after a place: what
        a page that is live reads. `limit` bounds the events that are looked at, of any team.

        A reader that goes on where `Tail.next` says sees every event exactly once, whatever other
        processes store meanwhile: once a place was given, no event ever appears at or before it. A
        database whose writers commit in another order than they took their places keeps events
        back until no writer that began before them is still under way."""
        ...

    async def tail_end(self) -> int:
        """The place after which only what is stored from now on comes; 0 in an empty store."""
        ...

    async def search(self, team: str, wanted: RunFilter, *, before: int, limit: int) -> Found:
        """Runs of a team with a place before that one, newest first. Goes through a bounded number
        of runs from an index that fits; where that is used up, fewer than `limit` may come although
        `Found.next` says that there is more to look through."""
        ...

    async def usage(self, team: str, wanted: UsageWanted) -> tuple[Tally, ...]:
        """What a team's events come to, in order of time and then of the groups. Every event that
        `record` inserted counts once, one that it was given again does not."""
        ...

    async def standing(self, team: str) -> Standing:
        """What is open now, and where the circuit breakers stood last."""
        ...

    async def vault_add(self, run: str, rows: Sequence[VaultRow]) -> bool:
        """Insert all of these redacted values of a run, or none: False when a number or a value of
        the run has a row."""
        ...

    async def vault(self, run: str) -> tuple[VaultRow, ...]:
        """What was redacted in a run, sealed, in the order in which it was added."""
        ...

    async def vault_erase(self, run: str) -> int:
        """Delete what was redacted in a run, for good: how many values. Its placeholders stay, and
        stand for nothing then."""
        ...
