"""What people decide, what follows of it, and the log of both. A part of `Store`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from pointsman.teams.approvals.audit import AuditEntry, AuditRow
from pointsman.teams.approvals.grant import Grant
from pointsman.teams.approvals.lifecycle import Move
from pointsman.teams.store.rows import EffectRow, TicketPage
from pointsman.teams.tickets import Ticket, TicketStatus


class Approvals(Protocol):
    """Tickets, grants, the audit log, effects."""

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

    async def ticket_page(
        self, team: str, *, inside: Sequence[str] = (), status: TicketStatus | None = None,
        tenant: str = "", run: str = "", after: int = 0, limit: int = 100,
    ) -> TicketPage:  # fmt: skip
        """Tickets of a team, and of those `inside` it where they work for it, oldest first. `run`
        stands for all that works for it too."""
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

    async def adopt(self, ticket: Ticket) -> None:
        """Put a ticket in the place of the one of its id, without a decision: a replay's, whose
        people decided on the recorded one. Raises NotFound."""
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

    async def note(self, entry: AuditEntry) -> None:
        """Add a row to the audit log that belongs to no other change."""
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

    async def effect(self, key: str) -> EffectRow | None:
        """The effect with this key, of whatever run."""
        ...
