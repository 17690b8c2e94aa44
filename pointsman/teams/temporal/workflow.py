"""The one workflow: a thread's mailbox. Users write none; its code is what histories replay.

A change of what it does on the same history needs `workflow.patched`, and a new recorded history:
see tests/scale/test_replay.py.
"""

import asyncio
from datetime import timedelta
from typing import Literal, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from pointsman.teams.temporal.names import (
        AGAIN,
        BURY,
        LONGEST_PAUSE,
        PARKED,
        PATIENT,
        REFUSED,
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

MAX_SETTLED = 200
"""Runs whose last state a workflow remembers, for callers that are still to be told."""

Way = Literal["retry", "skip", "give_up"]
T = TypeVar("T")


class _HandOverError(Exception):
    """The history is long in the middle of a run: the next workflow goes on with it."""


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
        self._events = dict(mailbox.events)
        self._events |= {item.run: item.event for item in mailbox.ready if item.event}
        self._believed: dict[str, dict[str, str]] = {}

    @workflow.run
    async def run(self, mailbox: Mailbox) -> None:
        """Work until nothing is left for a while, or until the history is long."""
        while not (self._leaving and workflow.all_handlers_finished()):
            if self._told():
                await self._unpark()
            elif self._long():
                self._leaving = True
            elif self._parked:
                await workflow.wait_condition(lambda: self._told() or self._long())
            elif self._ready:
                await self._move(self._next())
            elif not await self._news():
                self._leaving = True
            if self._leaving:
                await workflow.wait_condition(workflow.all_handlers_finished)
        if self._ready or self._waiting or self._parked:
            workflow.continue_as_new(
                Mailbox(
                    self._team, self._limits, self._ready, self._waiting, self._parked, self._why,
                    self._events,
                )
            )  # fmt: skip

    # What comes in

    @workflow.update
    async def move(self, item: Item) -> str:
        """Take a run on: a new message, a decision, a cancellation. Gives its state once it has
        ended or waits; `parked` for a thread that stands still, `again` when this workflow is being
        handed over."""
        self._take(item)
        await workflow.wait_condition(
            lambda: item.run in self._settled or self._leaving or bool(self._parked)
        )
        return self._settled.get(item.run) or (PARKED if self._parked else AGAIN)

    @move.validator
    def _check_move(self, item: Item) -> None:
        if self._full(item):
            raise ApplicationError("The thread's mailbox is full.", type="MailboxFull")

    @workflow.signal
    def wake(self, item: Item) -> None:
        """`move` for callers that do not wait. One that finds the mailbox full is left out: its
        message is stored, and workers look for such messages every minute."""
        if not self._full(item):
            self._take(item)

    @workflow.update
    async def unpark(self, way: Way) -> str:
        """Go on with a parked thread. Gives the run it was parked on, or `again`."""
        run, self._way = self._parked, way
        await workflow.wait_condition(lambda: not self._told() or self._leaving)
        return AGAIN if self._told() else run

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

    def _told(self) -> bool:
        """Whether somebody has said how to go on, and it has not been done yet."""
        return self._way is not None

    def _full(self, item: Item) -> bool:
        known = item.run in (self._active, self._parked) or item.run in self._waiting
        return not known and len(self._ready) >= self._limits.line

    def _take(self, item: Item) -> None:
        self._settled.pop(item.run, None)
        if item.event:
            self._events[item.run] = item.event
        if item.run == self._active:
            self._again.add(item.run)  # it may have stopped looking
        elif item.run != self._parked and all(one.run != item.run for one in self._ready):
            self._ready.append(Item(item.run, item.priority))

    def _long(self) -> bool:
        """Whether the history is so long that the next workflow must go on."""
        info, most = workflow.info(), self._limits.history
        if most:
            return info.get_current_history_length() >= most
        return info.is_continue_as_new_suggested()

    def _next(self) -> Item:
        first = min(range(len(self._ready)), key=lambda n: (self._ready[n].priority, n))
        return self._ready.pop(first)

    async def _move(self, item: Item) -> None:
        """Take one run as far as it goes: segments on the router's queue, the steps between them on
        the pools of their specialists."""
        self._active = item.run
        waited, due = item.run in self._waiting, self._waiting.pop(item.run, None)
        try:
            while True:
                self._again.discard(item.run)
                moved = await self._segment(item.run)
                if moved.dispatches:
                    await asyncio.gather(*(self._step(item.run, one) for one in moved.dispatches))
                elif item.run not in self._again:
                    break
        except _HandOverError:
            self._ready.insert(0, item)
            self._leaving = True
            return
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
        elif moved.state == REFUSED and waited:
            self._waiting[item.run] = due
            self._events[item.run] = self._believed.get(item.run, {})
        else:
            self._events.pop(item.run, None)
            self._believed.pop(item.run, None)
        self._settle(item.run, moved.state)

    def _settle(self, run: str, state: str) -> None:
        self._settled[run] = state
        while len(self._settled) > MAX_SETTLED:
            del self._settled[next(iter(self._settled))]

    async def _segment(self, run: str) -> Moved:
        event = self._events.get(run, {})
        work = Work(run, now=workflow.now().timestamp(), event=event)
        moved = await self._done(SEGMENT, work, Moved, router_queue(self._team))
        if moved.state != REFUSED:
            self._believed[run] = event
        return moved

    async def _step(self, run: str, wanted: Dispatch) -> None:
        queue = router_queue(self._team)
        if wanted.pool:
            queue = pool_queue(self._team, wanted.pool, wanted.shard)
        event = self._believed.get(run, {})
        work = Work(run, wanted.step, wanted.at, event=event)
        await self._done(STEP, work, type(None), queue)

    async def _done(self, name: str, given: Work | Bury, gives: type[T], queue: str) -> T:
        """An activity's result. One that fails for want of something that is no fault of the run is
        tried for as long as it takes."""
        limits, pause = self._limits, self._limits.first_pause
        while True:
            try:
                return await workflow.execute_activity(
                    name,
                    given,
                    result_type=gives,
                    task_queue=queue,
                    heartbeat_timeout=timedelta(seconds=limits.heartbeat),
                    start_to_close_timeout=timedelta(seconds=limits.step),
                    retry_policy=RetryPolicy(
                        initial_interval=timedelta(seconds=limits.first_pause),
                        maximum_attempts=limits.attempts,
                    ),
                )
            except ActivityError as error:
                if is_cancelled_exception(error) or _kind(error) not in PATIENT:
                    raise
            if self._long():
                raise _HandOverError
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

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
        run, way, queue = self._parked, self._way, router_queue(self._team)
        over = [run, *(item.run for item in self._ready)] if way == "give_up" else [run]
        try:
            if way == "retry":
                self._ready.insert(0, Item(run, 0))
                over = []
            for one in over:
                why = self._why if one == run else f"it was given up with run {run}"
                await self._done(BURY, Bury(one, why), type(None), queue)
                self._ready = [item for item in self._ready if item.run != one]
                self._settle(one, "failed")
            self._parked = self._why = ""
            workflow.upsert_memo({"parked": None, "why": None})
        except _HandOverError:
            self._leaving = True
            return  # whoever unparks it is told to ask again
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            self._why = _reason(error)
        self._way = None


def _kind(error: ActivityError) -> str:
    cause = error.cause
    return cause.type or "" if isinstance(cause, ApplicationError) else ""


def _reason(error: ActivityError) -> str:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return f"{type(cause).__name__}: {cause}"[:500]
