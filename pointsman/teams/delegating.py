"""Work that is given to others: checked, run as child runs, and brought back to who asked."""

# pyright: reportTypedDictNotRequiredAccess=false
# Intake sets every channel.

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pointsman.errors import (
    HopLimit,
    Misconfigured,
    NotFound,
    PointsmanError,
    StoreBroken,
)
from pointsman.nodes.event import RunEnded
from pointsman.nodes.message import (
    Answer,
    Delegation,
    Delivered,
    Failure,
    Message,
    Payload,
    Task,
    TaskResult,
)
from pointsman.nodes.run import Run
from pointsman.teams import children, ending, pausing
from pointsman.teams.approvals.hitl import Wake, decided
from pointsman.teams.assignment import check_tasks
from pointsman.teams.children import Above, Crew
from pointsman.teams.claim import claim
from pointsman.teams.family import nested
from pointsman.teams.propose import ask
from pointsman.teams.services import Services
from pointsman.teams.state import RunState, as_json
from pointsman.teams.store.rows import RunRow
from pointsman.teams.summary import summarise
from pointsman.teams.tickets import Ticket

log = logging.getLogger("pointsman.teams")

LOOK_SECONDS = 0.5
"""How often it is looked, while some tasks run, whether others that wait were decided."""


async def give(
    name: str, reply: Message, state: RunState, run: Run, services: Services
) -> RunState:
    """A node gave work to others: check it, and on to the step that runs it, or to a person who
    must approve it first."""
    delegation = _delegation(reply)
    rounds = state["rounds"] + 1
    if rounds > services.spec.max_rounds:
        raise HopLimit(
            f"Run {run.id} gave work to others more than {services.spec.max_rounds} times."
        )
    check_tasks(services.spec, name, delegation)
    if delegation.approve:
        return await pausing.freeze(name, reply, state, run, services)
    return {"next": "delegate", "rounds": rounds, "carried": as_json(reply), "wake": {}}


async def carry_out(state: RunState, run: Run, services: Services, row: RunRow) -> RunState:
    """Run the tasks as far as they go now: back to who asked when all have ended, else wait."""
    reply = Message.model_validate(state["carried"])
    delegation = _delegation(reply)
    check_tasks(services.spec, reply.sender, delegation)
    if services.crew is None:
        raise Misconfigured(f"Team {services.spec.name!r} has nothing that could run its tasks.")
    await _bound_depth(services, row)
    await _claim_named(state, services)
    await services.store.move_run(row.run, "running", frm=("waiting", "running"))
    async with services.crew(row) as crew:
        tasks = Tasks(services, crew, row, run, delegation, durable=state["durable"])
        results = await tasks.work()
    if results is None:
        return await _pause(reply, tasks, run, services)
    back: RunState = {"open": [], "asks": [], "waits": [], "wake": {}}
    if delegation.of == "parts":
        return back | ending.ends(reply, in_parts(delegation, results), sender="delegate")
    came = reply.reply(Delivered(delegation=delegation, results=results), sender="delegate")
    return back | {"next": reply.sender, "carried": as_json(came)}


@dataclass
class Tasks:
    """Runs the tasks of one delegation, each once and as soon as what it needs has ended."""

    services: Services
    crew: Crew
    row: RunRow
    run: Run
    delegation: Delegation
    durable: bool
    ended: dict[str, TaskResult] = field(default_factory=dict[str, TaskResult])
    waiting: tuple[RunRow, ...] = ()
    """Runs that wait for people."""
    tickets: tuple[Ticket, ...] = ()
    """What they wait for."""

    async def work(self) -> tuple[TaskResult, ...] | None:
        """What became of all tasks; None where some wait for people and nothing else is left."""
        active: dict[str, asyncio.Task[None]] = {}
        listed = False
        try:
            while True:
                ready = await self._ready(active)
                for task in ready[: self.services.spec.max_parallel - len(active)]:
                    active[task.id] = await self._begun(task)
                if active:
                    listed = False
                    await self._until_one_stops(active)
                elif len(self.ended) == len(self.delegation.tasks):
                    return tuple(self.ended[task.id] for task in self.delegation.tasks)
                elif listed:
                    return None
                else:  # and look once more: who decides from now on finds the tickets listed
                    self.tickets = await children.tickets_below(self.services.store, self.row.run)
                    listed = True
        finally:
            await _stop(active)

    async def _ready(self, active: Mapping[str, object]) -> list[Task]:
        """The tasks that can begin or go on now. Notes those that ended, and those that wait."""
        while True:
            before, ready, waiting = len(self.ended), list[Task](), list[RunRow]()
            for task in self.delegation.tasks:
                free = all(need in self._earlier or need in self.ended for need in task.needs)
                if not free or task.id in self.ended or task.id in active:
                    continue
                row = await self.services.store.find_run(self._id(task))
                result = self._failed_need(task) if row is None else children.came_to(task, row)
                if result is not None:
                    self.ended[task.id] = result
                elif row is None or await self.crew.has_work(row):
                    ready.append(task)
                else:
                    waiting.append(row)
            self.waiting = tuple(waiting)
            if len(self.ended) == before:  # else others may have what they need
                return ready

    @property
    def _earlier(self) -> dict[str, TaskResult]:
        again = {task.id for task in self.delegation.tasks}
        return {r.task: r for r in self.delegation.earlier if r.task not in again}

    def _failed_need(self, task: Task) -> TaskResult | None:
        # What came of an earlier round stands as it is: who gives the task has seen it.
        these = [self.ended[need] for need in task.needs if need in self.ended]
        failed = [result for result in these if result.status != "done"]
        return children.never_begun(task, failed) if failed else None

    async def _begun(self, task: Task) -> asyncio.Task[None]:
        store, run = self.services.store, self._id(task)
        row = await store.find_run(run)
        if row is None:
            await store.add_run(self._new(task))
            row = await store.find_run(run)
        if row is None:
            raise StoreBroken(f"Run {run} is not in the store {self.services.home} any more.")
        return asyncio.create_task(self.crew.take_on(row, Above(self.run, durable=self.durable)))

    def _new(self, task: Task) -> RunRow:
        spec, budget = self.services.spec, None
        if self.delegation.of == "team":
            spec = next(i.spec for i in nested(spec).values() if i.spec.name == task.to)
            budget = spec.budget
        came = self._earlier | self.ended
        needs = [came[need] for need in task.needs]
        return children.child_row(
            self.row, self.run, self.delegation, task, team=spec.name, budget=budget, needs=needs
        )

    def _id(self, task: Task) -> str:
        return children.child_id(self.row.run, self.run.step, self.delegation, task)

    async def _until_one_stops(self, active: dict[str, asyncio.Task[None]]) -> None:
        look = LOOK_SECONDS if self.waiting else None
        await asyncio.wait(active.values(), timeout=look, return_when=asyncio.FIRST_COMPLETED)
        for name in [name for name, task in active.items() if task.done()]:
            active.pop(name).result()


