"""Replays the runs that a test made, on the teams that made them."""

import asyncio
import threading
from pathlib import Path
from types import TracebackType
from typing import Self
from unittest.mock import patch

from pointsman.teams.replay.replay import replay
from pointsman.teams.services import Services
from pointsman.teams.sessions import Sessions
from pointsman.teams.state import RunState
from pointsman.teams.steps import Body, Steps
from pointsman.teams.store.opening import open_store
from pointsman.teams.store.protocol import Store


class Replayed:
    """Hears, for a block, which team works on which run; afterwards replays them."""

    def __init__(self) -> None:
        self._homes: dict[str, tuple[Path, Sessions]] = {}
        self._sessions: dict[int, tuple[Path, Sessions]] = {}

    def __enter__(self) -> Self:
        make, work = Sessions._new_services, Steps._work
        heard = self

        def made(sessions: Sessions, within: Services | None = None) -> Services:
            services = make(sessions, within)
            if within is None:
                heard._sessions[id(sessions.spec)] = (services.home, sessions)
            return services

        async def worked(
            steps: Steps, state: RunState, step: str, specialist: str, body: Body
        ) -> RunState:
            team = heard._sessions.get(id(steps._spec))
            if team is not None:
                heard._homes[state["run"]] = team
            return await work(steps, state, step, specialist, body)

        self._patches = [
            patch.object(Sessions, "_new_services", made),
            patch.object(Steps, "_work", worked),
        ]
        for one in self._patches:
            one.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for one in self._patches:
            one.stop()

    def differences(self) -> str:
        """What differs in any of them, in words."""
        found: list[str] = []

        def work() -> None:
            found.extend(asyncio.run(self._all()))

        if self._homes:
            thread = threading.Thread(target=work)  # the test's own loop is left alone
            thread.start()
            thread.join()
        return "\n\n".join(found)

    async def _all(self) -> list[str]:
        found: list[str] = []
        for home, sessions in dict(self._homes.values()).items():
            store = open_store(sessions.settings(), home)
            try:
                runs = [run for run, (at, _) in self._homes.items() if at == home]
                for run in runs:
                    found += await self._one(store, run)
            finally:
                await store.aclose()
        return found

    async def _one(self, store: Store, run: str) -> list[str]:
        row = await store.find_run(run)
        if row is None or row.state == "running" or row.parent:
            return []
        _, sessions = self._homes[run]
        async with asyncio.timeout(60):
            came = await replay(sessions, store, row)
        return [
            "\n".join((f"{one.run} {one.step} {one.what}: {one.text}", *one.diff))
            for one in came.divergences
        ]
