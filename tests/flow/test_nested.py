"""A team inside somebody else's LangGraph program (GRAPH.md, sections 4 and 5)."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Annotated, Any

import pytest
from blockbuster import blockbuster_ctx
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.errors import is_invalid_resume
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command
from pydantic import ValidationError
from typing_extensions import TypedDict

from pointsman.errors import InvalidMessage, TicketClosed
from pointsman.nodes.gateway.scripted import ScriptedTransport
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Reject, Ticket
from tests.flow.processes import change, rows
from tests.flow.shop import Shop, shop_team

Parent = CompiledStateGraph[Any, Any, Any, Any]
APPROVE = {"type": "approve", "by": "ana"}


class State(TypedDict):
    """The parent's own state."""

    messages: Annotated[list[AnyMessage], add_messages]
    before: int
    after: int


def parent_of(
    team: Team, saver: BaseCheckpointSaver[Any] | None, *, inside: bool = False
) -> Parent:
    """A plain LangGraph program: a node, the team, another node. `inside`: the team is called in a
    node's body instead of being one."""

    async def before(state: State) -> dict[str, int]:
        return {"before": state.get("before", 0) + 1}

    async def after(state: State) -> dict[str, int]:
        return {"after": state.get("after", 0) + 1}

    graph = team.compile()

    async def call(state: State) -> dict[str, Any]:
        return dict(await graph.ainvoke({"messages": state["messages"]}))

    builder = StateGraph(State)
    builder.add_node("before", before)
    builder.add_node("team", call if inside else graph)
    builder.add_node("after", after)
    builder.add_edge(START, "before")
    builder.add_edge("before", "team")
    builder.add_edge("team", "after")
    builder.add_edge("after", END)
    return builder.compile(checkpointer=saver)


def said(text: str, message_id: str = "m1") -> dict[str, Any]:
    """The parent's input."""
    return {"messages": [HumanMessage(text, id=message_id)]}


def config(thread: str = "p1") -> Any:
    """The parent's thread."""
    return {"configurable": {"thread_id": thread}}


@pytest.fixture(params=["memory", "sqlite"])
async def saver(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncGenerator[BaseCheckpointSaver[Any]]:
    """The parent's checkpointer."""
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            yield InMemorySaver()
        else:
            path = str(tmp_path / "parent.db")
            yield await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(path))


@pytest.fixture
async def team(home: Path, model: ScriptedTransport) -> AsyncGenerator[Team]:
    """The team that is nested, closed at the end."""
    made = shop_team(home, model=model)
    yield made
    await made.aclose()


async def pending(team: Team) -> tuple[Ticket, ...]:
    """The tickets that wait."""
    return await team.tickets()


async def finished(parent: Parent, thread: str = "p1") -> bool:
    """Whether the parent went through to its end."""
    state = await parent.aget_state(config(thread))
    return not state.next and state.values.get("after", 0) > 0


async def test_it_answers_in_the_parents_messages(
    team: Team, saver: BaseCheckpointSaver[Any]
) -> None:
    """The parent's nodes before and after run once; the answer is a message of the team's name."""
    parent = parent_of(team, saver)
    state = await parent.ainvoke(said("lookup INV-1"), config())
    last = state["messages"][-1]
    assert isinstance(last, AIMessage)
    assert (last.content, last.name) == ("done: INV-1 is 20.00 USD", "shop")
    assert (state["before"], state["after"]) == (1, 1)
    assert len(state["messages"]) == 2


async def test_a_ticket_decided_through_the_team(
    team: Team, saver: BaseCheckpointSaver[Any], shop: Shop
) -> None:
    """decide records the claim and gives the Command for the parent to invoke."""
    parent = parent_of(team, saver)
    stopped = await parent.ainvoke(said("refund INV-1 5"), config())
    (shown,) = stopped["__interrupt__"]
    (ticket,) = await pending(team)
    assert [t["id"] for t in shown.value["tickets"]] == [ticket.id]
    assert shown.value["tickets"][0]["args"] == {"invoice": "INV-1", "usd": 5.0}
    command = await team.decide(ticket, Approve(by="ana"))
    assert isinstance(command, Command)
    assert shop.wrote() == []
    state = await parent.ainvoke(command, config())
    assert state["messages"][-1].content == "done: refunded 5 on INV-1"
    assert (state["before"], state["after"]) == (1, 1)
    assert shop.wrote() == ["refunded 5 on INV-1"]
    with pytest.raises(TicketClosed, match="approve by ana"):
        await team.decide(ticket, Reject(by="bob"))


