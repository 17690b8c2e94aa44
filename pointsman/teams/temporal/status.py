"""How a team's engine stands: queues, workers, threads, and those that stand still."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from dataclasses import dataclass
from itertools import islice

from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import RunRow
from pointsman.teams.temporal.names import THREAD_WORKFLOW, plain, router_queue, workflow_id
from pointsman.teams.temporal.queues import ROUTER, QueueState, queue_states, queues_of
from pointsman.teams.temporal.threads import nameless, unreachable

MOST = 2_000
"""Runs among which the oldest are looked for."""
LOOKED_INTO = 100
"""Threads that are asked for what they are at: one call each."""


@dataclass(frozen=True)
class Parked:
    """A thread that stands still until a person says how to go on."""

    thread: str
    tenant: str
    run: str
    why: str
    line: int
    """How many runs wait behind it: 100 at most are counted."""


@dataclass(frozen=True)
class Retrying:
    """A thread whose last attempt failed and that is tried again. It is parked after the last."""

    thread: str
    tenant: str
    pool: str
    """Where it is tried."""
    attempt: int
    """Which attempt it is at, from 2 on."""
    attempts: int
    """How many it has."""
    why: str
    """How the last one failed."""


@dataclass(frozen=True)
class EngineState:
    """A team's engine."""

    queues: tuple[QueueState, ...]
    threads: int
    """Threads that work or wait for people now."""
    parked: tuple[Parked, ...]
    looked: int
    """How many of the threads were looked at for that."""
    retrying: tuple[Retrying, ...] = ()
    """Of those that have waited the longest."""

    @property
    def unattended(self) -> tuple[str, ...]:
        """Pools that nobody works for."""
        return tuple(dict.fromkeys(q.pool for q in self.queues if not q.workers))

    @property
    def stands(self) -> bool:
        """Whether work waits that nobody takes: in a queue, by a count that the server makes every
        few seconds; in a thread; or until a person lets a parked one go on."""
        alone = any(q.backlog and not q.workers for q in self.queues)
        return alone or bool(self.parked) or (self.threads > 0 and ROUTER in self.unattended)


async def engine_state(
    client: Client, spec: TeamSpec, store: Store, *, limit: int = 10_000
) -> EngineState:
    """How it stands; `limit` bounds the threads that are looked at. Raises StoreUnreachable."""
    asked = (
        f"WorkflowType = '{THREAD_WORKFLOW}' AND ExecutionStatus = 'Running'"
        f" AND TaskQueue = '{router_queue(spec.name)}'"
    )
    queues = await queue_states(client, spec)
    parked: list[Parked] = []
    looked = 0
    try:
        threads = (await client.count_workflows(asked)).count
        async for workflow in client.list_workflows(asked, limit=limit):
            looked += 1
            run, why = await _memo(workflow)
            row = await store.find_run(run) if run else None
            if row is not None:
                behind = [one for one in await store.line(row) if one.run != run]
                parked.append(Parked(row.thread, row.tenant, run, why, len(behind)))
    except RPCError as error:
        raise unreachable(client, error) from error
    return EngineState(queues, threads, tuple(parked), looked, await _retrying(client, spec, store))


async def _retrying(client: Client, spec: TeamSpec, store: Store) -> tuple[Retrying, ...]:
    """Of the threads with the oldest runs, those that are tried again."""
    running = reversed(await store.runs(spec.name, states=("running",), limit=MOST))
    oldest: dict[str, RunRow] = {}
    for row in running:
        if not row.parent and not row.nested:
            oldest.setdefault(workflow_id(row.team, row.tenant, row.thread), row)
    pools, found = {queue: pool for pool, queue in queues_of(spec)}, list[Retrying]()
    for workflow, row in islice(oldest.items(), LOOKED_INTO):
        try:
            told = await client.get_workflow_handle(workflow).describe()
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND and not nameless(error):
                continue
            raise unreachable(client, error) from error
        for one in told.raw_description.pending_activities:
            if one.attempt > 1:
                queue = one.activity_options.task_queue.name
                found.append(
                    Retrying(
                        row.thread, row.tenant, pools.get(queue, queue), one.attempt,
                        one.maximum_attempts, plain(one.last_failure.message),
                    )
                )  # fmt: skip
    return tuple(found)


async def _memo(workflow: WorkflowExecution) -> tuple[str, str]:
    memo = await workflow.memo()
    return str(memo.get("parked") or ""), plain(str(memo.get("why") or ""))
