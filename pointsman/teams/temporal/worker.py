"""A worker process: takes segments of runs, or single steps, off the engine's queues."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker

from pointsman.teams.temporal.activities import Activities
from pointsman.teams.temporal.names import pool_queue, router_queue
from pointsman.teams.temporal.segments import SegmentEngine
from pointsman.teams.temporal.workflow import ThreadWorkflow

ROUTER = "router"
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
    drain: float = 30.0,
) -> AsyncGenerator[Sequence[Worker]]:
    """Workers of these pools (`router`, or names of specialists) while the block runs. At its end
    they take nothing new, and have `drain` seconds to end what they do."""
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
                sticky_queue_schedule_to_start_timeout=timedelta(seconds=STICKY_SECONDS),
                graceful_shutdown_timeout=timedelta(seconds=drain),
            )
            workers.append(await stack.enter_async_context(worker))
        yield workers
