"""Team: what a user builds, runs and asks."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# LangGraph ships partial types.

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from copy import copy
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pointsman.errors import InvalidTeam
from pointsman.guardrails.breaker import CircuitBreaker
from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.guard import Guard
from pointsman.guardrails.overbudget import STOP, OverBudget
from pointsman.guardrails.policy import ApprovalPolicy
from pointsman.guardrails.quota import Quota
from pointsman.nodes.budgets import Allowance
from pointsman.nodes.event import Recorded
from pointsman.nodes.gateway.cascade import Cascade, Tier
from pointsman.nodes.gateway.cost import Price
from pointsman.nodes.gateway.hedge import Hedge
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.limits import Limiter
from pointsman.nodes.message import Attachment
from pointsman.nodes.routing.router import Router
from pointsman.nodes.run import Budget
from pointsman.nodes.schemas import Upcast
from pointsman.nodes.specialist import Specialist
from pointsman.teams.blackboard import Blackboard
from pointsman.teams.boardtools import with_board_tools
from pointsman.teams.check.findings import Finding, findings
from pointsman.teams.desk import Desk
from pointsman.teams.memory import Memory
from pointsman.teams.releases.rollout import Rollout
from pointsman.teams.request import new_run
from pointsman.teams.result import Result
from pointsman.teams.schemas import team_schemas
from pointsman.teams.services import Notify
from pointsman.teams.sessions import Sessions
from pointsman.teams.spec import TeamSpec, WhenBound, default_transitions
from pointsman.teams.store.rows import RunRow
from pointsman.teams.streaming import streamed
from pointsman.teams.summary import known_run, result_of
from pointsman.teams.webhook import webhook

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from pointsman.teams.graph import Border, TeamState
    from pointsman.views.notebook.inbox import Inbox

BREAKER = CircuitBreaker()
NO_ROUTE = "I am sorry, this is not something this team can help with."


class Team(Desk):
    """Specialists, a router and their guards, as one thing that runs messages.

    Frozen once built and checked: raises InvalidTeam listing every fault. `async with team:` keeps
    store, models and cache open between calls; without it each call opens and closes them.

    See `TeamSpec` for each part. `guards` are around every specialist (default: secrets and
    personal data redacted), each on its rung of `guardrails.ladder`; `breaker` says when a
    specialist or a model that fails is left alone for a while (None: never); `limits` bound its
    visits, tool calls and model calls; `over_budget` says what follows a spent budget (default: the
    whole ladder where the team states one, else the run ends); `on_ticket` is a callback or a URL
    that is told of each ticket that opens, reminds or goes to the next reviewer; `clock` gives
    seconds since the epoch.
    """

    def __init__(  # noqa: PLR0913 (a team has as many parts)
        self,
        name: str,
        *,
        specialists: Sequence[Specialist],
        router: Router | None = None,
        transitions: Mapping[str, Sequence[str]] | None = None,
        guards: Sequence[Guard] | None = None,
        policy: ApprovalPolicy | None = None,
        reviewers: Mapping[str, Sequence[str]] | None = None,
        max_hops: int = 6,
        max_rounds: int = 4,
        edge_limits: Mapping[tuple[str, str], int] | None = None,
        max_seconds: float | None = None,
        when_bound: WhenBound = "partial",
        max_tasks: int = 16,
        max_parallel: int = 4,
        max_depth: int = 3,
        window: int = 12,
        memory: Memory | None = None,
        blackboard: Blackboard | None = None,
        models: Mapping[str, Sequence[str] | Cascade | Hedge] | None = None,
        prices: Mapping[str, Price] | None = None,
        home: Path | str | None = None,
        prompts: Path | str | None = None,
        budget: Budget | None = None,
        budgets: Sequence[Allowance] = (),
        over_budget: OverBudget | None = None,
        breaker: CircuitBreaker | None = BREAKER,
        limits: Sequence[Quota] | Limiter = (),
        no_route: str = NO_ROUTE,
        upcasts: Mapping[str, Upcast] | None = None,
        why: Mapping[str, str] | None = None,
        on_ticket: Notify | str | None = None,
        transports: Transports | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        given = with_board_tools(tuple(specialists), blackboard or Blackboard())
        self.spec = TeamSpec(
            name=name, specialists=given, router=router or Router(),
            transitions=_table(given, transitions),
            guards=(ContentFilter(),) if guards is None else tuple(guards),
            policy=policy or ApprovalPolicy(),
            reviewers={k: tuple(v) for k, v in (reviewers or {}).items()},
            max_hops=max_hops, max_rounds=max_rounds, edge_limits=dict(edge_limits or {}),
            max_seconds=max_seconds, when_bound=when_bound, max_tasks=max_tasks,
            max_parallel=max_parallel, max_depth=max_depth, window=window,
            memory=memory or Memory(), blackboard=blackboard or Blackboard(),
            models=None if models is None else {t: _tier(given) for t, given in models.items()},
            prices=prices, home=_path(home), prompts=_path(prompts),
            budget=budget or Budget(), budgets=tuple(budgets),
            over_budget=over_budget or (OverBudget() if budget or budgets else STOP),
            breaker=breaker, limits=tuple(limits) if isinstance(limits, Sequence) else limits,
            no_route=no_route, upcasts=dict(upcasts or {}), why=dict(why or {}),
        )  # fmt: skip
        _refuse_faults(self.spec)
        team_schemas(self.spec)  # refuses upcasts that lead nowhere
        told = webhook(on_ticket) if isinstance(on_ticket, str) else on_ticket
        self._sessions = Sessions(self.spec, told, transports, clock)

    def check(self) -> tuple[Finding, ...]:
        """What is doubtful about the team. Its errors were raised when it was built."""
        return findings(self.spec)

    # Running

    async def run(
        self,
        text: str,
        *,
        thread: str | None = None,
        tenant: str = "default",
        message_id: str | None = None,
        priority: int = 5,
        deadline: float | None = None,
        budget: Budget | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> Result:
        """Run one message until the run ends or waits for a person.

        The same `message_id` in the same `thread` is the same run: it gives the first result.
        `deadline` is in seconds from now and stops while people think. Raises InvalidMessage for a
        text that is empty, longer than MAX_CHARS or not text; RunBusy when another process works on
        the thread; StoreError. What goes wrong inside the run is in the Result instead.
        """
        row = self._row(
            text, thread, tenant, message_id, priority, deadline, budget, tuple(attachments)
        )
        async with self._sessions.engine() as engine:
            await engine.submit(row)
            return await result_of(engine.services, row.run)

    async def post(
        self,
        text: str,
        *,
        thread: str | None = None,
        tenant: str = "default",
        message_id: str | None = None,
        priority: int = 5,
        deadline: float | None = None,
        budget: Budget | None = None,
        attachments: Sequence[Attachment] = (),
    ) -> str:
        """`run` without waiting, on many machines: store the message and give its run's id once the
        engine has it. Raises InvalidMessage, StoreError, and Misconfigured on one machine."""
        row = self._row(
            text, thread, tenant, message_id, priority, deadline, budget, tuple(attachments)
        )
        async with self._sessions.engine(recover=False) as engine:
            await engine.post(row)
        return row.run

    def run_sync(self, text: str, *, thread: str | None = None) -> Result:
        """`run` for code that has no event loop."""
        return asyncio.run(self.run(text, thread=thread))

    async def stream(
        self,
        text: str,
        *,
        thread: str | None = None,
        tenant: str = "default",
        message_id: str | None = None,
        priority: int = 5,
        deadline: float | None = None,
        budget: Budget | None = None,
        attachments: Sequence[Attachment] = (),
        pieces: bool = False,
    ) -> AsyncGenerator[Recorded]:
        """`run`, giving each event as it happens; the last one is RunEnded. Raises what `run` does.

        With `pieces` also AnswerPieces, which make up the answer while it is written: filtered, a
        bounded stretch held back. A guard that judges the whole answer makes them wait for its end.

        A message that ended before gives that RunEnded only.
        Leaving the loop early cancels the work at its next await; the run can be resumed.
        """
        row = self._row(
            text, thread, tenant, message_id, priority, deadline, budget, tuple(attachments)
        )
        # The inner generator is closed with this one, while the engine is still open.
        async with (
            self._sessions.engine() as engine,
            aclosing(streamed(engine, row, pieces=pieces)) as events,
        ):
            async for event in events:
                yield event

    async def resume(self, run: str) -> Result:
        """Take a run on: after a crash, or when its tickets are decided. Raises NotFound."""
        async with self._sessions.engine() as engine:
            await known_run(engine.services, run)
            await engine.drive(run)
            return await result_of(engine.services, run)

    async def cancel(self, run: str, *, by: str, reason: str = "") -> Result:
        """Cancel a run and what it gave to others: at once when it waits, at its next step when it
        runs. Done effects stay.

        Raises NotFound. A run that has ended is left as it is.
        """
        async with self._sessions.engine(recover=False) as engine:
            row = await known_run(engine.services, run)
            await engine.cancel(row, f"{by} ({reason})" if reason else by)
            return await result_of(engine.services, run)

    # People

    def inbox(self, *, by: str = "") -> "Inbox":
        """The open tickets as a notebook view. `by`: who decides there."""
        from pointsman.views.notebook.inbox import Inbox

        return Inbox(self, by=by)

    # The graph

    def compile(self) -> "CompiledStateGraph[TeamState, None, Border, Border]":
        """The team as an ordinary compiled LangGraph graph without a checkpointer: a subgraph of
        your own, or an entry of `langgraph.json`. It uses the parent's checkpointer and thread."""
        from pointsman.teams.graph import build

        return build(self.spec, self._sessions.lasting).compile(name=self.name)

    @property
    def graph(self) -> "CompiledStateGraph[TeamState, None, Border, Border]":
        """`compile()`, as an attribute."""
        return self.compile()

    def _repr_html_(self) -> str:
        from pointsman.views.notebook.display import team_html

        return team_html(self)

    # Opening and closing

    async def __aenter__(self) -> Self:
        await self._sessions.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close what is open, the exported graph's too. Safe to call twice."""
        await self._sessions.close()

    def apart(
        self,
        *,
        home: Path | None = None,
        models: Mapping[str, Tier] | None = None,
        prompts: Path | None = None,
        rollout: Rollout | None = None,
        alone: bool = False,
    ) -> "Team":
        """The same team with nothing open: for another loop, another folder, other models or
        prompts. `rollout` says how it serves releases. `alone`: on files of its folder and in this
        process, whatever the settings say."""
        other, spec = copy(self), self.spec
        other.spec = replace(
            spec, home=home or spec.home, models=models or spec.models,
            prompts=prompts or spec.prompts,
        )  # fmt: skip
        other._sessions = self._sessions.apart(other.spec)  # noqa: SLF001 (its own class)
        other._sessions.rollout = rollout or other._sessions.rollout  # noqa: SLF001 (likewise)
        if alone:
            said = other._sessions.settings  # noqa: SLF001 (likewise)
            other._sessions.settings = lambda: said().alone  # noqa: SLF001 (likewise)
        return other

    def _row(
        self, text: str, thread: str | None, tenant: str, message_id: str | None, priority: int,
        deadline: float | None, budget: Budget | None, attachments: tuple[Attachment, ...],
    ) -> RunRow:  # fmt: skip
        return new_run(
            self.spec, text, thread=thread, tenant=tenant, message_id=message_id,
            priority=priority, deadline=deadline, budget=budget, attachments=attachments,
        )  # fmt: skip


def _tier(given: Sequence[str] | Cascade | Hedge) -> Tier:
    return given if isinstance(given, Cascade | Hedge) else tuple(given)


def _path(given: Path | str | None) -> Path | None:
    return None if given is None else Path(given)


def _refuse_faults(spec: TeamSpec) -> None:
    faults = [f for f in findings(spec) if f.severity == "error"]
    if faults:
        raise InvalidTeam(
            f"Team {spec.name!r} cannot be built: {faults[0]}",
            findings=[str(f) for f in faults],
            hint=f"And {len(faults) - 1} more." if len(faults) > 1 else "",
        )


def _table(
    specialists: tuple[Specialist, ...], given: Mapping[str, Sequence[str]] | None
) -> dict[str, tuple[str, ...]]:
    if given is None:
        return default_transitions(specialists)
    return {name: tuple(targets) for name, targets in given.items()}
