"""How a team's queues stand: what waits in them, for how long, and who takes it."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from temporalio.api.enums.v1 import PendingActivityState, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.rows import RunRow
from pointsman.teams.temporal.names import STEP, pool_queue, router_queue, workflow_id
from pointsman.teams.temporal.threads import nameless, unreachable

FRESH_SECONDS = 75.0
"""A poll takes a minute at most: who has not begun one for longer than this is gone."""
ROUTER = "router"
Kind = Literal["threads", "steps"]


@dataclass(frozen=True)
class QueueState:
    """A queue, as the server tells it."""

    pool: str
    """`router`, or a specialist's name, with the shard where it has some."""
    queue: str
    kind: Kind
    """What waits in it: threads that are to be moved on, or steps that are to be taken."""
    backlog: int
    """Tasks that wait, about."""
    age: float
    """Seconds that the oldest has waited, about."""
    workers: tuple[str, ...]
    """Who takes work from it: process id and host."""


def queues_of(spec: TeamSpec) -> Iterator[tuple[str, str]]:
    """The pools of a team, each with its queue."""
    yield ROUTER, router_queue(spec.name)
    for one in spec.specialists:
        if one.shards <= 0:
            yield one.name, pool_queue(spec.name, one.name)
        for shard in range(one.shards):
            yield f"{one.name}-{shard}", pool_queue(spec.name, one.name, shard)


def starts(spec: TeamSpec, pools: Sequence[str]) -> tuple[str, ...]:
    """The commands, without the program's name, that start workers for these pools of `queues_of`:
    one for all that are whole, one for each single shard."""
    whole: list[str] = [p for p in pools if p == ROUTER]
    single: list[str] = []
    for one in spec.specialists:
        lacks = [k for k in range(one.shards) if f"{one.name}-{k}" in pools]
        if len(lacks) == one.shards and (lacks or one.name in pools):
            whole.append(one.name)
        else:
            single += [f"worker --pool {one.name} --shard {k}/{one.shards}" for k in lacks]
    together = " ".join(["worker", *(f"--pool {pool}" for pool in whole)])
    return (*([together] if whole else []), *single)


async def queue_state(client: Client, pool: str, queue: str, kind: Kind) -> QueueState:
    """One queue. Raises StoreUnreachable."""
    asked = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
        if kind == "threads"
        else TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        report_stats=True,
    )
    try:
        told = await client.workflow_service.describe_task_queue(asked)
    except RPCError as error:
        raise unreachable(client, error) from error
    now = time.time()  # the server's own clock gave these times
    fresh = [p for p in told.pollers if now - p.last_access_time.seconds < FRESH_SECONDS]
    return QueueState(
        pool, queue, kind, told.stats.approximate_backlog_count,
        told.stats.approximate_backlog_age.ToTimedelta().total_seconds(),
        tuple(sorted({p.identity for p in fresh})),
    )  # fmt: skip


async def queue_states(client: Client, spec: TeamSpec) -> tuple[QueueState, ...]:
    """All queues of a team. Raises StoreUnreachable."""
    found = [await queue_state(client, ROUTER, router_queue(spec.name), "threads")]
    for pool, queue in queues_of(spec):
        found.append(await queue_state(client, pool, queue, "steps"))
    return tuple(found)


async def unattended(client: Client, row: RunRow) -> str:
    """The queue that the run's thread waits in and nobody takes work from; empty when somebody
    does. Raises StoreUnreachable."""
    router = await queue_state(client, ROUTER, router_queue(row.team), "threads")
    if not router.workers:
        return router.queue
    handle = client.get_workflow_handle(workflow_id(row.team, row.tenant, row.thread))
    try:
        described = await handle.describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND and not nameless(error):
            return ""
        raise unreachable(client, error) from error
    for pending in described.raw_description.pending_activities:
        waits = pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
        if waits and pending.activity_type.name == STEP:
            queue = pending.activity_options.task_queue.name
            if queue and not (await queue_state(client, "", queue, "steps")).workers:
                return queue
    return ""
