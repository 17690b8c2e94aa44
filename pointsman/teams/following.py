"""A run's events from anywhere: whoever drives it, in this process or another, they are read from
the store as they are stored."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Literal

from pointsman.nodes.event import Recorded, RunEnded
from pointsman.teams.store.rows import Place, RunRow, Wanted
from pointsman.teams.summary import known_run
from pointsman.teams.team import Team

Until = Literal["pause", "end"]
PAGE = 200
SHORTEST, LONGEST = 0.1, 1.0
"""Seconds between two looks at the store: longer and longer while nothing happens."""
QUIET = 2.0
"""A run that has ended and has no end on record is over after so many seconds without an event."""
Pause = Callable[[float], Awaitable[None]]


async def follow(
    team: Team, run: str, *, after: int = -1, until: Until = "pause", pause: Pause = asyncio.sleep
) -> AsyncGenerator[Recorded | None]:
    """The events of an open team's run with a greater number than `after`, then those to come.

    Ends when the run ends; with `until` pause also when it waits for a person. None stands for a
    while without an event. `pause` waits for so many seconds at most. Raises NotFound, StoreError.
    """
    # One event again, so that a reader who has the last one is told at once that it was the last.
    place, step, last = Place(run, after - 1), SHORTEST, None
    loop = asyncio.get_running_loop()
    heard = loop.time()
    while True:
        async with team.sessions.services() as services:
            row = await known_run(services, run)
            page = await services.store.page(row.team, Wanted(run=run), after=place, limit=PAGE)
        for _, recorded in page.events:
            place, last = Place(run, recorded.seq), recorded
            if recorded.seq > after:
                heard, step = loop.time(), SHORTEST
                yield recorded
        if page.next is not None:
            continue
        late = loop.time() - heard >= QUIET
        if _over(row, last, until) or (_stands(row, until) and late):
            return
        if not page.events:
            yield None
        await pause(step)
        step = min(LONGEST, step * 1.5)


def _stands(row: RunRow, until: Until) -> bool:
    return row.state != "running" and (row.state != "waiting" or until == "pause")


def _over(row: RunRow, last: Recorded | None, until: Until) -> bool:
    """Whether the last event that is stored is the one that tells how the run stands."""
    if last is None or not isinstance(last.event, RunEnded):
        return False
    return _stands(row, until) and last.event.status == row.state
