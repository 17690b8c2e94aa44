"""Specialists use the blackboard: proposed, approved, written once, refused when they come late."""

import json
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pointsman.errors import InvalidTeam, StoreError
from pointsman.guardrails.policy import ApprovalPolicy
from pointsman.nodes.gateway.scripted import Scripted, ScriptedTransport, text_reply, tool_reply
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import ToolFailed
from pointsman.teams.blackboard import Blackboard, Entry
from pointsman.teams.board import Board
from pointsman.teams.boardtools import ALLOW_BOARD, with_board_tools
from pointsman.teams.conflicts import Escalate, Merge
from pointsman.teams.result import Result
from pointsman.teams.store.protocol import Store
from pointsman.teams.store.sqlite import SqliteStore
from pointsman.teams.team import Team
from pointsman.teams.tickets import Approve, Edit, Reject

DECLARED = Blackboard(
    (
        Entry("plan", int, owner="planner", about="dollars that may be spent"),
        Entry("seen", list[str], writers=("*",), resolver=Merge(lambda _b, m, t: [*t, *m])),
        Entry("rate", int, writers=("planner",), resolver=Escalate("Two rates.")),
        Entry("secret", str),
    )
)


def script(request: ModelRequest) -> Scripted:
    """The model: carries out the program in the last user turn, e.g. `read plan > write plan 5 0`,
    then tells every tool result."""
    said = max(n for n, turn in enumerate(request.turns) if turn.role == "user")
    steps = [step.split() for step in request.turns[said].content.split(" > ")]
    after = request.turns[said + 1 :]
    at = sum(bool(turn.tool_calls) for turn in after)
    if at < len(steps):
        return tool_reply(_call(steps[at], f"c{at}"))
    return text_reply("done: " + " | ".join(t.content for t in after if t.role == "tool"))


def _call(words: list[str], call_id: str) -> ToolCall:
    if words[0] == "read":
        key = {"key": words[1]} if len(words) > 1 else {}
        return ToolCall(id=call_id, name="board_read", args={**key})
    args = {"key": words[1], "value": json.loads(words[2]), "version": int(words[3]), "why": "new"}
    return ToolCall(id=call_id, name="board_write", args=args)


def board_team(
    home: Path, *, free: bool = True, declared: Blackboard = DECLARED, name: str = "planner"
) -> Team:
    """A team of one with a blackboard; `free`: its writes are not asked about."""
    team = Team(
        "shop",
        specialists=with_board_tools(
            [Specialist(name, handles="plans")], declared_for(name, declared)
        ),
        policy=ApprovalPolicy((ALLOW_BOARD,) if free else ()),
        models={"fast": ("scripted",), "strong": ("scripted",)},
        home=home,
        transports=Transports({"scripted": lambda: ScriptedTransport(script)}),
    )
    team.spec = replace(team.spec, blackboard=declared)
    return team.apart()


def declared_for(name: str, declared: Blackboard) -> Blackboard:
    """The entries, without those that name somebody who is not in the team."""
    return replace(
        declared,
        entries=tuple(e for e in declared.entries if {e.owner, *e.writers} <= {"", "*", name}),
    )


@pytest.fixture
async def board(home: Path) -> AsyncGenerator[Board]:
    """The board of thread c1, as a person outside of any run uses it."""
    store = SqliteStore(home / "pointsman.db")

    @asynccontextmanager
    async def stores() -> AsyncGenerator[Store]:
        yield store

    yield Board(DECLARED, stores, "shop", "default", "c1", by="ana")
    await store.aclose()


async def decided(team: Team, decision: Approve | Edit | Reject) -> Result:
    """What becomes of the only open ticket."""
    (ticket,) = await team.tickets()
    result = await team.decide(ticket, decision)
    assert isinstance(result, Result)
    return result