async def test_a_ticket_decided_by_a_raw_resume(
    team: Team, saver: BaseCheckpointSaver[Any], shop: Shop
) -> None:
    """A resume that names its ticket passes the same claim: who and what are on record."""
    parent = parent_of(team, saver)
    await parent.ainvoke(said("refund INV-1 5"), config())
    (ticket,) = await pending(team)
    await parent.ainvoke(Command(resume={"ticket": ticket.id, "decision": APPROVE}), config())
    assert await finished(parent)
    assert shop.wrote() == ["refunded 5 on INV-1"]
    (after,) = await team.tickets(status=None)
    assert (after.status, after.by, after.decision) == ("executed", "ana", "approve")
    (row,) = await team.runs()
    assert (row.state, row.nested) == ("done", True)


async def test_two_tickets_one_after_the_other(
    team: Team, saver: BaseCheckpointSaver[Any], shop: Shop
) -> None:
    """The second first, by a raw resume; then the first through decide."""
    parent = parent_of(team, saver)
    await parent.ainvoke(said("refund INV-1 5 + refund INV-1 7"), config())
    one, two = await pending(team)
    await parent.ainvoke(Command(resume={"ticket": two.id, "decision": APPROVE}), config())
    assert shop.wrote() == ["refunded 7 on INV-1"]
    assert await pending(team) == (one,)
    command = await team.decide(one, Approve(by="ana"))
    await parent.ainvoke(command, config())
    assert await finished(parent)
    assert shop.wrote() == ["refunded 7 on INV-1", "refunded 5 on INV-1"]


@pytest.mark.parametrize(
    "answer", [True, "yes", [], 5, {"ticket": None}, {"decision": APPROVE}, {"ok": True},
               {"ticket": "t", "decision": {"type": "approve"}},
               {"ticket": "t", "decision": APPROVE, "more": 1}],
    ids=str,
)  # fmt: skip
async def test_an_answer_of_the_wrong_shape_is_refused(
    team: Team, saver: BaseCheckpointSaver[Any], shop: Shop, answer: object
) -> None:
    """ValidationError, nothing changed, and the run can still be finished, by interrupt id."""
    parent = parent_of(team, saver)
    await parent.ainvoke(said("refund INV-1 5"), config())
    (ticket,) = await pending(team)
    with pytest.raises(ValidationError) as caught:
        await parent.ainvoke(Command(resume=answer), config())
    assert is_invalid_resume(caught.value)
    assert await pending(team) == (ticket,)
    assert shop.wrote() == []
    await finish_by_id(team, parent, ticket)
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def finish_by_id(team: Team, parent: Parent, ticket: Ticket) -> None:
    """Approve through the team and resume by interrupt id: works after every bad answer."""
    await team.decide(ticket, Approve(by="ana"))
    (shown,) = (await parent.aget_state(config())).interrupts
    await parent.ainvoke(Command(resume={shown.id: {"ticket": ticket.id}}), config())
    assert await finished(parent)


