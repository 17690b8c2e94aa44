"""Plan: a request cut into tasks for others, done side by side where they can be, and merged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass

from pointsman.errors import BadOutput, Misconfigured
from pointsman.nodes.merge import Merger, evidence, useful, with_gaps
from pointsman.nodes.message import (
    Answer,
    Delegation,
    Delivered,
    Message,
    Payload,
    Refusal,
    Request,
    Task,
    TaskResult,
)
from pointsman.nodes.node import Node
from pointsman.nodes.planner import Planner, listed
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tasks import MERGE, faults
from pointsman.prompts.library import Prompt, PromptLibrary

REJECTED = "Rejected"
"""Class of error of a task that a person did not approve."""
Make = Callable[[Request], Sequence[Task]]
Again = Callable[[Delivered], Sequence[Task]]
Merge = Callable[[Request, Sequence[TaskResult]], Answer]
Why = Callable[[Request, Sequence[Task]], str]


@dataclass(frozen=True)
class Plan:
    """Work: a model, or the function `make`, cuts a request into tasks for `members`.

    When tasks failed and rounds are left, there is a new plan for what is still to do, by the model
    or by `again` (`make` without `again` plans once); results that are done stand, and a task that
    takes a failed one's place has its id. Then `merge` makes one answer: a specialist, a function
    of the request and all results, or, without one, a model that names its sources. An answer with
    gaps says so. Functions must give the same for the same, since a step may run again after a
    crash.

    Raises Misconfigured for nobody to give tasks to, a name twice, or a bound below 1.
    """

    members: tuple[Specialist, ...]
    _: KW_ONLY
    make: Make | None = None
    again: Again | None = None
    """What to do after `Delivered` with failed tasks: new tasks, which may need what is done; none
    to go with what there is. `retry` gives the failed ones once more."""
    merge: Specialist | Merge | None = None
    approve: str | Why = ""
    """Why a person must approve the tasks before they begin, or a function that says so; empty:
    nobody must. A new plan is asked about again."""
    max_tasks: int = 8
    max_depth: int = 4
    """How many tasks may wait one for another in a row."""
    max_rounds: int = 2
    """Plans of one visit, the first one counted."""
    prompt: str = "plan/make"
    again_prompt: str = "plan/again"
    merge_prompt: str = "plan/merge"
    max_tokens: int = 1024
    """Of a plan, and of a merged answer."""

    def __post_init__(self) -> None:
        names = [m.name for m in self.members]
        if not names or len(set(names)) < len(names):
            raise Misconfigured(
                f"A plan has the members {', '.join(names) or '(nobody)'}.",
                hint="Name at least one specialist, and each once.",
            )
        for bound in ("max_tasks", "max_depth", "max_rounds"):
            if getattr(self, bound) < 1:
                raise Misconfigured(f"A plan has {bound}={getattr(self, bound)}; it must be >= 1.")

    def reaches(self) -> tuple[str, ...]:
        """See `Work.reaches`."""
        last = (self.merge.name,) if isinstance(self.merge, Specialist) else ()
        return tuple(dict.fromkeys((*(m.name for m in self.members), *last)))

    def node(self, specialist: Specialist, *, team: str, prompts: PromptLibrary) -> Node:
        """See `Work.node`."""
        if specialist.name in self.reaches():
            raise Misconfigured(
                f"{specialist.name!r} is a member of its own plan.",
                hint="Take it out: it cannot wait for itself.",
            )
        return PlanNode(self, specialist, team=team, prompts=prompts)


def retry(delivered: Delivered) -> tuple[Task, ...]:
    """For `Plan(again=retry)`: the tasks without a result once more, as they were; none where a
    person said no to them."""
    done = {r.task for r in delivered.results if r.status == "done" or r.error == REJECTED}
    return tuple(task for task in delivered.delegation.tasks if task.id not in done)


class PlanNode:
    """The node of a specialist that does a plan.

    Raises BadOutput for a plan that cannot be done, for no result at all, and for results that
    could not be merged, so that the specialist's fallback answers; and what the gateway raises.
    """

    def __init__(
        self, plan: Plan, specialist: Specialist, *, team: str, prompts: PromptLibrary
    ) -> None:
        self._plan = plan
        self._name = specialist.name
        self._members = {m.name: m for m in plan.members}
        given = {"name": specialist.name, "handles": specialist.handles, "team": team}
        given |= specialist.variables
        repair = prompts.get("specialist/repair")
        self._planner = self._merger = None
        if plan.make is None:
            make = prompts.get(plan.prompt)
            bounds = {"max_tasks": str(plan.max_tasks), "max_depth": str(plan.max_depth)}
            self._planner = Planner(
                specialist.name,
                _rendered(make, given | bounds | {"members": listed(self._members)}),
                make,
                prompts.get(plan.again_prompt),
                repair,
                self._members,
                plan.max_tasks,
                plan.max_depth,
                specialist.tier,
                plan.max_tokens,
            )
        if plan.merge is None:
            prompt = prompts.get(plan.merge_prompt)
            self._merger = Merger(
                specialist.name,
                prompt,
                _rendered(prompt, given),
                repair,
                specialist.output,
                specialist.tier,
                plan.max_tokens,
            )

    async def __call__(self, message: Message, run: Run) -> Message:
        match message.payload:
            case Request() as request:
                payload = self._delegation(request, await self._first(request, run))
            case Delivered() as delivered:
                payload = await self._goes_on(delivered, run)
            case _:
                raise TypeError(f"specialist {self._name!r} cannot take {message.type!r}")
        return message.reply(payload, sender=self._name)

    async def _first(self, request: Request, run: Run) -> Sequence[Task]:
        if self._planner is not None:
            return await self._planner.first(request, run)
        tasks = tuple(self._plan.make(request)) if self._plan.make else ()
        self._check(tasks, (), "make")
        return tasks

    async def _goes_on(self, delivered: Delivered, run: Run) -> Payload:
        asked = delivered.delegation
        if [task.id for task in asked.tasks] == [MERGE]:
            return self._from_specialist(delivered)
        came = _without(asked.earlier, delivered.results) + delivered.results
        failed = any(r.status != "done" for r in delivered.results)
        if failed and asked.round < self._plan.max_rounds:
            tasks = await self._new_plan(delivered, came, run)
            if tasks:
                earlier = _without(came, tasks)
                return self._delegation(asked.request, tasks, asked.round + 1, earlier)
        return await self._merged(asked, came, run)

    async def _new_plan(
        self,
        delivered: Delivered,
        came: tuple[TaskResult, ...],
        run: Run,
    ) -> Sequence[Task]:
        done = tuple(r for r in came if r.status == "done")
        if self._plan.again is not None:
            tasks = tuple(self._plan.again(delivered))
            if tasks:
                self._check(tasks, tuple(r.task for r in done), "again")
            return tasks
        if self._planner is None:
            return ()
        failed = tuple(r for r in came if r.status != "done")
        try:
            return await self._planner.after(delivered.delegation.request, done, failed, run)
        except BadOutput:
            if not done:
                raise
            return ()  # what is done is worth more than a better plan

    async def _merged(
        self, asked: Delegation, results: tuple[TaskResult, ...], run: Run
    ) -> Delegation | Answer | Refusal:
        found, merge = useful(results), self._plan.merge
        if not found and all(r.error == REJECTED for r in results):
            return Refusal(guard="plan", rule="rejected", text=f"Not approved: {results[0].text}")
        if not found:
            said = "; ".join(
                f"{r.task} ({r.to}): {r.status}, {r.error or 'no text'}" for r in results
            )
            raise BadOutput(f"No task of the plan of {self._name!r} gave a result: {said}.")
        if isinstance(merge, Specialist):
            needs = tuple(r.task for r in found)
            task = Task(id=MERGE, to=merge.name, text=asked.request.text, needs=needs)
            return self._delegation(asked.request, (task,), asked.round + 1, results)
        if merge is not None:
            answer = merge(asked.request, results)
        elif self._merger is not None:
            answer = await self._merger.merged(asked.request, found, run)
        else:
            raise TypeError(f"plan of {self._name!r} has nothing to merge with")
        return self._complete(answer, asked.request, results)

    def _from_specialist(self, delivered: Delivered) -> Answer:
        asked, result = delivered.delegation, delivered.results[0]
        if result.status not in ("done", "partial") or not result.text.strip():
            raise BadOutput(
                f"{result.to!r} did not merge the results of the plan of {self._name!r}:"
                f" {result.status}, {result.error or 'no text'}."
            )
        answer = Answer(text=result.text, data=result.data)
        return self._complete(answer, asked.request, asked.earlier)

    def _complete(
        self, answer: Answer, request: Request, results: tuple[TaskResult, ...]
    ) -> Answer:
        if not answer.evidence:
            answer = answer.model_copy(update={"evidence": evidence(request, results)})
        return with_gaps(answer, results)

    def _delegation(
        self,
        request: Request,
        tasks: Sequence[Task],
        count: int = 1,
        earlier: tuple[TaskResult, ...] = (),
    ) -> Delegation:
        why, merging = self._plan.approve, [task.id for task in tasks] == [MERGE]
        if not isinstance(why, str):
            why = "" if merging else why(request, tasks)
        return Delegation(
            of="plan",
            request=request,
            tasks=tuple(tasks),
            round=count,
            earlier=earlier,
            approve="" if merging else why,
        )

    def _check(self, tasks: tuple[Task, ...], earlier: tuple[str, ...], by: str) -> None:
        found = faults(
            tasks,
            self._members,
            earlier=earlier,
            max_tasks=self._plan.max_tasks,
            max_depth=self._plan.max_depth,
        )
        if found:
            raise BadOutput(
                f"The plan that `{by}` made for {self._name!r} cannot be done: {' '.join(found)}"
            )


def _without(
    results: Sequence[TaskResult], given: Sequence[Task | TaskResult]
) -> tuple[TaskResult, ...]:
    again = {one.id if isinstance(one, Task) else one.task for one in given}
    return tuple(r for r in results if r.task not in again)


def _rendered(prompt: Prompt, given: Mapping[str, str]) -> str:
    return prompt.render({name: given[name] for name in prompt.variables if name in given})