async def _stop(active: Mapping[str, asyncio.Task[None]]) -> None:
    for task in active.values():
        task.cancel()
    await asyncio.gather(*active.values(), return_exceptions=True)


async def _pause(reply: Message, tasks: Tasks, run: Run, services: Services) -> RunState:
    """Note that the run waits, as its children do."""
    row = await services.store.find_run(run.id) or tasks.row
    stopped = run.tape.cancelled(row.cancelled_by)
    if stopped:
        return ending.cancelled(reply, stopped)
    if not tasks.durable:
        raise Misconfigured(
            f"Team {services.spec.name!r} must ask a person here, and the graph it runs in has no"
            " checkpointer: the wait could never end.",
            hint="Compile the outer graph with a checkpointer.",
        )
    result = summarise(
        row, services.recorder.events(run.id), status="waiting", seconds=row.seconds,
        specialist=reply.sender if reply.sender in services.nodes else "", tickets=tasks.tickets,
    )  # fmt: skip
    result = await children.with_children(services.store, result)
    await services.store.move_run(run.id, "waiting", frm=("running", "waiting"), result=result)
    run.emit(RunEnded(run=run.id, status="waiting", specialist=result.specialist))
    return {
        "next": "wait",
        "waits": [row.run for row in tasks.waiting],
        "asks": [ask(ticket) for ticket in tasks.tickets if ticket.kind != "compensate"],
        "wake": {},
    }


async def _claim_named(state: RunState, services: Services) -> None:
    """Decisions that came by a raw `Command(resume=…)` to a run that waits for its children: only
    those that name their ticket."""
    if not state["wake"]:
        return
    try:
        wake = Wake.model_validate(state["wake"])
        for ticket, decision in decided(wake, state["asks"], root=False):
            if ticket not in [ask["id"] for ask in state["asks"]]:
                raise NotFound(f"Run {state['run']} does not wait for ticket {ticket!r}.")
            await claim(services.spec, services.store, ticket, decision, services.now())
    except PointsmanError as error:
        log.warning("a resume of run %s was refused: %s", state["run"], error)


async def _bound_depth(services: Services, row: RunRow) -> None:
    """Raises HopLimit for a run that lies too deep to give work on."""
    depth, above = 0, row
    while above.parent:
        depth += 1
        found = await services.store.find_run(above.parent)
        if found is None:
            raise StoreBroken(f"Run {above.parent} is not in the store {services.home} any more.")
        above = found
    if depth >= services.spec.max_depth:
        raise HopLimit(
            f"Run {row.run} of team {row.team!r} lies {depth} runs below the run of the message,"
            " and would give work on.",
            hint="Raise max_depth, or let fewer specialists give work on.",
        )


def in_parts(delegation: Delegation, results: Sequence[TaskResult]) -> Payload:
    """One answer out of the parts of a message, each under what was asked. Where one failed, it
    says so, and the run is `partial`; where all did, it has failed."""
    parts: list[str] = []
    for number, (task, result) in enumerate(zip(delegation.tasks, results, strict=True), start=1):
        text = result.text
        if result.status not in ("done", "partial"):
            text = f"This part could not be done. {text}".strip()
        parts.append(f"{number}. {task.text.strip()}\n{text}")
    said, status = "\n\n".join(parts), {result.status for result in results}
    if status == {"done"}:
        return Answer(text=said)
    if status & {"done", "partial"}:
        gaps = [t for t, r in zip(delegation.tasks, results, strict=True) if r.status != "done"]
        return Answer(text=said, missing=tuple(task.text for task in gaps))
    return Failure(error=results[0].error or "Interrupted", text=said)


def _delegation(message: Message) -> Delegation:
    if not isinstance(message.payload, Delegation):
        raise TypeError(f"a {message.type!r} holds no tasks")
    return message.payload
