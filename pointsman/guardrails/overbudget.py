"""The ladder when money runs short: what the cache holds, a cheaper tier, a person who adds to the
budget, and then the end of the run, which says so.

The cache needs no rung of its own here: the gateway asks it before it sets anything aside, for
each tier anew.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial

from pointsman.errors import BudgetExceeded, Misconfigured
from pointsman.guardrails.guard import closed
from pointsman.nodes.budgets import GUARD, Extension, extensions
from pointsman.nodes.event import Judged
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Reader
from pointsman.nodes.message import Escalation, Message, Outcomes, Refusal, Request
from pointsman.nodes.node import Node
from pointsman.nodes.run import Gateway, Run


@dataclass(frozen=True)
class OverBudget:
    """What follows when a budget is spent. Raises Misconfigured for a share that is none."""

    cheaper: str | None = "fast"
    """The tier that is asked instead. Never by a specialist that can write: it would act on a worse
    answer. None: no cheaper tier."""
    extend: float | None = 0.5
    """A person is asked to add this share of the budget's own bounds: 0.5 is half as much again.
    None: nobody is asked."""
    times: int = 3
    """How often in one run, for one budget."""
    why: str = field(default="", compare=False, repr=False, kw_only=True)
    """The reason for it, for the team's design page. Changes nothing else."""

    def __post_init__(self) -> None:
        share = self.extend
        if (share is not None and not (share > 0 and math.isfinite(share))) or self.times < 1:
            raise Misconfigured(
                f"{self!r} adds nothing to a budget.",
                hint="extend is above 0 or None, times at least 1.",
            )


STOP = OverBudget(cheaper=None, extend=None)
"""The run ends."""


@dataclass(frozen=True)
class OverBudgetGuard:
    """Stands around the guards that spend. `writes` says whether the specialist can write.

    What a person adds counts in this run for a run's own budget, and for everybody in one that runs
    share. The visit then begins again as the same step, so that the journal gives what was paid for
    already.
    """

    rule: OverBudget
    writes: bool = True
    name: str = GUARD

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def bounded(message: Message, run: Run) -> Message:
            visit = closed(self.name, "input", run, lambda: self._prepared(run))
            if isinstance(visit, Refusal):
                return message.reply(visit, sender=run.specialist)
            if visit.step == run.step:
                return await self._visit(inner, message, visit)
            keep = False
            try:
                reply = await self._visit(inner, message, visit)
                keep = not isinstance(reply.payload, Refusal | Escalation)
            finally:
                await run.gateway.settle(visit, keep=keep)
            return reply

        return bounded

    def _prepared(self, run: Run) -> Run:
        """The run of the visit: with the cheaper tier, and as the step that it began as."""
        if self.rule.cheaper is not None and not self.writes:
            run = replace(run, gateway=CheaperTier(run.gateway, self.rule.cheaper))
        began = _began(run)
        return run if began == run.step else run.at(began, specialist=run.specialist)

    async def _visit(self, inner: Node, message: Message, run: Run) -> Message:
        try:
            return await inner(message, run)
        except BudgetExceeded as error:
            held = message.payload
            more = closed(self.name, "input", run, partial(self._more, error, run))
            if isinstance(more, Refusal):
                return message.reply(more, sender=run.specialist)
            if more is None or not isinstance(held, Request | Outcomes):
                raise
            run.emit(
                Judged(
                    guard=self.name, specialist=run.specialist, stage="input", verdict="escalate",
                    rule=str(more), count=1,
                )
            )  # fmt: skip
            asked = f"{error.message} Approve to add {more.share:.0%} of it."
            ticket = Escalation(
                stage="input", guard=self.name, rule=str(more), reason=asked, held=held
            )
            return message.reply(ticket, sender=run.specialist)

    def _more(self, error: BudgetExceeded, run: Run) -> Extension | None:
        if self.rule.extend is None:
            return None
        given = extensions(run.admitted, error.budget, error.period)
        if len(given) >= self.rule.times:
            return None
        return Extension(error.budget, error.period, self.rule.extend, len(given) + 1, run.step)


@dataclass(frozen=True)
class CheaperTier:
    """A gateway that asks a cheaper tier where a budget leaves no room for the one asked for.
    Implements `nodes.run.Gateway`."""

    gateway: Gateway
    tier: str

    async def complete(
        self, request: ModelRequest, run: Run, read: Reader | None = None
    ) -> ModelReply:
        try:
            return await self.gateway.complete(request, run, read)
        except BudgetExceeded:
            if request.tier == self.tier:
                raise
            run.emit(
                Judged(
                    guard=GUARD, specialist=run.specialist, stage="input", verdict="allow",
                    rule=f"cheaper:{self.tier}", count=1,
                )
            )  # fmt: skip
            if read is not None:
                read.restart()
            return await self.gateway.complete(replace(request, tier=self.tier), run, read)

    async def settle(self, run: Run, *, keep: bool) -> None:
        await self.gateway.settle(run, keep=keep)


def _began(run: Run) -> str:
    """The step of this visit's first try, where a person has let it go on; else the run's.

    Each time the run paused it went one round on, so between that step and this one there are as
    many rounds as people have added to budgets there. Any other step begins something new.
    """
    read = (Extension.read(one.removeprefix(f"{GUARD}:")) for one in run.admitted)
    added = Counter(one.step for one in read if one is not None)
    again = [step for step, times in added.items() if _rounds(step, run.step) == times]
    return again[0] if again else run.step


def _rounds(began: str, step: str) -> int:
    """Rounds between two steps of one specialist after one hand-off, e.g. 1 from `2.0:billing` to
    `2.1:billing`; 0 for any others."""
    first, last = _STEP.fullmatch(began), _STEP.fullmatch(step)
    if first is None or last is None or first.group(1, 3) != last.group(1, 3):
        return 0
    return int(last[2]) - int(first[2])


_STEP = re.compile(r"(\d+)\.(\d+):(.*)", re.DOTALL)
