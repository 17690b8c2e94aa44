"""The engine of many machines, as its callers see it: messages and decisions go to the workflow of
their thread, and workers do the rest."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

import asyncio
from dataclasses import dataclass, field

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from pointsman.errors import RunBusy, StoreBroken
from pointsman.teams.local import LocalEngine
from pointsman.teams.store.rows import RunRow
from pointsman.teams.temporal.names import Item, Limits, Mailbox, router_queue, workflow_id
from pointsman.teams.temporal.workflow import ThreadWorkflow

RETRY_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Pauses before a message is given again to a workflow that was just ending."""


@dataclass(frozen=True)
class TemporalEngine(LocalEngine):
    """Gives runs to Temporal. Reads the store and the checkpoints; moves no run itself, but for
    runs in somebody else's graph, which that graph moves."""

    client: Client | None = None
    limits: Limits = field(default_factory=Limits)

    async def drive(self, run: str) -> None:
        """Have the run's thread take it on, and wait until it has ended or waits for a person."""
        row = await self.services.store.find_run(run)
        top = await self._top(row) if row is not None else None
        if row is None or top is None or top.team != self.services.spec.name or top.nested:
            return
        for pause in (*RETRY_SECONDS, None):
            state = await self._moved(top)
            if state != "again":
                return
            if pause is not None:
                await asyncio.sleep(pause)
        raise RunBusy(
            f"Thread {top.thread!r} of team {top.team!r} does not take run {top.run} on.",
            hint="Its message is stored; workers go on with it. Look at `pointsman engine status`.",
        )

    async def _moved(self, row: RunRow) -> str:
        """One try: the run's state, or `again` when its workflow was just ending."""
        assert self.client is not None  # noqa: S101 (made with one)
        start = WithStartWorkflowOperation(
            ThreadWorkflow.run,
            Mailbox(team=row.team, limits=self.limits),
            id=workflow_id(row.team, row.tenant, row.thread),
            task_queue=router_queue(row.team),
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"{row.team} · {row.tenant}",
        )
        try:
            return await self.client.execute_update_with_start_workflow(
                ThreadWorkflow.move,
                Item(row.run, row.request.priority),
                start_workflow_operation=start,
            )
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            if isinstance(cause, ApplicationError) and cause.type == "MailboxFull":
                raise RunBusy(
                    f"Thread {row.thread!r} of team {row.team!r} has a full mailbox.",
                    hint="Its message is stored; resume the run later.",
                ) from error
            if (
                isinstance(cause, ApplicationError)
                and cause.type != "AcceptedUpdateCompletedWorkflow"
            ):
                raise
            return "again"
        except WorkflowUpdateRPCTimeoutOrCancelledError:
            return "again"
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return "again"
            raise StoreBroken(
                f"Temporal at {self.client.service_client.config.target_host} did not take run"
                f" {row.run} of team {row.team!r}: {error.message}.",
                hint="Is the server running? The message is stored; resume the run later.",
            ) from error
