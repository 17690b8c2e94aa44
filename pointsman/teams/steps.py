"""The steps of a run, as plain async functions over the graph's state. Knows no LangGraph.

intake ► route ► specialist ► gate ► execute ► … ► finish. Each step writes `next`, the name of the
step after it; the graph only follows. No step raises for what goes wrong in a run: it ends in a
Failure. Only a store that cannot be used, another process that works on the same run, and
LangGraph's own control flow leave a step.
"""

# pyright: reportTypedDictNotRequiredAccess=false
# Intake sets every channel.

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from pointsman.errors import (
    BadOutput,
    DeadlineExceeded,
    Misconfigured,
    PointsmanError,
    RunBusy,
    StoreBroken,
    StoreError,
    is_control_flow,
)
from pointsman.guardrails.content import ContentFilter
from pointsman.nodes import conventions as names
from pointsman.nodes import metrics, telemetry
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.event import RunEnded
from pointsman.nodes.message import (
    Answer,
    Delegation,
    Escalation,
    Failure,
    Handoff,
    Message,
    Proposal,
    Refusal,
    Request,
    Turn,
    request_of,
)
from pointsman.nodes.routing.router import Route
from pointsman.nodes.run import Run
from pointsman.nodes.sees import Said
from pointsman.teams import bounded, children, closing, delegating, ending, pausing
from pointsman.teams.fence import check_fence, still_held
from pointsman.teams.forked import check_forked
from pointsman.teams.journey import log_fields, nested
from pointsman.teams.recall import recall
from pointsman.teams.releases.rollout import assigned
from pointsman.teams.request import nested_row
from pointsman.teams.services import Services
from pointsman.teams.spec import END, ROUTE, TeamSpec
from pointsman.teams.split import in_own_words, in_tasks
from pointsman.teams.state import RunState, as_json
from pointsman.teams.store.rows import RunRow
from pointsman.teams.summary import summarise
from pointsman.teams.tape import Beginning, Facts, StepTape, in_attempt
from pointsman.teams.trajectory import Way

log = logging.getLogger("pointsman.teams")


Body = Callable[[Run, Services, RunRow], Awaitable[RunState]]


