"""What the live table holds: the open tickets, those closed a moment ago, and which is selected."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pointsman.teams.tickets import DECIDED, Ticket

KEEP_SECONDS = 60.0
"""How long a closed ticket stays in the table."""


@dataclass
class Board:
    """Rows stay in their order, oldest first, and the selection stays on its ticket: what appears
    or goes never moves another ticket under the reviewer's hand while the selected one is there."""

    by_id: dict[str, Ticket] = field(default_factory=dict[str, Ticket])
    selected: str = ""
    busy: set[str] = field(default_factory=set[str])
    """Tickets whose decision is being carried out here."""
    _closed_at: dict[str, float] = field(default_factory=dict[str, float])

    def rows(self) -> list[Ticket]:
        """The tickets in the table's order."""
        return sorted(self.by_id.values(), key=lambda t: (t.created, t.id))

    @property
    def waiting(self) -> int:
        """How many tickets wait for a person."""
        return sum(ticket.open for ticket in self.by_id.values())

    @property
    def index(self) -> int:
        """The selected row's number; -1 when there is none."""
        return next((n for n, t in enumerate(self.rows()) if t.id == self.selected), -1)

    @property
    def current(self) -> Ticket | None:
        """The selected ticket."""
        return self.by_id.get(self.selected)

    def unsettled(self, open_now: Sequence[Ticket]) -> list[str]:
        """Which tickets must be looked up one by one: those that are open no more, and those that
        are decided and not acted on yet."""
        still = {ticket.id for ticket in open_now}
        return [
            t.id
            for t in self.by_id.values()
            if t.id not in still and (t.open or (t.status in DECIDED and t.settled is None))
        ]

    def update(self, open_now: Sequence[Ticket], looked_up: Sequence[Ticket], now: float) -> None:
        """Take in what the store says. `now`: seconds on any clock that only goes forward."""
        before = self.index
        for ticket in (*open_now, *looked_up):
            self.by_id[ticket.id] = ticket
            if ticket.open:
                self._closed_at.pop(ticket.id, None)
            else:
                self._closed_at.setdefault(ticket.id, now)
        for name, since in list(self._closed_at.items()):
            if now - since >= KEEP_SECONDS and name not in self.busy:
                del self._closed_at[name], self.by_id[name]
        if self.current is None:
            rows = self.rows()
            self.selected = rows[min(max(before, 0), len(rows) - 1)].id if rows else ""

    def move(self, by: int) -> None:
        """Select another row, so many down or up; stops at the ends."""
        rows = self.rows()
        if rows:
            self.selected = rows[min(max(self.index + by, 0), len(rows) - 1)].id
