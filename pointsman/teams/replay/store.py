"""The store that a replay works on: nothing in it but what is played, and nothing left of it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pointsman.teams.releases.release import Release
from pointsman.teams.replay.play import Play
from pointsman.teams.store.database import MEMORY
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import EffectRow, Logged, RunRow
from pointsman.teams.store.sqlite import SqliteStore
from pointsman.teams.tickets import Ticket, TicketStatus

_LED_TO: dict[str, TicketStatus] = {
    "approve": "approved", "edit": "approved", "reject": "rejected", "respond": "answered",
}  # fmt: skip
_DECISION = (
    "assigned", "decision", "by", "decided", "decision_reason", "approved_args", "approved_digest",
    "response", "grant", "votes", "reviewers", "escalate_to", "expires", "remind",
)  # fmt: skip


class PlayStore(SqliteStore):
    """A store whose runs are played. `source` holds the recorded ones: another store for a replay,
    None for a fork, which is kept beside what it is a fork of."""

    def __init__(
        self,
        play: Play,
        *,
        source: Store | None,
        path: Path = MEMORY,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(path, clock=clock)
        self._play = play
        self._source = source

    async def add_run(self, row: RunRow) -> bool:
        if row.parent:
            self._play.adopted(row)
        return await super().add_run(row)

    async def freeze(self, tickets: Sequence[Ticket]) -> tuple[Ticket, ...]:
        """What a grant approved then is approved by it again."""
        asked: list[Ticket] = []
        for ticket in tickets:
            then = self._play.ticket(ticket)
            played = ticket.open and not (self._play.live and not self._play.simulated)
            granted = then is not None and then.grant and played
            asked.append(decided(ticket, then) if then and granted else ticket)
        return await super().freeze(asked)

    async def intend(
        self, key: str, ticket: str, run: str, tool: str, digest: str
    ) -> EffectRow | None:
        """An effect of another run that the tool's own key names is there already."""
        if self._source is not None:
            there = await self._source.effect(key)
            played = self._play.runs.get(run)
            if there is not None and played is not None and there.run != played.row.run:
                return there
        return await super().intend(key, ticket, run, tool, digest)

    async def logged(self, row: RunRow, *, after: int, limit: int) -> tuple[Logged, ...]:
        if self._source is None:
            return await super().logged(row, after=after, limit=limit)
        return await self._source.logged(row, after=after, limit=limit)

    async def find_release(self, team: str, release: str) -> Release | None:
        if self._source is None:
            return await super().find_release(team, release)
        return await self._source.find_release(team, release)


def decided(ticket: Ticket, then: Ticket) -> Ticket:
    """The ticket as it was when what was decided about the recorded one stood there, and nobody had
    acted on it."""
    status = _LED_TO.get(then.decision) or ("expired" if then.status == "expired" else "superseded")
    update: dict[str, object] = {name: getattr(then, name) for name in _DECISION}
    if status == "superseded":
        update["outcome"] = then.outcome
    return ticket.model_copy(update={**update, "status": status})
