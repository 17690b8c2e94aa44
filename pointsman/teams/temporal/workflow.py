"""The one workflow: a thread's mailbox. Users write none; its code is what histories replay."""

import asyncio
from datetime import timedelta
from typing import Literal

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from pointsman.teams.temporal.names import (
        BURY,
        SEGMENT,
        STEP,
        THREAD_WORKFLOW,
        Bury,
        Dispatch,
        Item,
        Mailbox,
        Moved,
        Work,
        pool_queue,
        router_queue,
    )

MAX_READY = 1_000
"""Messages one thread may have in line. More are refused."""
MAX_SETTLED = 200

Way = Literal["retry", "skip", "give_up"]


@workflow.defn(name=THREAD_WORKFLOW)
class ThreadWorkflow:
    """Moves the runs of one thread, one at a time, the most urgent first."""

    @workflow.init
    def __init__(self, mailbox: Mailbox) -> None:
        self._team = mailbox.team
        self._limits = mailbox.limits
        self._ready = list(mailbox.ready)
        self._waiting = dict(mailbox.waiting)
        self._parked = mailbox.parked
        self._why = mailbox.why
        self._active = ""
        self._way: Way | None = None
        self._settled: dict[str, str] = {}
        self._again: set[str] = set()
        self._leaving = False

    @workflow.run
    async def run(self, mailbox: Mailbox) -> None:
        """Work until nothing is left for a while, or until the history is long."""
        while not (self._leaving and workflow.all_handlers_finished()):
            if workflow.info().is_continue_as_new_suggested():
                self._leaving = True
            elif self._parked:
                await workflow.wait_condition(lambda: self._way is not None)
                await self._unpark()
            elif self._ready:
                await self._move(self._next())
            elif not await self._news():
                self._leaving = True
            if self._leaving:
                await workflow.wait_condition(workflow.all_handlers_finished)
        if self._ready or self._waiting or self._parked:
            workflow.continue_as_new(
                Mailbox(
                    self._team, self._limits, self._ready, self._waiting, self._parked, self._why
                )
            )

    # What comes in

    @workflow.update
    async def move(self, item: Item) -> str:
        """Take a run on: a new message, a decision, a cancellation. Gives its state once it has
        ended or waits; `again` when this workflow is being handed over."""
        self._settled.pop(item.run, None)
        if item.run == self._active:
            self._again.add(item.run)  # it may have stopped looking
        elif all(one.run != item.run for one in self._ready):
            self._ready.append(item)
        await workflow.wait_condition(lambda: item.run in self._settled or self._leaving)
        return self._settled.get(item.run, "again")

    @move.validator
    def _check_move(self, item: Item) -> None:
        if len(self._ready) >= MAX_READY:
            raise ApplicationError("The thread's mailbox is full.", type="MailboxFull")

    @workflow.update
    async def unpark(self, way: Way) -> str:
        """Go on with a parked thread. Gives the run it was parked on."""
        run, self._way = self._parked, way
        await workflow.wait_condition(lambda: self._way is None)
        return run

    @unpark.validator
    def _check_unpark(self, way: Way) -> None:
        if not self._parked:
            raise ApplicationError("The thread is not parked.", type="NotParked")
        if way not in ("retry", "skip", "give_up"):
            raise ApplicationError(f"{way!r} is no way to go on.", type="InvalidDecision")

    @workflow.query
    def state(self) -> Mailbox:
        """The mailbox as it stands; the run under way is its first one."""
        under_way = [Item(self._active, 0)] if self._active else []
        return Mailbox(
            self._team, self._limits, [*under_way, *self._ready], self._waiting, self._parked,
            self._why,
        )  # fmt: skip

    # What is done

    def _next(self) -> Item:
        first = min(range(len(self._ready)), key=lambda n: (self._ready[n].priority, n))
        return self._ready.pop(first)

    async def _move(self, item: Item) -> None:
        """Take one run as far as it goes: segments on the router's queue, the steps between them on
        the pools of their specialists."""
        self._active = item.run
        self._waiting.pop(item.run, None)
        try:
            while True:
                self._again.discard(item.run)
                moved = await self._segment(item.run)
                if moved.dispatches:
                    await asyncio.gather(*(self._step(item.run, one) for one in moved.dispatches))
                elif item.run not in self._again:
                    break
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._parked, self._why = item.run, _reason(error)
            workflow.upsert_memo({"parked": item.run, "why": self._why})
            return
        finally:
            self._active = ""
        if moved.state == "waiting":
            self._waiting[item.run] = moved.due
        self._settle(item.run, moved.state)

    def _settle(self, run: str, state: str) -> None:
        self._settled[run] = state
        while len(self._settled) > MAX_SETTLED:
            del self._settled[next(iter(self._settled))]

    async def _segment(self, run: str) -> Moved:
        work = Work(run, now=workflow.now().timestamp())
        return await workflow.execute_activity(
            SEGMENT, work, result_type=Moved, **self._options(router_queue(self._team))
        )

    async def _step(self, run: str, wanted: Dispatch) -> None:
        queue = pool_queue(self._team, wanted.pool) if wanted.pool else router_queue(self._team)
        work = Work(run, wanted.step, wanted.at)
        await workflow.execute_activity(STEP, work, result_type=None, **self._options(queue))

    def _options(self, queue: str) -> workflow.ActivityConfig:
        limits = self._limits
        return workflow.ActivityConfig(
            task_queue=queue,
            heartbeat_timeout=timedelta(seconds=limits.heartbeat),
            start_to_close_timeout=timedelta(seconds=limits.step),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=limits.first_pause),
                maximum_attempts=limits.attempts,
            ),
        )

    async def _news(self) -> bool:
        """Wait for something to do, also for what time decides. False: nothing came for a while,
        and nothing waits."""
        due = min((at for at in self._waiting.values() if at is not None), default=None)
        if due is not None:
            wait = max(due - workflow.now().timestamp(), 0.0)
        else:
            wait = None if self._waiting else self._limits.idle
        try:
            await workflow.wait_condition(lambda: bool(self._ready), timeout=wait)
        except TimeoutError:
            if due is None:
                return False
            now = workflow.now().timestamp()
            self._ready += [
                Item(run, 0) for run, at in self._waiting.items() if at is not None and at <= now
            ]
        return True

    async def _unpark(self) -> None:
        run, way = self._parked, self._way
        over = [run, *(item.run for item in self._ready)] if way == "give_up" else [run]
        try:
            if way == "retry":
                self._ready.insert(0, Item(run, 0))
                over = []
            for one in over:
                await workflow.execute_activity(
                    BURY, Bury(one, self._why), result_type=None,
                    **self._options(router_queue(self._team)),
                )  # fmt: skip
                self._ready = [item for item in self._ready if item.run != one]
                self._settle(one, "failed")
            self._parked = self._why = ""
            workflow.upsert_memo({"parked": None, "why": None})
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._why = _reason(error)
        finally:
            self._way = None


def _reason(error: ActivityError) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return f"{type(cause).__name__}: {cause}"[:500]