async def test_a_write_is_proposed_and_approved(home: Path, board: Board) -> None:
    """By default a person approves it, as any write; then it is on the board, with who wrote it, in
    which run and why."""
    team = board_team(home, free=False)
    waiting = await team.run("write plan 5 0", thread="c1")
    (ticket,) = waiting.tickets
    assert (ticket.tool, [c.what for c in ticket.changes]) == ("board_write", ["board:plan"])
    assert await board.get("plan") is None
    result = await decided(team, Approve(by="ana"))
    assert result.answer == "done: plan is at version 1 now."
    got = await board.get("plan")
    assert got is not None
    assert (got.value, got.by, got.run, got.why) == (5, "planner", result.run, "new")


async def test_it_is_read_and_written_in_one_run(home: Path, board: Board) -> None:
    """What is absent has version 0; a list shows what is there; with the rule nobody is asked."""
    team = board_team(home)
    result = await team.run("read plan > write plan 5 0 > read plan > read", thread="c1")
    assert result.status == "done"
    absent, wrote, read, listed = result.answer.removeprefix("done: ").split(" | ")
    assert json.loads(absent) == {"key": "plan", "version": 0, "value": None}
    assert wrote == "plan is at version 1 now."
    assert json.loads(read) == {
        "key": "plan", "version": 1, "by": "planner", "why": "new", "value": 5,
    }  # fmt: skip
    assert json.loads(listed) == [{"key": "plan", "version": 1, "by": "planner", "why": "new"}]
    other = await team.run("read plan", thread="c2")
    assert json.loads(other.answer.removeprefix("done: "))["version"] == 0


async def test_a_late_write_is_refused_and_the_model_is_told(home: Path, board: Board) -> None:
    """What stands there stays; the model reads again and writes upon that."""
    await board.put("plan", 1, expect=0)
    team = board_team(home)
    result = await team.run("write plan 5 0 > read plan > write plan 6 1", thread="c1")
    refused, read, wrote = result.answer.removeprefix("done: ").split(" | ")
    assert "version 1 by ana stands there" in refused
    assert json.loads(read)["value"] == 1
    assert wrote == "plan is at version 2 now."
    assert [v.value for v in await board.history("plan")] == [6, 1]


async def test_a_resolver_settles_it(home: Path, board: Board) -> None:
    """The merged value is written."""
    await board.put("seen", ["a"], expect=0)
    await board_team(home).run('write seen ["b"] 0', thread="c1")
    got = await board.get("seen")
    assert got is not None
    assert got.value == ["a", "b"]


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("write plan true 0", "no list[int]@1"), ("write secret 1 0", "may not write"),
        ("write budget 1 0", "No entry"), ("read secret", "may not read"),
        ("read budget", "No entry"),
    ],
)  # fmt: skip
async def test_what_may_not_be_is_told_at_once(
    home: Path, board: Board, step: str, says: str
) -> None:
    """Nobody is asked to approve it, and the model reads why."""
    declared = replace(
        DECLARED, entries=(Entry("plan", list[int], owner="planner"), *DECLARED.entries[1:])
    )
    team = board_team(home, free=False, declared=declared)
    result = await team.run(step, thread="c1")
    assert result.status == "done"
    assert "error:" in result.answer
    assert says in result.answer
    assert await board.list() == ()