class Steps:
    """The steps of one team's runs."""

    def __init__(self, spec: TeamSpec, services: Callable[[], Awaitable[Services]]) -> None:
        self._spec = spec
        self._services = services

    async def intake(
        self, *, thread_id: str, message_id: str, text: str, durable: bool
    ) -> RunState:
        """Begin a run. The team's own run has a row already; inside another graph it is made here,
        its id derived from the parent's thread and the message, so that a re-run is the same run.
        """
        services = await self._services()
        # A run that was driven again has a LangGraph thread for each attempt.
        row = await services.store.find_run(thread_id.partition("~")[0])
        if row is None or row.root_thread != thread_id or row.team != self._spec.name:
            # Without a thread each message is a conversation of its own, never a shared one.
            row = nested_row(self._spec, thread_id or message_id, message_id, text)
            await services.store.add_run(await assigned(services, row))
            row = await services.store.find_run(row.run) or row
        if row.parent:  # what it is asked is no turn of the conversation
            durable = durable and services.durable(row)
            return _reset(row.run, as_json(row.request), durable=durable)
        await services.store.log(row, row.request)
        request = request_of(row.request)
        await services.recorder.begin(row.run, row)
        facts = Facts(durable=durable)
        tape = services.recorder.step(row, Beginning(in_attempt("intake", row), facts=facts))
        durable = tape.facts.durable
        recalled = await recall(self._spec, await _at_hand(services, row), row, request, tape)
        memory = self._spec.memory
        if memory.summary or memory.facts is not None:
            # After a crash nothing else says what was recalled: the log alone does not.
            await services.recorder.flush(row.run, 0.0)
        earlier = recalled.messages
        turns = (turn for turn, _ in _spoken(earlier))
        seen = request.model_copy(
            update={
                "history": (*request.history, *turns),
                "handed": (*recalled.quotes, *request.handed),
            }
        )
        said = [Said(turn=turn) for turn in request.history]
        said += [Said(turn=turn, by=by) for turn, by in _spoken(earlier)]
        reset = _reset(row.run, as_json(row.request.carrying(seen)), durable=durable)
        return reset | {"said": [as_json(one) for one in said]}

    async def route(self, state: RunState) -> RunState:
        """Find who handles the message: a hand-off's target if the table allows it, or the router's
        choice. Enforces the hop limit and the loop guard."""
        hops = state["hops"] + 1

        async def body(run: Run, services: Services, row: RunRow) -> RunState:
            message = Message.model_validate(state["carried"])
            route = await self._decide(message, run, services, row)
            run.emit(route.as_event())
            if route.parts:
                given = message.reply(in_tasks(route, request_of(message)), sender=ROUTE)
                return await delegating.give(ROUTE, given, state, run, services)
            if route.ask:
                return await bounded.ask_where(route, message, state, run, services)
            if not route.to:
                return ending.ends(message, Failure(error="NoRoute", text=self._spec.no_route))
            return await self._go_on(route.to, message, state, run, services)

        return await self._work(state, f"{hops}:route", "", body)

    async def _go_on(
        self, to: str, message: Message, state: RunState, run: Run, services: Services
    ) -> RunState:
        """On to a specialist, within the run's bounds and with what that one may see."""
        request, given = request_of(message), message.payload
        handed = given if isinstance(given, Handoff) else None
        frm = message.sender if handed and handed.to != ROUTE else ROUTE
        way = Way.of(state["trail"], state.get("way", {}))
        hit = bounded.on_the_way(self._spec, state, way, frm, to, message, run.id)
        if hit is not None:
            return await bounded.follow(hit, message, state, run, services)
        way = way.after(frm, to, request, handed)
        if handed is not None:
            request = request.model_copy(update={"data": handed.data})
        if state["trail"]:
            request = bounded.onward(self._spec, state, request, to, giver=message.sender)
        onward = message.model_copy(update={"receiver": to, "payload": request})
        return {
            "next": to, "hops": state["hops"] + 1, "trail": [*way.trail], "way": way.as_json(),
            "carried": as_json(onward),
        }  # fmt: skip

    async def _decide(self, message: Message, run: Run, services: Services, row: RunRow) -> Route:
        payload = message.payload
        if row.pinned and not isinstance(payload, Handoff):
            return Route(row.pinned, "handoff", None, f"task {row.task!r} of run {row.parent}")
        if isinstance(payload, Handoff) and payload.to != ROUTE:
            tier = "person" if message.sender == "person" else "handoff"
            return Route(payload.to, tier, None, payload.reason)
        attributes = {names.WORKFLOW: self._spec.name, names.RUN: run.id}
        with telemetry.own(names.ROUTE_SPAN, "", attributes) as span:
            asked = request = request_of(message)
            for guard in self._spec.guards:
                if isinstance(guard, ContentFilter):
                    request = guard.masked(request)
            route = await services.router.decide(request, run)
            route = in_own_words(route, request.text, asked.text)
            span.set_attribute(names.ROUTE_TIER, route.tier)
            span.set_attribute(names.ROUTE_TO, route.to)
            if route.confidence is not None:
                span.set_attribute(names.ROUTE_CONFIDENCE, route.confidence)
        await services.gateway.settle(run, keep=True)
        return route

    async def visit(self, name: str, state: RunState) -> RunState:
        """One visit to a specialist."""
        step = f"{state['hops']}.{state['rounds']}:{name}"

        async def body(run: Run, services: Services, row: RunRow) -> RunState:
            message = Message.model_validate(state["carried"])
            keep, said = False, ""
            read = services.recorder.reader(row.run, name)
            try:
                with metrics.visit(name, run):
                    reply = await services.nodes[name](message, replace(run, read=read))
                keep = not isinstance(reply.payload, Refusal | Escalation)
                said = reply.payload.text if isinstance(reply.payload, Answer) else ""
            finally:
                if read is not None:
                    read.end(said)
                await services.gateway.settle(run, keep=keep)
            await check_fence()  # a visit is long: another process may have gone on meanwhile
            match reply.payload:
                case Handoff(to=to):
                    self._allow(name, to)
                    return {"next": "route", "carried": as_json(reply)}
                case Proposal() | Escalation():
                    return await pausing.freeze(name, reply, state, run, services)
                case Delegation():
                    return await delegating.give(name, reply, state, run, services)
                case Answer() | Refusal() | Failure():
                    return ending.ends(reply, reply.payload)
                case _:
                    raise BadOutput(
                        f"Specialist {name!r} gave back a {reply.type!r}, which ends no visit."
                    )

        return await self._work(state, step, name, body)

    def _allow(self, name: str, to: str) -> None:
        """Raises Misconfigured for a hand-off that the transition table does not hold."""
        allowed = [n for n in self._spec.transitions.get(name, ()) if n != END]
        if to not in allowed:
            raise Misconfigured(
                f"{name!r} handed on to {to!r}, which its row of the transition table"
                f" ({', '.join(allowed) or 'nobody'}) does not hold.",
                hint="Add it to hands_off_to, or correct the prompt.",
            )

    async def execute(self, state: RunState) -> RunState:
        """Act on every decided ticket, and go back to the gate for the rest."""

        async def body(run: Run, services: Services, row: RunRow) -> RunState:
            return self._reachable(await pausing.act(state, run, services))

        return await self._work(state, f"{state['hops']}.{state['rounds']}:execute", "", body)

    async def delegate(self, state: RunState) -> RunState:
        """Run the tasks that were given to others; back to who gave them, or wait."""

        async def body(run: Run, services: Services, row: RunRow) -> RunState:
            return self._reachable(await delegating.carry_out(state, run, services, row))

        return await self._work(state, f"{state['hops']}.{state['rounds']}:delegate", "", body)

    def _reachable(self, update: RunState) -> RunState:
        """A deploy may have removed the specialist that the run would go back to."""
        if update["next"] in {
            "gate",
            "execute",
            "delegate",
            "wait",
            "finish",
            "route",
            *(s.name for s in self._spec.specialists),
        }:
            return update
        text = f"Team {self._spec.name!r} has no specialist {update['next']!r} any more."
        message = Message.model_validate(update["carried"])
        return update | ending.ends(message, Failure(error="Misconfigured", text=text))

    async def finish(self, state: RunState) -> tuple[RunState, str]:
        """Record what the run came to. Gives the text for the graph's `messages`."""
        services = await self._services()
        row = await services.store.find_run(state["run"])
        if row is None:
            raise StoreBroken(f"Run {state['run']} is not in the store {services.home} any more.")
        await check_fence()
        await services.recorder.begin(row.run, row)
        services.recorder.step(row, Beginning(in_attempt("finish", row), given=state["carried"]))
        message = Message.model_validate(state["carried"])
        status, text, error = ending.ending(
            message.payload, state["done"],
            bound=state.get("bound", ""), fails=self._spec.when_bound == "fail",
        )  # fmt: skip
        answer = message.payload if isinstance(message.payload, Answer) else None
        by = answer.by if answer else ("guard" if isinstance(message.payload, Refusal) else None)
        result = summarise(
            row, services.recorder.events(row.run), status=status, seconds=row.seconds,
            specialist=message.sender if message.sender in services.nodes else "",
            answer=text, by=by, data=answer.data if answer else None, error=error,
        )  # fmt: skip
        result = await children.with_children(services.store, result)
        if not row.parent:
            await services.store.log(row, message)
        await closing.offer_compensation(services, row, status)
        if await services.store.move_run(
            row.run, status, frm=("running", "waiting"), result=result
        ):
            await closing.close_tickets(services, row, status)
            await closing.end_below(services, row)
            ended = RunEnded(
                run=row.run, status=status, specialist=result.specialist, by=by, text=text,
                error=error,
            )  # fmt: skip
            services.recorder.emit(row.run, ended)
        await services.recorder.flush(row.run, 0.0)
        return {"next": END}, text

    async def _work(self, state: RunState, step: str, specialist: str, body: Body) -> RunState:
        """Run a step's body with its Run, clock, log context and record; an error ends the run."""
        services = await self._services()
        row = await services.store.find_run(state["run"])
        if row is None:
            raise StoreBroken(f"Run {state['run']} is not in the store {services.home} any more.")
        await services.recorder.begin(row.run, row)
        carried = Message.model_validate(state["carried"])
        began = time.perf_counter()
        tape = services.recorder.step(row, await _beginning(services, row, state, step, specialist))
        below = await children.events_below(services.store, row.run) if state["rounds"] else ()
        run = services.run_for(
            row, step, specialist=specialist, tape=tape,
            admitted=frozenset(state["admitted"]), below=below,
        )  # fmt: skip
        if state.get("bound"):
            run = replace(run, deadline=None)  # its last word has the specialist's own time
        with nested(row, services), telemetry.log_context(log_fields(row, specialist)):
            try:
                if tape.facts.cancelled:
                    return ending.cancelled(carried, tape.facts.cancelled)
                _in_time(run, tape)
                await check_forked(services, row)
                released = await services.on(row.release if tape.release is None else tape.release)
                return await body(replace(run, gateway=released.gateway), released, row)
            except (StoreError, RunBusy):
                raise
            except Exception as error:
                if is_control_flow(error):
                    raise
                failure, hit = _failure(error, run), bounded.hit_of(error)
                if hit is None:
                    return ending.ends(carried, failure, sender=specialist)
                return await bounded.follow(hit, carried, state, run, services)
            finally:
                if await still_held():
                    await services.recorder.flush(row.run, time.perf_counter() - began)
                else:
                    services.recorder.forget(row.run)


