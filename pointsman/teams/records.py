"""What a team has on record: results, runs, events, costs."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from pointsman.teams.accounts import Accounts, Dimension, account
from pointsman.teams.board import Board
from pointsman.teams.family import Nestable, members
from pointsman.teams.result import Result, Timeline
from pointsman.teams.sessions import Sessions
from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import EffectRow, RunRow, RunState, Wanted
from pointsman.teams.summary import known_run, result_of


class Records(Nestable):
    """The part of a Team that looks. It changes nothing."""

    spec: TeamSpec
    _sessions: Sessions

    @property
    def sessions(self) -> Sessions:
        """How its services are made."""
        return self._sessions

    @property
    def name(self) -> str:
        """The team's name."""
        return self.spec.name

    async def result(self, run: str) -> Result:
        """What a run came to, or how it stands. Raises NotFound."""
        async with self._sessions.services() as services:
            return await result_of(services, run)

    async def runs(
        self, *, states: Sequence[RunState] = (), thread: str = "", limit: int = 100
    ) -> tuple[RunRow, ...]:
        """Runs of this team, newest first."""
        async with self._sessions.services() as services:
            return await services.store.runs(self.name, states=states, thread=thread, limit=limit)

    async def run_row(self, run: str) -> RunRow:
        """A run as stored, with the message that began it. Raises NotFound."""
        async with self._sessions.services() as services:
            return await known_run(services, run)

    async def effects(self, run: str) -> tuple[EffectRow, ...]:
        """What a run wrote, or began to write, in that order."""
        async with self._sessions.services() as services:
            return await services.store.effects(run)

    async def events(self, run: str) -> Timeline:
        """A run's record. Raises NotFound."""
        async with self._sessions.services() as services:
            await known_run(services, run)
            return Timeline(await services.store.events(run))

    def blackboard(self, *, tenant: str = "default", thread: str = "", by: str = "") -> Board:
        """What the specialists share, for one tenant and thread; `by`: who writes."""
        return Board(self.spec.blackboard, self._stores, self.name, tenant, thread, by=by)

    @asynccontextmanager
    async def _stores(self) -> AsyncGenerator[Store]:
        async with self._sessions.services() as services:
            yield services.store

    async def costs(
        self, *, by: Sequence[Dimension] = (), wanted: Wanted | None = None
    ) -> Accounts:
        """What this team's runs cost and saved, in groups and in all. Raises StoreError."""
        async with self._sessions.services() as services:
            inside = members(self.spec)
            return await account(services.store, self.name, by=by, wanted=wanted, inside=inside)