async def test_a_write_that_was_not_recorded_happens_once(home: Path, board: Board) -> None:
    """The entry was written and the ledger could not note it: taken up again the run finds it on
    the board, writes nothing, and goes on."""
    team = board_team(home)
    await team.runs()
    with closing(sqlite3.connect(home / "pointsman.db", isolation_level=None)) as db:
        db.execute(
            "CREATE TRIGGER broken BEFORE UPDATE ON effects BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        with pytest.raises(StoreError, match="no"):
            await team.run("write plan 5 0", thread="c1")
        db.execute("DROP TRIGGER broken")
    assert [v.value for v in await board.history("plan")] == [5]
    (row,) = await team.runs()
    result = await team.resume(row.run)
    assert result.answer == "done: plan is at version 1 now."
    assert [v.value for v in await board.history("plan")] == [5]


async def test_a_person_settles_a_conflict(home: Path, board: Board) -> None:
    """The ticket shows what stands there; approved, it is written over that."""
    await board.put("rate", 1, expect=0, why="from the bank")
    team = board_team(home)
    waiting = await team.run("write rate 5 0", thread="c1")
    (ticket,) = waiting.tickets
    assert ticket.held == "board:rate@1"
    for part in ("Two rates.", "version 1 by ana", "from the bank", ": 1"):
        assert part in ticket.reason
    result = await decided(team, Approve(by="bo"))
    assert result.answer == "done: rate is at version 2 now."
    assert [v.value for v in await board.history("rate")] == [5, 1]


async def test_a_person_writes_a_third_value(home: Path, board: Board) -> None:
    """An edit of the ticket is what is written."""
    await board.put("rate", 1, expect=0)
    team = board_team(home)
    await team.run("write rate 5 0", thread="c1")
    (ticket,) = await team.tickets()
    result = await decided(team, Edit(by="bo", args={**ticket.args, "value": 3}))
    assert result.status == "done"
    assert [v.value for v in await board.history("rate")] == [3, 1]


async def test_a_person_may_let_it_stand(home: Path, board: Board) -> None:
    """Rejected, nothing is written."""
    await board.put("rate", 1, expect=0)
    team = board_team(home)
    await team.run("write rate 5 0", thread="c1")
    await decided(team, Reject(by="bo", reason="The bank is right."))
    assert [v.value for v in await board.history("rate")] == [1]


async def test_a_decision_holds_for_what_was_shown(home: Path, board: Board) -> None:
    """It changed again since the ticket was opened: what nobody has seen is not overwritten."""
    await board.put("rate", 1, expect=0)
    team = board_team(home)
    await team.run("write rate 5 0", thread="c1")
    await board.put("rate", 2, expect=1)
    result = await decided(team, Approve(by="bo"))
    assert "version 2 by ana stands there" in result.answer
    assert [v.value for v in await board.history("rate")] == [2, 1]


async def test_an_approval_from_before_a_conflict_settles_none(home: Path, board: Board) -> None:
    """Approved while nothing stood there: what was written meanwhile stays."""
    team = board_team(home, free=False)
    await team.run("write rate 5 0", thread="c1")
    await board.put("rate", 1, expect=0)
    result = await decided(team, Approve(by="bo"))
    assert "version 1 by ana stands there" in result.answer
    assert [v.value for v in await board.history("rate")] == [1]


def test_tools_are_for_whom_an_entry_names() -> None:
    """Readers read, writers write too, others have neither; who alone writes an entry owns it."""
    given = [Specialist(name, handles=name) for name in ("planner", "reader", "other")]
    declared = Blackboard(
        (
            Entry("plan", int, owner="planner", readers=("reader",)),
            Entry("log/*", str, owner="planner", writers=("reader",)),
            Entry("state", int, owner="other", leased=True),
        )
    )
    planner, reader, other = with_board_tools(given, declared)
    names = [[t.name for t in s.tools] for s in (planner, reader, other)]
    assert names == [["board_read", "board_write"], ["board_read", "board_write"], ["board_read"]]
    assert (planner.owns, reader.owns, other.owns) == (("board:plan",), (), ())
    writes = [t.writes for s in (planner, reader) for t in s.tools if t.effect == "write"]
    assert writes == [("board:plan", "board:log/*"), ("board:log/*",)]
    assert with_board_tools(given, Blackboard()) == tuple(given)


def test_an_entry_for_a_stranger_is_refused(home: Path) -> None:
    """When the team is built, with all of its other faults."""
    for change in ({"owner": "x"}, {"writers": ("x",)}, {"readers": ("x",)}):
        given: Any = change
        shared = Blackboard((Entry("e", int, **given),))
        with pytest.raises(InvalidTeam, match="'x'"):
            Team("t", specialists=[Specialist("a", handles="a")], home=home, blackboard=shared)


async def test_the_tools_work_in_a_run_only() -> None:
    """Called elsewhere they say so."""
    (planner,) = with_board_tools(
        [Specialist("planner", handles="x")], declared_for("planner", DECLARED)
    )
    for tool in planner.tools:
        with pytest.raises(ToolFailed, match=r"team\.blackboard"):
            await tool.invoke(
                {"key": "plan", "value": 1, "why": "x"} if tool.effect == "write" else {}
            )
