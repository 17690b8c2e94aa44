"""Looking for what was left behind: runs whose sender died before Temporal had them, decisions that
nobody acted on, what time decides while no workflow stands."""

import asyncio
import logging
from datetime import UTC, datetime

from temporalio.client import Client
from temporalio.exceptions import TemporalError

from pointsman.errors import PointsmanError
from pointsman.nodes.digest import canonical
from pointsman.nodes.message import new_id
from pointsman.teams.store.rows import RunRow
from pointsman.teams.sweep import sweep
from pointsman.teams.temporal.crossing import sealed
from pointsman.teams.temporal.names import FIRST, Item, Limits
from pointsman.teams.temporal.segments import SegmentEngine
from pointsman.teams.temporal.threads import Threads

log = logging.getLogger("pointsman.teams")

GRACE_SECONDS = 30.0
"""A message that came within this time is on its way."""
MOST = 2_000
"""Runs that one look goes through."""


async def recovering(
    client: Client, engine: SegmentEngine, limits: Limits, *, every: float
) -> None:
    """Look every so many seconds, until cancelled. One worker of the team does at a time."""
    name = canonical(["recover", engine.services.spec.name]).decode()
    owner = f"worker:{new_id()}"
    while True:
        try:
            if await engine.services.store.lease(name, owner, every * 2) is not None:
                await recover(Threads(client, limits), engine)
        except (PointsmanError, TemporalError) as error:
            log.warning("looking for what was left behind failed: %s", error)
        await asyncio.sleep(every)


async def recover(threads: Threads, engine: SegmentEngine) -> tuple[str, ...]:
    """One look: the runs that were woken. Raises StoreError."""
    services, woken = engine.services, list[str]()
    for team in (services, *services.kin.values()):
        await sweep(team)
    store = services.store
    decided = [await store.find_run(run) for run in await store.decided_runs(services.spec.name)]
    for kin in services.kin.values():
        decided += [await store.find_run(run) for run in await store.decided_runs(kin.spec.name)]
    tops = [await store.find_run(row.top) for row in decided if row is not None]
    now = datetime.now(UTC).timestamp()
    left = await store.runs(services.spec.name, states=("running",), limit=MOST)
    old = [row for row in reversed(left) if now - row.request.time.timestamp() > GRACE_SECONDS]
    for row, first in (*((row, True) for row in tops), *((row, False) for row in old)):
        if row is None or not _ours(engine, row) or row.run in woken:
            continue
        if await _known(threads, row, busy_only=first):
            continue
        priority = FIRST if first else row.request.priority
        item = Item(row.run, priority, sealed(row, engine.keys))
        await threads.wake(row, item)
        woken.append(row.run)
    if woken:
        log.info("woke %d runs of team %s that were left", len(woken), services.spec.name)
    return tuple(woken)


def _ours(engine: SegmentEngine, row: RunRow) -> bool:
    return row.team == engine.services.spec.name and not row.parent and not row.nested


async def _known(threads: Threads, row: RunRow, *, busy_only: bool) -> bool:
    """Whether the thread's workflow has the run in its line or stands still. One that waits there
    for people and is decided must be told."""
    try:
        box = await threads.mailbox(row)
    except (PointsmanError, TemporalError) as error:
        log.warning("thread %r of team %s tells nothing of itself: %s", row.thread, row.team, error)
        return True
    if box is None:
        return False
    if box.parked == row.run or len(box.ready) >= threads.limits.line:
        return True
    return any(one.run == row.run for one in box.ready) or (
        not busy_only and row.run in box.waiting
    )
