"""How specialists use the blackboard: a tool that reads it, and one that writes through the ledger.

A specialist has them when an entry of the team names it. What they may touch is the entry's to say.
"""

import json
from collections.abc import Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, Field, JsonValue, model_validator

from pointsman.errors import InvalidEntry, Misconfigured
from pointsman.guardrails.policy import PolicyRule
from pointsman.nodes.digest import digest
from pointsman.nodes.message import Change, Escalation, Invocation, Message
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.nodes.specialist import Specialist
from pointsman.nodes.tool import AnyTool, Tool
from pointsman.teams.blackboard import Blackboard, Entry
from pointsman.teams.board import Board
from pointsman.teams.conflicts import Ask, Version
from pointsman.teams.doors import Doors
from pointsman.teams.store.protocol import Store

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

READ = "board_read"
WRITE = "board_write"
GUARD = "board"
ALLOW_BOARD = PolicyRule(
    "board", "allow", tools=(WRITE,), effect="write", stakes="low",
    reason="what specialists share stays inside the team",
)  # fmt: skip
"""Lets specialists write the blackboard unasked. Without it a person approves, as any write."""
_SHOWN = 1_500
_board: ContextVar["_Here"] = ContextVar("pointsman_board")


@dataclass(frozen=True)
class _Here:
    """The board of the call that runs."""

    board: Board
    over: int | None = None
    """The version that a person said is to be overwritten."""


class BoardRead(BaseModel):
    """Arguments of the tool that reads."""

    key: str = Field(default="", description="Which entry. Empty: which entries there are.")


class BoardWrite(BaseModel):
    """Arguments of the tool that writes."""

    key: str = Field(description="Which entry.")
    value: JsonValue = Field(description="The whole new value of the entry.")
    version: int = Field(
        default=0, ge=0, description="The version you have read; 0 when the entry is absent."
    )
    why: str = Field(max_length=500, description="Why, in a sentence, for whoever reads it next.")


def with_board_tools(
    specialists: Sequence[Specialist], declared: Blackboard
) -> tuple[Specialist, ...]:
    """The specialists, each with the tools for the entries that name it; who alone may write an
    entry owns it (`board:<key>`). That each entry names somebody of the team is for the check.
    """
    return tuple(_with_tools(s, declared) for s in specialists)


def _with_tools(specialist: Specialist, declared: Blackboard) -> Specialist:
    name = specialist.name
    reads = [e for e in declared.entries if e.may_read(name)]
    writes = [e for e in reads if e.may_write(name) and not e.leased]
    if not reads or any(tool.name in (READ, WRITE) for tool in specialist.tools):
        return specialist
    tools: list[AnyTool] = [_reader(reads)]
    if writes:
        tools.append(_writer(name, writes, declared))
    own = tuple(f"board:{e.name}" for e in writes if e.owner == name and not e.writers)
    return replace(specialist, tools=(*specialist.tools, *tools), owns=(*specialist.owns, *own))


def _reader(entries: Sequence[Entry[Any]]) -> AnyTool:
    listed = "; ".join(_told(entry) for entry in entries)
    return Tool(
        name=READ,
        description=f"Read what the team shares on its blackboard. Entries: {listed}.",
        effect="read",
        stakes="low",
        args_model=BoardRead,
        takes_model=True,
        fn=_read,
        timeout=30.0,
        egress=False,
        # Who wrote it may have copied it from a stranger's text.
        returns="document",
    )


def _writer(name: str, entries: Sequence[Entry[Any]], declared: Blackboard) -> AnyTool:
    listed = "; ".join(f"{_told(e)}, {json.dumps(e.json_schema)}" for e in entries)
    return Tool(
        name=WRITE,
        description=(
            "Write an entry of the team's blackboard. Read it first, and give the version that you"
            f" have read. Entries and the JSON Schemas of their values: {listed}."
        ),
        effect="write",
        stakes="low",
        args_model=_fitting(name, declared),
        takes_model=True,
        fn=_write,
        timeout=30.0,
        preview=_preview,
        reconcile=_written,
        writes=tuple(f"board:{e.name}" for e in entries),
    )


def _told(entry: Entry[Any]) -> str:
    return f"{entry.name} ({entry.about})" if entry.about else entry.name


def _fitting(name: str, declared: Blackboard) -> type[BoardWrite]:
    """Arguments that fit this specialist's entries: what does not is told to the model at once,
    before anybody is asked to approve it."""

    class Fitting(BoardWrite):
        @model_validator(mode="after")
        def fits(self) -> "Fitting":
            try:
                entry = declared.entry(self.key)
                if not entry.may_write(name) or entry.leased:
                    raise InvalidEntry(f"Specialist {name!r} may not write {self.key!r}.")
                entry.dumped(self.key, self.value)
            except InvalidEntry as error:
                raise ValueError(error.message.rstrip(".")) from error
            return self

    Fitting.__name__ = Fitting.__qualname__ = "BoardWrite"
    return Fitting


