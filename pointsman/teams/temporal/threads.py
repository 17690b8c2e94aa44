"""A thread's workflow from outside: giving it runs, looking at it, and letting it go on."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError as UpdateCutOffError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from pointsman.errors import Misconfigured, NotFound, PointsmanError, RunBusy, StoreUnreachable
from pointsman.teams.store.rows import RunRow
from pointsman.teams.temporal.names import (
    AGAIN,
    Item,
    Limits,
    Mailbox,
    router_queue,
    workflow_id,
)
from pointsman.teams.temporal.workflow import ThreadWorkflow, Way

LINGERS = "AcceptedUpdateCompletedWorkflow"
"""What Temporal calls an update whose workflow ended before it was answered."""
CROWDED = "crowded"
"""What `Threads.move` gives when too many callers wait at the thread's workflow already."""


@dataclass(frozen=True)
class Threads:
    """The workflows of a team's threads."""

    client: Client
    limits: Limits

    async def move(self, row: RunRow, item: Item, *, update: str | None = None) -> str:
        """Have the run taken on and wait for its state; `again` when the workflow was just ending,
        `crowded` when Temporal lets no more callers wait: the run may not have been taken on then.
        The same `update` id is one update, however often it is sent. Raises RunBusy for a full
        mailbox, and StoreUnreachable."""
        start = WithStartWorkflowOperation(
            ThreadWorkflow.run,
            # In the input too: what a server has accepted goes on when its sender dies at once.
            Mailbox(row.team, self.limits, [item]),
            id=workflow_id(row.team, row.tenant, row.thread),
            task_queue=router_queue(row.team),
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            task_timeout=timedelta(seconds=self.limits.task),
            static_summary=f"{row.team} · {row.tenant}",
        )
        try:
            return await self.client.execute_update_with_start_workflow(
                ThreadWorkflow.move, item, start_workflow_operation=start, id=update
            )
        except WorkflowUpdateFailedError as error:
            if _type(error) == "MailboxFull":
                raise RunBusy(
                    f"Thread {row.thread!r} of team {row.team!r} has a full mailbox.",
                    hint="Its message is stored, and workers take it on when there is room.",
                ) from error
            if _type(error) != LINGERS:
                raise
            return AGAIN
        except UpdateCutOffError:
            return AGAIN
        except RPCError as error:
            # Ending just now; or its worker failed a workflow task, which another one takes anew.
            ending = error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION)
            if ending and not nameless(error):
                return AGAIN
            if error.status == RPCStatusCode.RESOURCE_EXHAUSTED:
                return CROWDED
            raise unreachable(self.client, error) from error

    async def wake(self, row: RunRow, item: Item) -> None:
        """Have the run taken on by whoever works. Returns once Temporal has stored that; needs no
        worker. Raises StoreUnreachable."""
        try:
            await self.client.start_workflow(
                ThreadWorkflow.run,
                Mailbox(row.team, self.limits),
                id=workflow_id(row.team, row.tenant, row.thread),
                task_queue=router_queue(row.team),
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                task_timeout=timedelta(seconds=self.limits.task),
                static_summary=f"{row.team} · {row.tenant}",
                start_signal="wake",
                start_signal_args=[item],
            )
        except RPCError as error:
            raise unreachable(self.client, error) from error

    async def mailbox(self, row: RunRow) -> Mailbox | None:
        """The mailbox of the run's thread; None when no workflow has it. Needs a worker. Raises
        StoreUnreachable."""
        return await self.mailbox_of(workflow_id(row.team, row.tenant, row.thread))

    async def mailbox_of(self, workflow: str) -> Mailbox | None:
        """The same, of a workflow."""
        handle = self.client.get_workflow_handle_for(ThreadWorkflow.run, workflow)
        try:
            description = await handle.describe()
            if description.close_time is not None:
                return None
            return await handle.query(ThreadWorkflow.state)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND and not nameless(error):
                return None
            raise unreachable(self.client, error) from error

    async def unpark(self, team: str, tenant: str, thread: str, way: Way) -> str:
        """Let a parked thread go on; the run it was parked on. Raises NotFound for a thread that is
        not parked, and StoreUnreachable."""
        missing = NotFound(
            f"Thread {thread!r} of team {team!r} is not parked.",
            hint="`pointsman engine status` lists the threads that are.",
        )
        handle = self.client.get_workflow_handle_for(
            ThreadWorkflow.run, workflow_id(team, tenant, thread)
        )
        while True:
            try:
                run = await handle.execute_update(ThreadWorkflow.unpark, way)
            except WorkflowUpdateFailedError as error:
                if _type(error) == LINGERS:
                    continue
                raise missing from error
            except RPCError as error:
                if error.status == RPCStatusCode.NOT_FOUND and not nameless(error):
                    raise missing from error
                raise unreachable(self.client, error) from error
            if run != AGAIN:
                return run


def nameless(error: RPCError) -> bool:
    """Whether what was not found is the namespace."""
    return error.status == RPCStatusCode.NOT_FOUND and error.message.startswith("Namespace ")


def unreachable(client: Client, error: RPCError) -> PointsmanError:
    """What is said of a server that does not answer, or that has not the namespace."""
    host = client.service_client.config.target_host
    if nameless(error):
        return Misconfigured(
            f"Temporal at {host} has no namespace {client.namespace!r}.",
            hint="Create it, `temporal operator namespace create`, or correct POINTSMAN_TEMPORAL:"
            " host:port/namespace.",
        )
    return StoreUnreachable(
        f"Temporal at {host} does not answer: {error.message.rstrip('.')}.",
        hint="Is the server running? What was stored stays stored, and goes on when it is.",
    )


def _type(error: WorkflowUpdateFailedError) -> str:
    cause = error.cause
    return cause.type or "" if isinstance(cause, ApplicationError) else ""