@pytest.mark.parametrize("kind", ["none", "id none", "empty", "unknown id"])
async def test_an_answer_that_is_none_changes_nothing(
    team: Team, saver: BaseCheckpointSaver[Any], shop: Shop, kind: str
) -> None:
    """None, an empty map and an unknown interrupt id: whatever LangGraph does with them, the ticket
    is pending, nothing ran, and the run can still be finished."""
    parent = parent_of(team, saver)
    await parent.ainvoke(said("refund INV-1 5"), config())
    (ticket,) = await pending(team)
    (shown,) = (await parent.aget_state(config())).interrupts
    answers: dict[str, object] = {
        "none": None,
        "id none": {shown.id: None},
        "empty": {},
        "unknown id": {"0" * 32: {"ticket": ticket.id, "decision": APPROVE}},
    }
    try:
        await parent.ainvoke(Command(resume=answers[kind]), config())
    except (ValidationError, UnboundLocalError):
        refused = True
    else:
        refused = False
    assert refused == (kind in ("none", "id none"))
    assert await pending(team) == (ticket,)
    assert shop.wrote() == []
    await finish_by_id(team, parent, ticket)
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def test_recorded_while_it_is_not_asks_again(
    team: Team, saver: BaseCheckpointSaver[Any], shop: Shop
) -> None:
    """A wake-up without a decision on a pending row only asks again."""
    parent = parent_of(team, saver)
    await parent.ainvoke(said("refund INV-1 5"), config())
    (ticket,) = await pending(team)
    again = await parent.ainvoke(Command(resume={"ticket": ticket.id}), config())
    assert again["__interrupt__"]
    assert await pending(team) == (ticket,)
    assert shop.wrote() == []
    await finish_by_id(team, parent, ticket)


async def test_a_raw_answer_for_another_ticket_is_refused(
    team: Team, saver: BaseCheckpointSaver[Any], shop: Shop
) -> None:
    """An unknown ticket, or one of another run, decides nothing here."""
    parent = parent_of(team, saver)
    await parent.ainvoke(said("refund INV-1 5"), config("p1"))
    await parent.ainvoke(said("refund INV-1 7"), config("p2"))
    one, two = await pending(team)
    for wrong in ("t-unknown", two.id):
        await parent.ainvoke(Command(resume={"ticket": wrong, "decision": APPROVE}), config("p1"))
        assert await pending(team) == (one, two)
    assert shop.wrote() == []
    await finish_by_id(team, parent, one)
    assert shop.wrote() == ["refunded 5 on INV-1"]


async def test_an_approval_after_a_recorded_no_is_lost(
    team: Team, saver: BaseCheckpointSaver[Any], shop: Shop
) -> None:
    """The row is the decision: a raw approve cannot undo it."""
    parent = parent_of(team, saver)
    await parent.ainvoke(said("refund INV-1 5"), config())
    (ticket,) = await pending(team)
    await team.decide(ticket, Reject(by="bob", reason="no"))
    await parent.ainvoke(Command(resume={"ticket": ticket.id, "decision": APPROVE}), config())
    assert await finished(parent)
    assert shop.wrote() == []
    (after,) = await team.tickets(status=None)
    assert (after.status, after.by) == ("rejected", "bob")


async def test_arguments_changed_after_the_claim_do_not_run(
    team: Team, saver: BaseCheckpointSaver[Any], shop: Shop, home: Path
) -> None:
    """The approved digest is checked against what would run."""
    parent = parent_of(team, saver)
    await parent.ainvoke(said("refund INV-1 5"), config())
    (ticket,) = await pending(team)
    command = await team.decide(ticket, Approve(by="ana"))
    (claimed,) = await team.tickets(status="approved")
    forged = claimed.model_copy(update={"args": {"invoice": "INV-1", "usd": 5000.0}})
    change(home, "UPDATE tickets SET ticket = ?", forged.model_dump_json())
    state = await parent.ainvoke(command, config())
    assert "not those that were approved" in state["messages"][-1].content
    assert shop.wrote() == []


async def test_an_answer_is_never_replayed_to_another_ticket(
    team: Team, saver: BaseCheckpointSaver[Any], shop: Shop
) -> None:
    """Trap 1: LangGraph hands a plain answer given before to the gate of the next ticket on an
    empty wake-up. It names its ticket, so it does nothing there."""
    parent = parent_of(team, saver)
    await parent.ainvoke(said("refund INV-1 5 > refund INV-1 7"), config())
    (one,) = await pending(team)
    await parent.ainvoke(Command(resume={"ticket": one.id, "decision": APPROVE}), config())
    (two,) = await pending(team)
    await parent.ainvoke(None, config())
    await parent.ainvoke(Command(resume={"0" * 32: {"ticket": one.id}}), config())
    assert await pending(team) == (two,)
    assert shop.wrote() == ["refunded 5 on INV-1"]
    await finish_by_id(team, parent, two)
    assert shop.wrote() == ["refunded 5 on INV-1", "refunded 7 on INV-1"]


