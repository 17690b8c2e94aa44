"""Child runs: the runs to which a run gave work. Their rows, what they are asked, what they came
to, and what they spend of their parent's budget."""

import json
from collections.abc import Mapping, Sequence, Set
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from pointsman.nodes import telemetry
from pointsman.nodes.digest import digest
from pointsman.nodes.event import Recorded
from pointsman.nodes.handed import bounded
from pointsman.nodes.message import (
    Delegation,
    Message,
    Quote,
    Request,
    Task,
    TaskResult,
)
from pointsman.nodes.run import Budget, Run
from pointsman.nodes.vault import Hidden, Name, Vault
from pointsman.teams.result import Result
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.rows import RunRow
from pointsman.teams.tickets import Ticket

NEED_FAILED = "NeedFailed"
"""Class of error of a task that never began, since one that it needs came to nothing."""


@dataclass(frozen=True)
class Above:
    """What a child run has of its parent while it is worked on."""

    run: Run
    """The parent's step: its deadline, its budget and what is spent of it, live."""
    durable: bool
    """Whether the parent can wait for a person."""


class Crew(Protocol):
    """Takes child runs on. Whoever has it works on the whole tree alone."""

    async def has_work(self, row: RunRow) -> bool:
        """Whether the run can go on now."""
        ...

    async def take_on(self, row: RunRow, above: Above) -> None:
        """Take it as far as it goes now. What goes wrong in it ends it; raises StoreError."""
        ...


class OpenCrew(Protocol):
    """Opens a crew for the tree of a run, for a block."""

    def __call__(self, row: RunRow) -> AbstractAsyncContextManager[Crew]: ...


def child_id(parent: str, step: str, delegation: Delegation, task: Task) -> str:
    """A child's id: the same when the step that makes it runs again."""
    return "r" + digest("child", parent, step, delegation.round, task.id)[:15]


def child_row(
    parent: RunRow,
    run: Run,
    delegation: Delegation,
    task: Task,
    *,
    team: str,
    budget: Budget | None,
    needs: Sequence[TaskResult],
) -> RunRow:
    """The row of a task's run. `run` is the parent's step, `team` whose run it is; `budget` is that
    team's own, beside the parent's."""
    request = request_for(delegation, task, needs)
    message = Message(
        id=child_id(parent.run, run.step, delegation, task),
        correlation_id=parent.request.correlation_id or parent.request.id,
        causation_id=parent.request.id,
        sender=parent.team,
        receiver=task.to,
        priority=parent.request.priority,
        traceparent=telemetry.traceparent() or parent.request.traceparent,
        payload=request,
    )
    return RunRow(
        run=message.id,
        team=team,
        thread=parent.thread,
        tenant=parent.tenant,
        request=message,
        state="running",
        root_thread=message.id,
        nested=False,
        seconds_left=None if run.deadline is None else max(run.deadline - run.clock(), 0.0),
        budget_usd=budget.usd if budget else None,
        budget_calls=budget.calls if budget else None,
        parent=parent.run,
        root=parent.top,
        task=task.id,
        pinned="" if delegation.of == "team" else task.to,
        release=parent.release if team == parent.team else "",
        fork_of=parent.fork_of,
        simulated=parent.simulated,
    )


def request_for(delegation: Delegation, task: Task, needs: Sequence[TaskResult]) -> Request:
    """What the task's run is asked: the task, with the results it needs as quotes of a model's.

    The conversation goes along where the task is the person's own message or a part of it. A plan's
    tasks stand for themselves, and what a model wrote there does not become the person's.
    """
    whole = delegation.request
    quotes = tuple(Quote(origin="model", source=r.task, text=worded(r)) for r in needs)
    return Request(
        text=task.text,
        data=task.data,
        attachments=whole.attachments,
        history=() if delegation.of == "plan" else whole.history,
        handed=bounded((*whole.handed, *quotes)),
        said=whole.said if task.text.strip() in whole.text else (whole.said or (whole.text,)),
    )


def worded(result: TaskResult) -> str:
    """A result as a text: its own, and its data where they say more."""
    if result.data is None:
        return result.text
    data = json.dumps(result.data, ensure_ascii=False)
    return data if _is_json(result.text) else f"{result.text}\n{data}"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def came_to(task: Task, row: RunRow) -> TaskResult | None:
    """What became of a task, by its run; None while that has not ended."""
    status = row.state
    if status in ("running", "waiting"):
        return None
    result = row.result
    return TaskResult(
        task=task.id,
        to=task.to,
        run=row.run,
        status=status,
        text=result.answer if result else "",
        data=result.data if result else None,
        error=result.error if result else "Interrupted",
        usd=result.usd if result else None,
    )


def never_begun(task: Task, failed: Sequence[TaskResult]) -> TaskResult:
    """A task whose needs came to nothing."""
    of = ", ".join(f"{r.task!r} ({r.status})" for r in failed)
    text = f"Not begun: it needs {of}."
    return TaskResult(
        task=task.id, to=task.to, run="", status="cancelled", text=text, error=NEED_FAILED
    )


async def events_below(store: Store, run: str) -> tuple[Recorded, ...]:
    """The events of all the runs to which a run gave work."""
    found: list[Recorded] = []
    for row in await store.offspring(run):
        found.extend(await store.events(row.run))
    return tuple(found)


async def tickets_below(store: Store, run: str) -> tuple[Ticket, ...]:
    """The pending tickets of all the runs to which a run gave work, in the order they were made."""
    found: list[Ticket] = []
    for row in await store.offspring(run):
        found.extend(await store.tickets(row.team, status="pending", run=row.run))
    return tuple(sorted(found, key=lambda ticket: ticket.created))


async def with_children(store: Store, result: Result) -> Result:
    """The result with what its children used: each child's own already holds its children's."""
    below = [row.result for row in await store.children(result.run) if row.result is not None]
    if not below:
        return result
    whole = (result, *below)
    usd = [one.usd for one in whole]
    return result.model_copy(
        update={
            "usd": None if None in usd else sum(u for u in usd if u is not None),
            "model_calls": sum(one.model_calls for one in whole),
            "cache_hits": sum(one.cache_hits for one in whole),
            "input_tokens": sum(one.input_tokens for one in whole),
            "output_tokens": sum(one.output_tokens for one in whole),
            "saved_usd": sum(one.saved_usd for one in whole),
            "saved_seconds": sum(one.saved_seconds for one in whole),
        }
    )


@dataclass(frozen=True)
class TreeVault:
    """One vault for a whole tree: a placeholder stands for the same value in every run of it."""

    vault: Vault
    root: str

    async def hide(
        self, run: str, hidden: Sequence[Hidden], taken: Set[Name] = frozenset()
    ) -> Mapping[tuple[str, str], int]:
        """See `Vault.hide`."""
        return await self.vault.hide(self.root, hidden, taken)

    async def values(self, run: str, names: Set[Name]) -> Mapping[Name, str]:
        """See `Vault.values`."""
        return await self.vault.values(self.root, names)