def _in_time(run: Run, tape: StepTape) -> None:
    try:
        run.remaining(float("inf"))
    except DeadlineExceeded:
        tape.late()
        raise


async def _beginning(
    services: Services, row: RunRow, state: RunState, step: str, specialist: str
) -> Beginning:
    facts = Facts(
        previous=await services.store.last_specialist(row),
        cancelled=row.cancelled_by,
        left=services.seconds_left(row),
        durable=state["durable"],
    )
    return Beginning(
        in_attempt(step, row), specialist, state["carried"], tuple(state["open"]), facts
    )


def _failure(error: Exception, run: Run) -> Failure:
    """The error that ends the run, after saying so in the log."""
    foreseen = isinstance(error, PointsmanError)
    level = logging.INFO if foreseen else logging.ERROR
    log.log(level, "step %s of run %s failed: %s", run.step, run.id, error, exc_info=not foreseen)
    return Failure(error=type(error).__name__, text=str(error) or type(error).__name__)


async def _at_hand(services: Services, row: RunRow) -> Services:
    """The services of the run's release. One that cannot be used ends the run at its route, where
    an error is on record, and not here."""
    try:
        return await services.on(row.release)
    except StoreError:
        raise
    except PointsmanError:
        return services


def _reset(run: str, carried: JsonObject, *, durable: bool) -> RunState:
    """Every per-run channel anew: on a parent's thread the last run's values are still there."""
    return {
        "run": run, "durable": durable, "next": "route", "hops": 0, "rounds": 0,
        "carried": carried, "trail": [], "admitted": [], "open": [], "asks": [],
        "outcomes": [], "done": [], "wake": {}, "waits": [], "way": {}, "said": [], "bound": "",
    }  # fmt: skip


def _spoken(earlier: Sequence[Message]) -> list[tuple[Turn, str]]:
    """Requests and answers of a thread as a transcript, each with who wrote it; what was blocked or
    failed is not in it."""
    turns: list[tuple[Turn, str]] = []
    for message in earlier:
        match message.payload:
            case Request(text=text):
                turns.append((Turn(role="user", content=text), message.sender))
            case Answer(text=text):
                turns.append((Turn(role="assistant", content=text), message.sender))
            case _:
                pass
    return turns