async def test_each_request_of_a_reused_thread_gets_its_own_ticket(
    team: Team, saver: BaseCheckpointSaver[Any], shop: Shop
) -> None:
    """Trap 3: with the conversation as LangGraph's thread, no request inherits the last one's run,
    ticket or result."""
    parent = parent_of(team, saver)
    for n in range(3):
        await parent.ainvoke(said("refund INV-1 5", f"m{n}"), config())
        (ticket,) = await pending(team)
        await parent.ainvoke(Command(resume={"ticket": ticket.id, "decision": APPROVE}), config())
    assert shop.wrote() == ["refunded 5 on INV-1"] * 3
    tickets = await team.tickets(status=None)
    assert len({t.id for t in tickets}) == len({t.run for t in tickets}) == 3


async def test_without_a_checkpointer_nothing_waits(team: Team, shop: Shop, home: Path) -> None:
    """Trap 10: the wait could never end, so no ticket is frozen and the answer says why."""
    parent = parent_of(team, None)
    state = await parent.ainvoke(said("refund INV-1 5"))
    assert "checkpointer" in state["messages"][-1].content
    assert await team.tickets(status=None) == ()
    (row,) = await team.runs()
    assert row.state == "failed"
    assert shop.wrote() == []


async def test_without_a_checkpointer_answers_work(team: Team) -> None:
    """What needs no person needs no checkpointer; nor does it see other callers' messages."""
    graph = team.graph
    one = await graph.ainvoke(said("lookup INV-1", "m1"))
    assert one["messages"][-1].content == "done: INV-1 is 20.00 USD"
    two = await graph.ainvoke(said("what now", "m2"))
    assert two["messages"][-1].content == "done:"


async def test_callers_without_a_thread_share_no_history(
    team: Team, model: ScriptedTransport
) -> None:
    """Two strangers who give no thread id never see each other's words."""
    await team.graph.ainvoke(said("lookup INV-1", "m1"))
    await team.graph.ainvoke(said("what now", "m2"))
    assert "INV-1" not in str(model.requests[-1].turns)


async def test_a_parents_thread_is_a_conversation(team: Team, model: ScriptedTransport) -> None:
    """With a thread id the second request sees the first."""
    parent = parent_of(team, InMemorySaver())
    await parent.ainvoke(said("lookup INV-1", "m1"), config())
    await parent.ainvoke(said("what now", "m2"), config())
    assert [t.content for t in model.requests[-1].turns[1:]] == [
        "lookup INV-1",
        "done: INV-1 is 20.00 USD",
        "what now",
    ]


async def test_called_inside_a_parents_node(
    team: Team, saver: BaseCheckpointSaver[Any], shop: Shop
) -> None:
    """The parent's node runs again on the resume; the effect happens once, one ticket is opened."""
    parent = parent_of(team, saver, inside=True)
    await parent.ainvoke(said("refund INV-1 5"), config())
    (ticket,) = await pending(team)
    command = await team.decide(ticket, Approve(by="ana"))
    state = await parent.ainvoke(command, config())
    assert state["messages"][-1].content == "done: refunded 5 on INV-1"
    assert shop.wrote() == ["refunded 5 on INV-1"]
    assert len(await team.tickets(status=None)) == 1


