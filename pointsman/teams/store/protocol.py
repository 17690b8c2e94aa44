"""What a store must do. Every implementation passes one contract suite."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from pointsman.guardrails.sealing import VaultRow
from pointsman.nodes.event import Recorded
from pointsman.nodes.gateway.transport import ModelReply
from pointsman.nodes.message import Message, Status
from pointsman.teams.approvals.audit import AuditRow
from pointsman.teams.approvals.grant import Grant
from pointsman.teams.approvals.lifecycle import Move
from pointsman.teams.result import Result
from pointsman.teams.tickets import Ticket, TicketStatus

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
    """A write: `intended` before the tool is called, `done` or `failed` after, `undone` when a done
    one was compensated."""

    key: str
    ticket: str
    """The ticket it ran for first."""
    run: str
    tool: str
    digest: str
    """Digest of tool and arguments: a key that comes with another one is refused."""
    state: Literal["intended", "done", "failed", "undone"]
    result: str = ""
    attempt: int = 1
    """How often it was begun. Again only after somebody knew that it had not happened."""
    intended: float = 0.0
    """When it was begun last, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the record of all runs. A page of events begins after it."""

    run: str
    seq: int


BEGINNING = Place("", -1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events of a team's record are asked for: those for which all of it holds."""

    kinds: tuple[str, ...] = ()
    """Empty: every kind."""
    run: str = ""
    """Empty: every run."""
    tenant: str = ""
    """Empty: every tenant."""
    since: float | None = None
    """Seconds since the epoch, itself included."""
    until: float | None = None
    """Seconds since the epoch, itself left out."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events of a team's record, each with its run's tenant."""

    events: tuple[tuple[str, Recorded], ...]
    """Tenant and event. May be fewer than the limit, and none, although more follow."""
    next: Place | None
    """Where the next page begins; None after the last one."""


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
        """Runs with a ticket that is decided and not settled: somebody may have decided and died
        before the run went on. Waiting runs of the team's own graph, and ended runs of any graph
        whose compensation was decided."""
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

    async def freeze(self, tickets: Sequence[Ticket]) -> tuple[Ticket, ...]:
        """Insert the tickets, and give the rows as they stand. One that exists stays as it is.

        A new pending one that a live grant covers is inserted approved by it, and the grant's use
        counted and audited, in the same transaction."""
        ...

    async def find_ticket(self, ticket: str) -> Ticket | None: ...

    async def tickets(
        self, team: str, *, status: TicketStatus | None = None, run: str = "", limit: int = 500
    ) -> tuple[Ticket, ...]:
        """Tickets of a team, oldest first."""
        ...

    async def amend(self, ticket: str, move: Move) -> Ticket:
        """Make a move on a ticket: read, change and write in one transaction with its audit row, so
        that of two moves at once the second sees the first. The row is the decision.

        Raises NotFound, TicketClosed and InvalidDecision (see `lifecycle.moved`); then nothing was
        changed."""
        ...

    async def due_tickets(self, team: str, at: datetime, *, limit: int = 500) -> tuple[Ticket, ...]:
        """Open tickets whose time is up or whose reminder is due, the longest due first."""
        ...

    async def add_grant(self, grant: Grant) -> None:
        """Insert it with its audit row. Again: no change."""
        ...

    async def grants(self, team: str, *, limit: int = 500) -> tuple[Grant, ...]:
        """Grants of a team, newest first, ended ones too."""
        ...

    async def revoke_grant(self, team: str, grant: str, *, by: str, at: datetime) -> Grant:
        """End a grant now. Raises NotFound, and Conflict when it was revoked before."""
        ...

    async def audit(self, *, after: int = 0, limit: int = 1000) -> tuple[AuditRow, ...]:
        """Rows of the audit log with a greater number than `after`, in their order. One log a
        store, whatever the team. Raises StoreBroken for a row that cannot be read."""
        ...

    async def intend(
        self, key: str, ticket: str, run: str, tool: str, digest: str
    ) -> EffectRow | None:
        """Write the row `intended`. Gives the row that was there before, if one was; else None."""
        ...

    async def intend_again(self, key: str, attempt: int) -> bool:
        """Begin an effect that is known not to have happened once more: compare-and-set of an
        `intended` or `failed` row from `attempt` to the next. False when another was faster."""
        ...

    async def effect_ended(
        self, key: str, state: Literal["done", "failed", "undone"], result: str
    ) -> None: ...

    async def effects(self, run: str) -> tuple[EffectRow, ...]:
        """A run's effects, in the order in which they were begun first."""
        ...

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

    async def page(
        self, team: str, wanted: Wanted, *, after: Place = BEGINNING, limit: int = 1000
    ) -> EventPage:
        """Events of a team's runs after a place: run by run, each run's in their order, each event
        on one page. `limit` bounds the events that are looked at, wanted or not."""
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

    async def lease(self, name: str, owner: str, ttl: float) -> int | None:
        """Take or renew the lease for `ttl` seconds. Its epoch, which grows with each new owner;
        None while somebody else holds it."""
        ...

    async def release(self, name: str, owner: str) -> None: ...

    async def aclose(self) -> None: ...
