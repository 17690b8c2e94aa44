"""A worker process: takes segments of runs, or single steps, off the engine's queues."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from pointsman.teams.temporal.activities import Activities
from pointsman.teams.temporal.crossing import UNSIGNED
from pointsman.teams.temporal.names import Limits, pool_queue, router_queue
from pointsman.teams.temporal.queues import ROUTER
from pointsman.teams.temporal.recovering import recovering
from pointsman.teams.temporal.segments import SegmentEngine
from pointsman.teams.temporal.workflow import ThreadWorkflow

log = logging.getLogger("pointsman.teams")

STICKY_SECONDS = 2.0
"""How long a workflow waits for the worker that has it in memory. Temporal's own 10 s are how long
a thread would stand still when that worker died."""


@asynccontextmanager
async def working(
    client: Client,
    engine: SegmentEngine,
    pools: Sequence[str],
    *,
    at_once: int = 100,
    per_second: float | None = None,
    drain: float = 30.0,
    limits: Limits | None = None,
    recover_seconds: float = 60.0,
) -> AsyncGenerator[Sequence[Worker]]:
    """Workers of these pools (`router`, names of specialists, or `name-2` for a shard of one) while
    the block runs. At its end they take nothing new, and have `drain` seconds to end what they do;
    what they do then still is handed back.

    `at_once` activities of each pool run here. `per_second` bounds those that begin on a
    specialist's queue, over all its workers: the server keeps count, by what was said last. A
    router's worker also looks every `recover_seconds` for what was left running.
    """
    if engine.keys.senders is None:
        log.warning("%s", UNSIGNED)
    team, doing = engine.services.spec.name, Activities(engine)
    async with AsyncExitStack() as stack:
        workers: list[Worker] = []
        for pool in pools:
            router = pool == ROUTER
            worker = Worker(
                client,
                task_queue=router_queue(team) if router else pool_queue(team, pool),
                workflows=[ThreadWorkflow] if router else [],
                activities=[doing.segment, doing.step, doing.bury] if router else [doing.step],
                max_concurrent_activities=at_once,
                max_task_queue_activities_per_second=None if router else per_second,
                sticky_queue_schedule_to_start_timeout=timedelta(seconds=STICKY_SECONDS),
                graceful_shutdown_timeout=timedelta(seconds=drain),
            )
            workers.append(await stack.enter_async_context(worker))
        if ROUTER in pools:
            task = asyncio.create_task(
                recovering(client, engine, limits or Limits(), every=recover_seconds)
            )
            stack.push_async_callback(_ended, task)
        yield workers


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
