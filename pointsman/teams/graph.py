"""Team -> StateGraph. The shape, the gate's interrupt, and LangChain's messages at the border."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
# pyright: reportTypedDictNotRequiredAccess=false
# LangGraph ships partial types; intake sets every channel of the state.

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, cast

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import interrupt
from typing_extensions import TypedDict

from pointsman.errors import InvalidDecision, InvalidMessage
from pointsman.nodes.digest import JsonObject
from pointsman.teams.approvals.hitl import Resume, shown
from pointsman.teams.request import check_text
from pointsman.teams.services import Services
from pointsman.teams.spec import END as SPEC_END
from pointsman.teams.spec import TeamSpec
from pointsman.teams.state import RunState, as_json
from pointsman.teams.steps import Steps

_CHECKPOINTER = "__pregel_checkpointer"
"""Where LangGraph 1.2 tells a node of its checkpointer. Not public, and there is no public way to
know whether an interrupt could ever be resumed; a test fails when the name changes."""


CHILD = "child"
"""Kind of the interrupt of a run that waits for its child runs."""
DISPATCH = "dispatch"
"""Kind of the interrupt of a run whose next step is taken elsewhere. Nobody answers it: whoever
takes the step checkpoints what it gave as that step's."""


class Border(TypedDict):
    """What goes into the graph and what comes out."""

    messages: Annotated[list[AnyMessage], add_messages]


class TeamState(Border, RunState):
    """The graph's state: the border's messages and the present run."""


Graph = StateGraph[TeamState, None, Border, Border]


def build(
    spec: TeamSpec, services: Callable[[], Awaitable[Services]], *, dispatched: bool = False
) -> Graph:
    """The team as an uncompiled graph.

    Nodes close over the services: nested in another graph, `Runtime.context` is the parent's. With
    `dispatched` the steps of specialists are not taken here: the graph stops where one is due.
    """
    steps = Steps(spec, services)

    async def intake(state: TeamState, config: RunnableConfig) -> RunState:
        last = _last_user_message(spec, state)
        configurable = config.get("configurable", {})
        return await steps.intake(
            thread_id=str(configurable.get("thread_id", "")),
            message_id=last.id or "",
            text=last.text,
            durable=configurable.get(_CHECKPOINTER) is not None,
        )

    async def finish(state: TeamState) -> TeamState:
        update, text = await steps.finish(state)
        return cast("TeamState", {**update, "messages": [AIMessage(text, name=spec.name)]})

    graph = Graph(TeamState, input_schema=Border, output_schema=Border)
    graph.add_node("intake", intake)
    graph.add_node("route", steps.route)
    graph.add_node("gate", _gate)
    graph.add_node("execute", _dispatch if dispatched else steps.execute)
    graph.add_node("delegate", _dispatch if dispatched else steps.delegate)
    graph.add_node("wait", _wait)
    graph.add_node("finish", finish)
    names = [s.name for s in spec.specialists]
    graph.add_edge(START, "intake")
    graph.add_edge("intake", "route")
    graph.add_conditional_edges("route", _next, _paths(spec, "route"))
    for name in names:
        graph.add_node(name, _dispatch if dispatched else partial(steps.visit, name))
        graph.add_conditional_edges(name, _next, _paths(spec, name))
    graph.add_edge("gate", "execute")
    graph.add_conditional_edges("execute", _next, _paths(spec, "execute"))
    graph.add_conditional_edges("delegate", _next, _paths(spec, "delegate"))
    graph.add_edge("wait", "delegate")
    graph.add_edge("finish", END)
    return graph


async def _gate(state: TeamState, config: RunnableConfig) -> RunState:
    answer: Resume = interrupt(shown(state["asks"]), response_schema=Resume)
    root = "|" not in str(config.get("configurable", {}).get("checkpoint_ns", "|"))
    return {"wake": as_json(answer.wake), "root": root, "next": "execute"}


async def _wait(state: TeamState) -> RunState:
    # No request of a tool's call: who answers those by their order must not answer this one.
    below: JsonObject = {"kind": CHILD, "runs": [*state["waits"]], "tickets": [*state["asks"]]}
    answer: Resume = interrupt(below, response_schema=Resume)
    return {"wake": as_json(answer.wake), "next": "delegate"}


async def _dispatch(state: TeamState) -> RunState:
    interrupt({"kind": DISPATCH, "run": state["run"]})
    raise InvalidDecision(
        f"Run {state['run']} waits for a worker, and for no answer.",
        hint="Workers take its next step: see `pointsman engine status`.",
    )


def recursion_limit(spec: TeamSpec) -> int:
    """Supersteps a run can take at most, from the table's bounds: the last guard against a loop.

    Every hop is a route and a visit; every round is a gate, an execute and a visit. A resume counts
    anew, so the decisions on one round's tickets need no allowance. What follows a bound takes a
    gate, an execute, a route and a visit.
    """
    return 8 + 2 * (spec.max_hops + 1) + 4 * (spec.max_rounds + 1)


def _paths(spec: TeamSpec, name: str) -> list[str]:
    """The graph's edges out of a step, as the transition table allows them."""
    names = [s.name for s in spec.specialists]
    ends = [*spec.after_bound, "finish"]
    match name:
        case "route":
            return _once(*names, "delegate", "gate", "execute", *ends)
        case "execute":
            return _once(*names, "route", "gate", "delegate", *ends)
        case "delegate":
            return _once(*names, "wait", *ends)
        case _:
            pass
    specialist = spec.specialist(name)
    gives = specialist.does is not None
    writes = any(t.effect == "write" for t in specialist.tools)
    waits = ["gate", "execute"] if writes or gives or spec.guards or specialist.guards else []
    hands_off = set(spec.transitions.get(name, ())) - {SPEC_END}
    on = [*(["route"] if hands_off else []), *(["delegate"] if gives else [])]
    return _once(*on, *waits, *ends)


def _once(*steps: str) -> list[str]:
    return list(dict.fromkeys(steps))


async def _next(state: TeamState) -> str:
    return state["next"]


def _last_user_message(spec: TeamSpec, state: TeamState) -> BaseMessage:
    for message in reversed(state.get("messages", [])):
        if message.type == "human":
            check_text(spec.name, message.text)
            return message
    raise InvalidMessage(
        f"Team {spec.name!r} was called with no user message.",
        hint='Give {"messages": [("user", "…")]}.',
    )
