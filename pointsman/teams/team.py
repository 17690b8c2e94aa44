"""Team: what a user builds, runs and asks."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# LangGraph ships partial types.

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pointsman.errors import InvalidTeam, Misconfigured, NotFound, RunBusy
from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.guard import Guard
from pointsman.guardrails.policy import ApprovalPolicy
from pointsman.nodes.event import Recorded, RunEnded
from pointsman.nodes.gateway.cost import Price
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import Attachment
from pointsman.nodes.router import Router
from pointsman.nodes.run import Budget
from pointsman.nodes.specialist import Specialist
from pointsman.teams import closing, effects
from pointsman.teams.check import Finding, findings
from pointsman.teams.request import new_run
from pointsman.teams.result import Result
from pointsman.teams.services import Notify, Services, open_services
from pointsman.teams.settings import Settings
from pointsman.teams.spec import TeamSpec, default_transitions
from pointsman.teams.store.protocol import RunRow, RunState
from pointsman.teams.summary import summarise
from pointsman.teams.tickets import Decision, Ticket, TicketStatus
from pointsman.teams.webhook import webhook

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.types import Command

    from pointsman.teams.graph import Border, TeamState
    from pointsman.teams.local import LocalEngine
    from pointsman.views.notebook.inbox import Inbox

NO_ROUTE = "I am sorry, this is not something this team can help with."


class Team:
    """Specialists, a router and their guards, as one thing that runs messages.

    Frozen once built and checked: raises InvalidTeam listing every fault. `async with team:` keeps
    store, models and cache open between calls; without it each call opens and closes them.
    """

    def __init__(
        self,
        name: str,
        *,
        specialists: Sequence[Specialist],
        router: Router | None = None,
        transitions: Mapping[str, Sequence[str]] | None = None,
        guards: Sequence[Guard] | None = None,
        policy: ApprovalPolicy | None = None,
        max_hops: int = 6,
        max_rounds: int = 4,
        window: int = 12,
        models: Mapping[str, Sequence[str]] | None = None,
        prices: Mapping[str, Price] | None = None,
        home: Path | str | None = None,
        prompts: Path | str | None = None,
        budget: Budget | None = None,
        no_route: str = NO_ROUTE,
        on_ticket: Notify | str | None = None,
        transports: Transports | None = None,
    ) -> None:
        """See `TeamSpec` for each part. `guards` are around every specialist (default: secrets and
        personal data redacted); `on_ticket` is a callback or a URL that is told of each ticket."""
        given = tuple(specialists)
        self.spec = TeamSpec(
            name=name,
            specialists=given,
            router=router or Router(),
            transitions={k: tuple(v) for k, v in transitions.items()}
            if transitions is not None
            else default_transitions(given),
            guards=(ContentFilter(),) if guards is None else tuple(guards),
            policy=policy or ApprovalPolicy(),
            max_hops=max_hops,
            max_rounds=max_rounds,
            window=window,
            models={k: tuple(v) for k, v in models.items()} if models is not None else None,
            prices=prices,
            home=Path(home) if home is not None else None,
            prompts=Path(prompts) if prompts is not None else None,
            budget=budget or Budget(),
            no_route=no_route,
        )
        faults = [f for f in findings(self.spec) if f.severity == "error"]
        if faults:
            raise InvalidTeam(
                f"Team {name!r} cannot be built: {faults[0]}",
                findings=[str(f) for f in faults],
                hint=f"And {len(faults) - 1} more." if len(faults) > 1 else "",
            )
        self._on_ticket = webhook(on_ticket) if isinstance(on_ticket, str) else on_ticket
        self._transports = transports
        self._services: Services | None = None
        self._stack: AsyncExitStack | None = None
        self._engine: LocalEngine | None = None

    @property
    def name(self) -> str:
        """The team's name."""
        return self.spec.name

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
        async with self._session() as engine:
            await engine.submit(row)
            return await self._result(engine.services, row.run)

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
    ) -> AsyncGenerator[Recorded]:
        """`run`, giving each event as it happens; the last one is RunEnded. Raises what `run` does.

        A message that ended before gives that RunEnded only.
        Leaving the loop early cancels the work at its next await; the run can be resumed.
        """
        row = self._row(
            text, thread, tenant, message_id, priority, deadline, budget, tuple(attachments)
        )
        async with self._session() as engine:
            await engine.services.recorder.begin(row.run)
            queue = engine.services.recorder.listen(row.run)
            work = asyncio.create_task(engine.submit(row))
            repeated = True
            try:
                while not (work.done() and queue.empty()):
                    getting = asyncio.create_task(queue.get())
                    try:
                        await asyncio.wait({getting, work}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        if not getting.done():
                            getting.cancel()
                    if getting.done():
                        repeated = False
                        yield getting.result()
                await work
            finally:
                work.cancel()
                with suppress(asyncio.CancelledError):
                    await work
                engine.services.recorder.unlisten(row.run, queue)
            ended = await self._result(engine.services, row.run)
            events = await engine.services.store.events(row.run)
            if not events or not isinstance(events[-1].event, RunEnded):
                raise NotFound(f"Run {ended.run} has no end on record; resume it.")
            if repeated:
                yield events[-1]

    async def resume(self, run: str) -> Result:
        """Take a run on: after a crash, or when its tickets are decided. Raises NotFound."""
        async with self._session() as engine:
            await self._known(engine.services, run)
            await engine.drive(run)
            return await self._result(engine.services, run)

    async def cancel(self, run: str, *, by: str, reason: str = "") -> Result:
        """Cancel a run: at once when it waits, at its next step when it runs. Done effects stay.

        Raises NotFound. A run that has ended is left as it is.
        """
        async with self._opened() as services:
            row = await self._known(services, run)
            who = f"{by} ({reason})" if reason else by
            await closing.cancel(services, row, who)
            return await self._result(services, run)

    # People

    async def tickets(
        self, *, status: TicketStatus | None = "pending", run: str = "", limit: int = 500
    ) -> tuple[Ticket, ...]:
        """Tickets of this team, oldest first."""
        async with self._opened() as services:
            return await services.store.tickets(self.name, status=status, run=run, limit=limit)

    async def decide(self, ticket: Ticket | str, decision: Decision) -> "Result | Command[str]":
        """Record a person's decision and let the run go on.

        Raises NotFound, TicketClosed (decided before: says by whom) and InvalidDecision; then
        nothing was changed. For a team inside somebody else's graph only that graph can go on: the
        decision is recorded and the `Command` to invoke it with is returned.
        """
        ticket_id = ticket if isinstance(ticket, str) else ticket.id
        async with self._session() as engine:
            claimed = await effects.claim(self.spec, engine.services.store, ticket_id, decision)
            row = await self._known(engine.services, claimed.run)
            if row.nested:
                from langgraph.types import Command

                return Command(resume={"ticket": claimed.id})
            with suppress(RunBusy):  # the decision stands; whoever holds the thread looks again
                await engine.drive(claimed.run)
            return await self._result(engine.services, claimed.run)

    def inbox(self) -> "Inbox":
        """The open tickets as a notebook view."""
        from pointsman.views.notebook.inbox import Inbox

        return Inbox(self)

    # Looking

    async def result(self, run: str) -> Result:
        """What a run came to, or how it stands. Raises NotFound."""
        async with self._opened() as services:
            return await self._result(services, run)

    async def runs(
        self, *, states: Sequence[RunState] = (), thread: str = "", limit: int = 100
    ) -> tuple[RunRow, ...]:
        """Runs of this team, newest first."""
        async with self._opened() as services:
            return await services.store.runs(self.name, states=states, thread=thread, limit=limit)

    async def events(self, run: str) -> tuple[Recorded, ...]:
        """A run's record. Raises NotFound."""
        async with self._opened() as services:
            await self._known(services, run)
            return await services.store.events(run)

    # The graph

    def compile(self) -> "CompiledStateGraph[TeamState, None, Border, Border]":
        """The team as an ordinary compiled LangGraph graph without a checkpointer: a subgraph of
        your own, or an entry of `langgraph.json`. It uses the parent's checkpointer and thread."""
        from pointsman.teams.graph import build

        return build(self.spec, self._lasting).compile(name=self.name)

    @property
    def graph(self) -> "CompiledStateGraph[TeamState, None, Border, Border]":
        """`compile()`, as an attribute."""
        return self.compile()

    # Opening and closing

    async def __aenter__(self) -> Self:
        if self._engine is not None:
            raise Misconfigured(
                f"Team {self.name!r} is open already.", hint="One `async with team:` at a time."
            )
        async with AsyncExitStack() as stack:
            self._engine = await stack.enter_async_context(self._session())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        stack, self._stack, self._engine = self._stack, None, None
        if stack is not None:
            await stack.aclose()
        await self.aclose()

    async def aclose(self) -> None:
        """Close what the exported graph opened. Safe to call twice."""
        services, self._services = self._services, None
        if services is not None:
            await services.aclose()

    async def _lasting(self) -> Services:
        """Services for a graph that others invoke: opened at first use, closed by `aclose`."""
        if self._engine is not None:
            return self._engine.services
        if self._services is None:
            made = await asyncio.to_thread(self._new_services)  # reads prompt files
            self._services = self._services or made
        return self._services

    @asynccontextmanager
    async def _opened(self) -> AsyncGenerator[Services]:
        """The open session's services, or some for this call."""
        if self._engine is not None:
            yield self._engine.services
            return
        services = await asyncio.to_thread(self._new_services)
        try:
            yield services
        finally:
            await services.aclose()

    @asynccontextmanager
    async def _session(self) -> AsyncGenerator["LocalEngine"]:
        """The open session's engine, or one for this call; a new one first recovers what a crash
        left decided and not resumed."""
        if self._engine is not None:
            yield self._engine
            return
        from pointsman.teams.checkpoint import open_saver
        from pointsman.teams.graph import build
        from pointsman.teams.local import LocalEngine

        async with self._opened() as services:

            async def same() -> Services:
                return services

            async with open_saver(services.home / "checkpoints.db") as saver:
                graph = build(self.spec, same).compile(checkpointer=saver, name=self.name)
                engine = LocalEngine(services, graph)
                await engine.recover()
                yield engine

    def _new_services(self) -> Services:
        return open_services(
            self.spec, Settings.read(), on_ticket=self._on_ticket, transports=self._transports
        )

    def _row(
        self, text: str, thread: str | None, tenant: str, message_id: str | None, priority: int,
        deadline: float | None, budget: Budget | None, attachments: tuple[Attachment, ...],
    ) -> RunRow:  # fmt: skip
        return new_run(
            self.spec, text, thread=thread, tenant=tenant, message_id=message_id,
            priority=priority, deadline=deadline, budget=budget, attachments=attachments,
        )  # fmt: skip

    async def _known(self, services: Services, run: str) -> RunRow:
        row = await services.store.find_run(run)
        if row is None or row.team != self.name:
            raise NotFound(
                f"Team {self.name!r} has no run {run!r} in {services.home}.",
                hint="Check the id and POINTSMAN_HOME.",
            )
        return row

    async def _result(self, services: Services, run: str) -> Result:
        row = await self._known(services, run)
        if row.result is None:
            events = await services.store.events(run)
            status = "cancelled" if row.state == "cancelled" else "failed"
            return summarise(
                row, events, status=status, seconds=row.seconds, error="Interrupted",
                answer="The run was interrupted. Resume it.",
            )  # fmt: skip
        pending = await services.store.tickets(self.name, status="pending", run=run)
        return row.result.model_copy(update={"tickets": pending, "seconds": row.seconds})
