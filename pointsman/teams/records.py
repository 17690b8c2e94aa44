"""What a team has on record: results, runs, events, costs."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pointsman.teams.accounts import Accounts, Dimension, account
from pointsman.teams.board import Board
from pointsman.teams.family import Nestable, members
from pointsman.teams.overview import Overview, overview
from pointsman.teams.result import Result, Timeline
from pointsman.teams.search import EVERY_RUN, RunFilter, RunPage, search
from pointsman.teams.sessions import Sessions
from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import EffectRow, RunRow, RunState, Wanted
from pointsman.teams.summary import known_run, result_of
from pointsman.teams.usage import KINDS, Tally, UsageDimension, UsageKind, plotted

if TYPE_CHECKING:
    from pointsman.teams.replay.fork import Fork
    from pointsman.teams.replay.record import RunRecord
    from pointsman.teams.replay.replay import Replay


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
        self, *, states: Sequence[RunState] = (), thread: str = "", limit: int = 100,
        forks: bool = False,
    ) -> tuple[RunRow, ...]:  # fmt: skip
        """Runs of this team, newest first; forks too where `forks`."""
        async with self._sessions.services() as services:
            return await services.store.runs(
                self.name, states=states, thread=thread, limit=limit, forks=forks
            )

    async def search(
        self, wanted: RunFilter = EVERY_RUN, after: str = "", limit: int = 50
    ) -> RunPage:
        """A page of this team's runs, newest first, that begins where `RunPage.next` of another
        page says. Raises BadInput for a place that no page gave, or a limit outside 1 to 500.
        """
        async with self._sessions.services() as services:
            return await search(services.store, self.name, wanted, after, limit)

    async def usage(
        self,
        since: float,
        until: float,
        step: int,
        *,
        by: Sequence[UsageDimension] = ("kind",),
        kinds: Sequence[UsageKind] = KINDS,
        tenant: str = "",
    ) -> tuple[Tally, ...]:
        """What this team's events come to in whole stretches of `step` seconds around `since` to
        `until` (seconds since the epoch), in order of time; stretches without an event are left
        out. Raises BadInput for a step that is no multiple of 300 s, or for more than 2,000
        steps."""
        wanted = plotted(self.name, since, until, step, by, kinds, tenant)
        async with self._sessions.services() as services:
            return await services.store.usage(self.name, wanted)

    async def overview(self) -> Overview:
        """How this team does now: what is open, today's spend, the pace of the last hour."""
        async with self._sessions.services() as services:
            return await overview(services.store, self.name, services.clock())

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

    async def record(self, run: str) -> "RunRecord":
        """All that is known of a run and of those that it gave work to, step by step. Raises
        NotFound."""
        from pointsman.teams.replay.record import record_of

        async with self._sessions.services() as services:
            return await record_of(services.store, await known_run(services, run))

    async def replay(self, run: str) -> "Replay":
        """Play a run again, with all below the run at the top of its tree: offline, without an
        effect, from what is on record; and say where the code and the prompts of now part from it.

        Raises NotFound, Conflict for a run that is under way, and BadInput for one of which no
        steps are kept.
        """
        from pointsman.teams.replay.replay import replay

        async with self._sessions.services() as services:
            row = await known_run(services, run)
            return await replay(self._sessions, services.store, await known_run(services, row.top))

    async def fork(self, run: str, wanted: "Fork") -> str:
        """Go over a run as recorded until a step, and on from there another way, as a run of its
        own that is no part of its thread. Gives the new run's id.

        Raises NotFound, BadInput for a step that the run had not or a change that fits nobody,
        Conflict for a run that is under way, was driven again or is a fork itself, and PromptError.
        """
        from pointsman.teams.replay.fork import fork

        async with self._sessions.services() as services:
            row = await known_run(services, run)
            return await fork(self._sessions, services, row, wanted)

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
