"""A worker process: takes segments of runs, or single steps, off the engine's queues."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from pointsman.errors import StoreUnreachable
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

WATCH_SECONDS = 5.0
"""How often a worker looks whether the server answers."""
BEGIN_SECONDS = 0.01
"""How often a worker that begins is looked at."""


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
    the block runs, from when the server has let them in. At its end all of them take nothing new,
    and have `drain` seconds to end what they do; what they do then still is handed back. Raises
    StoreUnreachable when the server does not let one of them work, at once or later; one that does
    not answer for a while is waited for.

    `at_once` activities of each pool run here. `per_second` bounds those that begin on a
    specialist's queue, over all its workers: the server keeps count, by what was said last. A
    router's worker also looks every `recover_seconds` for what was left running.
    """
    if engine.keys.senders is None:
        log.warning("%s", UNSIGNED)
    team, doing = engine.services.spec.name, Activities(engine)
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
        workers.append(worker)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_at_work(client, workers))
        besides = [asyncio.create_task(watching(client))]
        if ROUTER in pools:
            looking = recovering(client, engine, limits or Limits(), every=recover_seconds)
            besides.append(asyncio.create_task(looking))
        for task in besides:
            stack.push_async_callback(_ended, task)
        yield workers


async def watching(client: Client) -> None:
    """Say once that the server does not answer, and once that it does again, until cancelled.
    Workers try for as long as it takes."""
    host, gone = client.service_client.config.target_host, False
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            async with asyncio.timeout(WATCH_SECONDS):
                await client.service_client.check_health()
        except (RPCError, TimeoutError):
            if not gone:
                log.warning("Temporal at %s does not answer: trying until it does", host)
            gone = True
        else:
            if gone:
                log.warning("Temporal at %s answers again", host)
            gone = False


@asynccontextmanager
async def _at_work(client: Client, workers: Sequence[Worker]) -> AsyncGenerator[None]:
    """Run them while the block runs. Not `async with` of each: they would drain one after another,
    and each that fails would cancel the block anew."""
    block, failures, ending = asyncio.current_task(), list[BaseException](), False
    assert block is not None  # noqa: S101 (a coroutine that runs is in a task)

    def ended(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            failures.append(error)
            if len(failures) == 1 and not ending:
                block.cancel()

    running = [asyncio.create_task(worker.run()) for worker in workers]
    for task in running:
        task.add_done_callback(ended)
    try:
        while not all(worker.is_running for worker in workers):  # noqa: ASYNC110 (it tells nobody)
            await asyncio.sleep(BEGIN_SECONDS)
        yield
    except asyncio.CancelledError:
        if not failures or block.uncancel() > 0:
            raise
        raise StoreUnreachable(
            f"Temporal at {client.service_client.config.target_host} lets no worker work in"
            f" namespace {client.namespace!r}: {failures[0]}.".replace("..", "."),
            hint="Correct POINTSMAN_TEMPORAL or the key, and start the worker again.",
        ) from failures[0]
    finally:
        ending = True
        await asyncio.gather(*(worker.shutdown() for worker in workers))
        await asyncio.gather(*running, return_exceptions=True)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
