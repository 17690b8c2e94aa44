"""LangChain's human-in-the-loop shape, at the gate of a compiled graph."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command

from tests.flow.shop import Shop, shop_team

CONFIG: RunnableConfig = {"configurable": {"thread_id": "p1"}}
PROGRAM = {"messages": [("user", "refund INV-1 5 + refund INV-2 7")]}
APPROVE = {"type": "approve"}
REJECT = {"type": "reject", "message": "no money"}


@pytest.fixture
async def graph(home: Path) -> AsyncGenerator[Any]:
    """The team's graph as the root, with a checkpointer of the caller's."""
    from pointsman.teams.graph import build

    team = shop_team(home)
    yield build(team.spec, team._sessions.lasting).compile(checkpointer=InMemorySaver())
    await team.aclose()


async def asked(graph: Any) -> dict[str, Any]:
    """What the pending interrupt shows."""
    (waits,) = (await graph.aget_state(CONFIG)).interrupts
    return waits.value


async def test_requests_are_shown_as_langchain_shows_them(graph: Any) -> None:
    """One action request and one review config a ticket, in the order of the tickets."""
    await graph.ainvoke(PROGRAM, CONFIG)
    value = await asked(graph)
    assert [(r["name"], r["args"]) for r in value["action_requests"]] == [
        ("refund", {"invoice": "INV-1", "usd": 5.0}),
        ("refund", {"invoice": "INV-2", "usd": 7.0}),
    ]
    assert value["review_configs"][0] == {
        "action_name": "refund",
        "allowed_decisions": ["approve", "edit", "reject", "respond"],
    }
    assert len(value["tickets"]) == 2


async def test_a_batch_decides_each_in_its_order(graph: Any, shop: Shop) -> None:
    """One approved, one rejected with a message that the specialist reads."""
    await graph.ainvoke(PROGRAM, CONFIG)
    came = await graph.ainvoke(Command(resume={"decisions": [APPROVE, REJECT]}), CONFIG)
    assert shop.wrote() == ["refunded 5 on INV-1"]
    assert "no money" in came["messages"][-1].text


async def test_an_edit_runs_the_edited_action(graph: Any, shop: Shop) -> None:
    """LangChain's edited action; one that names another tool is refused and changes nothing."""
    await graph.ainvoke({"messages": [("user", "refund INV-1 5")]}, CONFIG)
    other = {"type": "edit", "edited_action": {"name": "note", "args": {"text": "x"}}}
    await graph.ainvoke(Command(resume=[other]), CONFIG)
    assert shop.wrote() == []
    edit = {"type": "edit", "edited_action": {"name": "refund", "args": {"usd": 4}}}
    await graph.ainvoke(Command(resume=[edit]), CONFIG)
    assert shop.wrote() == ["refunded 4 on INV-1"]


async def test_the_wrong_number_of_decisions_changes_nothing(graph: Any, shop: Shop) -> None:
    """Nobody guesses which ticket one answer of two is for; named by its id it counts."""
    await graph.ainvoke(PROGRAM, CONFIG)
    await graph.ainvoke(Command(resume={"decisions": [APPROVE]}), CONFIG)
    assert shop.wrote() == []
    second = (await asked(graph))["tickets"][1]["id"]
    await graph.ainvoke(Command(resume={**APPROVE, "tool_call_id": second, "by": "ana"}), CONFIG)
    assert shop.wrote() == ["refunded 7 on INV-2"]


async def test_a_nested_gate_wants_the_ticket(home: Path, shop: Shop) -> None:
    """In a subgraph LangGraph may hand an old answer to a new question: an answer that names no
    ticket changes nothing there; one that does counts."""
    team = shop_team(home)
    parent: Any = StateGraph(MessagesState)
    parent.add_node("team", team.compile())
    parent.add_edge(START, "team")
    parent.add_edge("team", END)
    graph = parent.compile(checkpointer=InMemorySaver())
    await graph.ainvoke({"messages": [("user", "refund INV-1 5")]}, CONFIG)
    await graph.ainvoke(Command(resume={"decisions": [APPROVE]}), CONFIG)
    assert shop.wrote() == []
    (waits,) = (await graph.aget_state(CONFIG)).interrupts
    named = {**APPROVE, "tool_call_id": waits.value["tickets"][0]["id"]}
    await graph.ainvoke(Command(resume={waits.id: {"decisions": [named]}}), CONFIG)
    assert shop.wrote() == ["refunded 5 on INV-1"]
    await team.aclose()
