"""How a team's engine stands: queues, workers, threads, and those that stand still."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from dataclasses import dataclass

from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError

from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.protocol import Store
from pointsman.teams.temporal.names import THREAD_WORKFLOW, router_queue
from pointsman.teams.temporal.queues import ROUTER, QueueState, queue_states
from pointsman.teams.temporal.threads import unreachable


@dataclass(frozen=True)
class Parked:
    """A thread that stands still until a person says how to go on."""

    thread: str
    tenant: str
    run: str
    why: str


@dataclass(frozen=True)
class EngineState:
    """A team's engine."""

    queues: tuple[QueueState, ...]
    threads: int
    """Threads that work or wait for people now."""
    parked: tuple[Parked, ...]
    looked: int
    """How many of the threads were looked at for that."""

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
                parked.append(Parked(row.thread, row.tenant, run, why))
    except RPCError as error:
        raise unreachable(client, error) from error
    return EngineState(queues, threads, tuple(parked), looked)


async def _memo(workflow: WorkflowExecution) -> tuple[str, str]:
    memo = await workflow.memo()
    return str(memo.get("parked") or ""), str(memo.get("why") or "")