async def _read(call: BoardRead) -> JsonValue:
    board = _here().board
    if not call.key:
        found = await board.list()
        return [{"key": v.key, "version": v.version, "by": v.by, "why": v.why} for v in found]
    stands = await board.get(call.key)
    if stands is None:
        return {"key": call.key, "version": 0, "value": None}
    return _shown(board.declared, stands)


async def _write(call: BoardWrite) -> str:
    here = _here()
    expect = call.version if here.over is None else here.over
    made = await here.board.put(call.key, call.value, expect=expect, why=call.why)
    return _result(made)


async def _written(call: BoardWrite) -> str | None:
    made = await _here().board.made(call.key)
    return None if made is None else _result(made)


def _preview(call: BoardWrite) -> Change:
    before = f"version {call.version}" if call.version else "absent"
    return Change(what=f"board:{call.key}", before=before, after=_clipped(call.value))


def _here() -> _Here:
    try:
        return _board.get()
    except LookupError:
        raise Misconfigured(
            "The blackboard's tools work inside a team's run only.",
            hint="Use team.blackboard(thread=...) elsewhere.",
        ) from None


def _result(made: Version[Any]) -> str:
    return f"{made.key} is at version {made.version} now."


def _shown(declared: Blackboard, stands: Version[Any]) -> JsonValue:
    text = declared.entry(stands.key).dumped(stands.key, stands.value)
    value = cast("JsonValue", json.loads(text))
    return {
        "key": stands.key, "version": stands.version, "by": stands.by, "why": stands.why,
        "value": value,
    }  # fmt: skip


def _clipped(value: JsonValue) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ... ({len(text):,} characters)"


@dataclass(frozen=True)
class BoardGuard:
    """Gives a call of a blackboard tool the board of its run. Asks a person where the entry's
    resolver wants one, and then writes over that very version that the person was shown."""

    store: Store
    declared: Blackboard
    specialist: str
    name: str = GUARD

    def wrap(self, inner: Node) -> Node:
        """The guarded node."""

        async def at_board(message: Message, run: Run) -> Message:
            call = message.payload
            if not isinstance(call, Invocation):
                raise TypeError(f"a blackboard tool cannot take this {call.kind!r}")
            here = _Here(self._board(call, run))
            if call.call.name == WRITE:
                judged = await self._judged(here, call, run)
                if isinstance(judged, Escalation):
                    return message.reply(judged, sender=WRITE)
                here = judged
            token = _board.set(here)
            try:
                return await inner(message, run)
            finally:
                _board.reset(token)

        return at_board

    def _board(self, call: Invocation, run: Run) -> Board:
        @asynccontextmanager
        async def stores() -> "AsyncGenerator[Store]":
            yield self.store

        return Board(
            self.declared, stores, run.team, run.tenant, run.thread, by=self.specialist,
            run=run.id, specialist=self.specialist,
            once=digest("board", run.id, self.specialist, call.call.id, call.call.args),
        )  # fmt: skip

    async def _judged(self, here: _Here, call: Invocation, run: Run) -> _Here | Escalation:
        args = BoardWrite.model_validate(call.call.args)
        found = await here.board.disputed(args.key, args.value, expect=args.version, why=args.why)
        if found is None or not isinstance(found[1], Ask):
            return here
        conflict, ask = found
        theirs = conflict.theirs
        version = theirs.version if theirs else 0
        held = f"{self.name}:{args.key}@{version}"
        if await self._overruled(held, call, run):
            return replace(here, over=version)
        stands = "it is absent now" if theirs is None else (
            f"version {version} by {theirs.by or 'somebody unnamed'} stands there"
            f" ({theirs.why or 'no reason given'}): "
            + _clipped(cast("dict[str, JsonValue]", _shown(self.declared, theirs))["value"])
        )  # fmt: skip
        reason = f"{ask.why} {self.specialist} had read version {args.version}, and {stands}."
        rule = held.removeprefix(f"{self.name}:")
        return Escalation(stage="input", guard=self.name, rule=rule, reason=reason, held=call)

    async def _overruled(self, held: str, call: Invocation, run: Run) -> bool:
        """Whether a person, shown that version, approved writing over it."""
        tickets = await self.store.tickets(run.team, status="approved", run=run.id)
        return any(t.held == held and t.call_id == call.call.id for t in tickets)


def board_doors(doors: Doors, declared: Blackboard, store: Store) -> Doors:
    """The doors, with the store's board behind those of the blackboard's tools."""
    if not declared.entries:
        return doors
    return Doors(
        {
            name: {
                tool: replace(door, filters=(*door.filters, BoardGuard(store, declared, name)))
                if tool in (READ, WRITE)
                else door
                for tool, door in by_tool.items()
            }
            for name, by_tool in doors.by_specialist.items()
        }
    )
