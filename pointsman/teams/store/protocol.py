"""What a store must do. Every implementation passes one contract suite."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from pointsman.nodes.digest import JsonObject
from pointsman.nodes.event import Recorded
from pointsman.nodes.gateway.transport import ModelReply
from pointsman.nodes.message import Message, Status
from pointsman.teams.result import Result
from pointsman.teams.tickets import Decision, Ticket, TicketStatus

RunState = Literal["running"] | Status


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as stored. `request` is the message that began it."""

    run: str
    team: str
    thread: str
    tenant: str
    request: Message
    state: RunState
    root_thread: str
    """The LangGraph thread that holds its checkpoints: the run's own, or the parent graph's."""
    nested: bool
    """Whether it lives in somebody else's graph; then only that graph can resume it."""
    seconds_left: float | None
    """Time to the deadline. Stops while people think."""
    budget_usd: float | None
    budget_calls: int | None
    seconds: float = 0.0
    """Time it was worked on."""
    cancelled_by: str = ""
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class EffectRow:
    """A write: `intended` before the tool is called, `done` or `failed` after."""

    key: str
    ticket: str
    state: Literal["intended", "done", "failed"]
    result: str = ""


class Store(Protocol):
    """Durable state. Every method is one transaction; none blocks the event loop.

    All raise StoreFull or StoreBroken when the storage itself fails.
    """

    async def add_run(self, row: RunRow) -> bool:
        """Insert the run. False, and no change, when a run of that id exists."""
        ...

    async def find_run(self, run: str) -> RunRow | None: ...

    async def runs(
        self, team: str, *, states: Sequence[RunState] = (), thread: str = "", limit: int = 100
    ) -> tuple[RunRow, ...]:
        """Runs of a team, newest first; only those in `states` where given."""
        ...

    async def move_run(
        self, run: str, to: RunState, *, frm: Sequence[RunState], result: Result | None = None
    ) -> bool:
        """Compare-and-set of the state, with the result. False when it was in none of `frm`."""
        ...

    async def decided_runs(self, team: str) -> tuple[str, ...]:
        """Waiting runs of the team's own graph with a ticket that is decided: somebody may have
        decided and died before the run went on."""
        ...

    async def ask_cancel(self, run: str, by: str) -> None:
        """Note that somebody wants the run cancelled; it stops at the next step."""
        ...

    async def log(self, row: RunRow, message: Message) -> None:
        """Append to the log of the run's thread. The same message id again changes nothing."""
        ...

    async def window(self, row: RunRow, *, limit: int) -> list[Message]:
        """The last `limit` messages of earlier runs in the run's thread, oldest first. A thread is
        its tenant's own: the same name under another tenant is another thread."""
        ...

    async def last_specialist(self, row: RunRow) -> str:
        """Who last answered in the run's thread; empty for a new one."""
        ...

    async def freeze(self, tickets: Sequence[Ticket]) -> None:
        """Insert the tickets. One that exists stays as it is."""
        ...

    async def find_ticket(self, ticket: str) -> Ticket | None: ...

    async def tickets(
        self, team: str, *, status: TicketStatus | None = None, run: str = "", limit: int = 500
    ) -> tuple[Ticket, ...]:
        """Tickets of a team, oldest first."""
        ...

    async def claim(
        self, ticket: str, decision: Decision, at: datetime, args: JsonObject | None
    ) -> Ticket:
        """Record the decision on a pending ticket: one atomic compare-and-set, the row is the
        decision. Raises NotFound, and TicketClosed naming who decided when it is not pending."""
        ...

    async def settle_ticket(
        self, ticket: str, to: TicketStatus, *, frm: Sequence[TicketStatus], outcome: str
    ) -> bool:
        """Compare-and-set of a ticket's status after the run acted on it."""
        ...

    async def intend(self, key: str, ticket: str, run: str, tool: str) -> EffectRow | None:
        """Write the row `intended`. Gives the row that was there before, if one was; else None."""
        ...

    async def effect_ended(
        self, key: str, state: Literal["done", "failed"], result: str
    ) -> None: ...

    async def journal_get(
        self, run_id: str, step: str, occurrence: int, digest: str
    ) -> ModelReply | None: ...

    async def journal_put(
        self, run_id: str, step: str, occurrence: int, digest: str, reply: ModelReply
    ) -> None: ...

    async def record(self, run: str, events: Sequence[Recorded], *, seconds: float) -> None:
        """Append events, and count `seconds` of work off the time to the run's deadline."""
        ...

    async def events(self, run: str) -> tuple[Recorded, ...]: ...

    async def lease(self, name: str, owner: str, ttl: float) -> int | None:
        """Take or renew the lease for `ttl` seconds. Its epoch, which grows with each new owner;
        None while somebody else holds it."""
        ...

    async def release(self, name: str, owner: str) -> None: ...

    async def aclose(self) -> None: ...