async def test_a_parent_that_saves_only_at_its_end_repeats_nothing(
    home: Path, shop: Shop, model: ScriptedTransport
) -> None:
    """Under durability "exit" a crash loses every checkpoint of the round. The request given again
    with its id finds the journal and the ledger: no model call and no effect twice."""
    team = shop_team(home, model=model)
    saver = InMemorySaver()
    parent = parent_of(team, saver)
    await parent.ainvoke(said("refund INV-1 5"), config(), durability="exit")
    (ticket,) = await pending(team)
    command = await team.decide(ticket, Approve(by="ana"))
    await parent.ainvoke(command, config(), durability="exit")
    asked = len(model.requests)
    assert shop.wrote() == ["refunded 5 on INV-1"]
    lost = parent_of(team, InMemorySaver())
    state = await lost.ainvoke(said("refund INV-1 5"), config(), durability="exit")
    assert state["messages"][-1].content == "done: refunded 5 on INV-1"
    assert shop.wrote() == ["refunded 5 on INV-1"]
    assert len(model.requests) == asked
    await team.aclose()


async def test_the_team_keeps_no_checkpoints_of_its_own(team: Team, home: Path) -> None:
    """Nested, everything goes to the parent's checkpointer."""
    await parent_of(team, InMemorySaver()).ainvoke(said("lookup INV-1"), config())
    assert not (home / "checkpoints.db").exists()
    assert len(rows(home, "SELECT run FROM runs")) == 1


async def test_no_user_message_is_refused(team: Team) -> None:
    """A graph called with nothing to answer says what to give."""
    with pytest.raises(InvalidMessage, match="messages"):
        await team.graph.ainvoke({"messages": [AIMessage("hello")]})


@pytest.mark.parametrize("text", ["", "  ", "x" * 100_001])
async def test_a_text_that_is_none_is_refused_here_too(team: Team, text: str) -> None:
    """The same bounds as team.run's, and no run on record."""
    with pytest.raises(InvalidMessage):
        await team.graph.ainvoke(said(text))
    assert await team.runs() == ()


async def test_nothing_blocks_the_loop(home: Path, shop: Shop) -> None:
    """Trap 8: LangGraph's development server fails a run on a blocking call inside a node. Opening,
    asking, waiting, deciding and writing all leave the loop free."""
    team = shop_team(home)
    parent = parent_of(team, InMemorySaver())
    with blockbuster_ctx():
        await parent.ainvoke(said("lookup INV-1 > refund INV-1 5"), config())
        (ticket,) = await pending(team)
        await parent.ainvoke(await team.decide(ticket, Approve(by="ana")), config())
        await team.aclose()
    assert shop.wrote() == ["refunded 5 on INV-1"]


def test_an_entry_of_langgraph_json_loads(tmp_path: Path, shop: Shop) -> None:
    """A file that exports `team.graph` is what LangGraph's server wants: a compiled graph without a
    checkpointer, importable without a running loop, with a JSON schema of its input."""
    file = tmp_path / "entry.py"
    file.write_text(
        "from pathlib import Path\n"
        "from tests.flow.shop import shop_team\n"
        f"graph = shop_team(Path({str(tmp_path / 'state')!r})).graph\n"
    )
    spec = spec_from_file_location("entry", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    graph = module.graph
    assert isinstance(graph, CompiledStateGraph)
    assert graph.checkpointer is None
    schema = graph.get_input_jsonschema()
    assert list(schema["properties"]) == ["messages"]
    assert list(graph.get_output_jsonschema()["properties"]) == ["messages"]
    assert not (tmp_path / "state").exists()


def test_the_exported_graph_works_in_more_than_one_loop(home: Path) -> None:
    """A server may invoke it in one event loop after another."""
    team = shop_team(home)
    graph = team.graph
    for n in range(2):
        state = asyncio.run(graph.ainvoke(said("lookup INV-1", f"m{n}")))
        assert state["messages"][-1].content == "done: INV-1 is 20.00 USD"
    asyncio.run(team.aclose())


def test_langgraph_still_says_where_its_checkpointer_is() -> None:
    """The one private name the graph reads. When LangGraph renames it, waiting without a
    checkpointer would no longer be refused."""
    from langgraph._internal._constants import CONFIG_KEY_CHECKPOINTER

    from pointsman.teams import graph

    assert graph._CHECKPOINTER == CONFIG_KEY_CHECKPOINTER
