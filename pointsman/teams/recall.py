"""What a run remembers of its thread: the last messages within a bound, a summary of what came
before, and what a store of the user's own knows. The messages themselves are kept whole."""

import asyncio
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pointsman.errors import PointsmanError, StoreError, is_control_flow
from pointsman.guardrails.content import ContentFilter
from pointsman.nodes.event import Summarised
from pointsman.nodes.gateway.cost import input_tokens
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.meeting import through
from pointsman.nodes.message import Answer, Frozen, Message, Quote, Request, Turn
from pointsman.nodes.run import Run
from pointsman.nodes.vault import SHAPE
from pointsman.prompts.library import PromptLibrary
from pointsman.teams.services import Services
from pointsman.teams.spec import TeamSpec
from pointsman.teams.store.rows import Logged, RunRow, Summary
from pointsman.teams.tape import StepTape

log = logging.getLogger("pointsman.teams")

MOST_LOGGED = 200
"""Messages of a thread that are looked at for one run; older ones were summed up, or are left."""
SUMMARY = "summary of the conversation so far"


@dataclass(frozen=True, slots=True)
class Recalled:
    """What a run is given: messages of its thread, oldest first, and quotes that nobody said."""

    messages: tuple[Message, ...]
    quotes: tuple[Quote, ...] = ()


class _Kept(Frozen):
    """What was recalled, as a tape keeps it: which messages of the log, and the quotes."""

    first: int
    """The place of the first message in the log; the others follow it."""
    count: int
    quotes: tuple[Quote, ...]


async def recall(
    spec: TeamSpec, services: Services, row: RunRow, request: Request, tape: StepTape
) -> Recalled:
    """What the run sees of its thread. A summary or a fact store that fails is done without."""
    messages: tuple[Logged, ...] = ()

    async def look(run: Run) -> str:
        nonlocal messages
        messages, quotes = await _looked(spec, services, row, request, run)
        first = messages[0].seq if messages else 0
        return _Kept(first=first, count=len(messages), quotes=quotes).model_dump_json()

    run = services.run_for(row, "memory", tape=tape)
    kept = _Kept.model_validate_json(await through("memory", "thread", {}, run, look))
    if len(messages) != kept.count:
        # A fork is apart from the thread, and sees what the run that it is a fork of saw.
        origin = await services.store.find_run(row.fork_of) if row.fork_of else row
        messages = await services.store.logged(
            origin or row, after=kept.first - 1, limit=kept.count
        )
    return Recalled(tuple(one.message for one in messages), kept.quotes)


async def _looked(
    spec: TeamSpec, services: Services, row: RunRow, request: Request, run: Run
) -> tuple[tuple[Logged, ...], tuple[Quote, ...]]:
    memory = spec.memory
    before = await services.store.summary(row) if memory.summary else None
    limit = MOST_LOGGED if memory.summary else spec.window
    after = before.upto if before else 0
    logged = await services.store.logged(row, after=after, limit=limit)
    kept = _fitting(logged, memory.tokens, spec.window)
    if memory.summary and len(kept) < len(logged):
        half = _fitting(logged, memory.tokens // 2, max(1, spec.window // 2))
        made = await _summed(spec, services, run, before, logged[: len(logged) - len(half)])
        if made is not None:
            await services.store.add_summary(row, made)
            before, kept = made, half
    quotes = () if before is None else (Quote(origin="model", source=SUMMARY, text=before.text),)
    if not run.tape.plays:
        quotes += await _facts(spec, row, request)
    return kept, quotes


def _fitting(logged: Sequence[Logged], tokens: int, most: int) -> tuple[Logged, ...]:
    """The newest messages that fit."""
    kept: list[Logged] = []
    for one in reversed(logged[-most:] if most else ()):
        tokens -= _tokens(one.message)
        if tokens < 0:
            break
        kept.append(one)
    return tuple(reversed(kept))


def _tokens(message: Message) -> int:
    turn = _turn(message)
    if turn is None:
        return 0
    return input_tokens(ModelRequest(turns=(turn,))) - input_tokens(ModelRequest(turns=()))


def _turn(message: Message) -> Turn | None:
    match message.payload:
        case Request(text=text):
            return Turn(role="user", content=text)
        case Answer(text=text):
            return Turn(role="assistant", content=text)
        case _:
            return None


async def _summed(
    spec: TeamSpec, services: Services, run: Run, before: Summary | None, old: Sequence[Logged]
) -> Summary | None:
    """A new summary of the one before and of these messages; None when no model gave one."""
    given = services.spec.prompts  # those of the run's release
    folders = (given,) if given else ()
    # Prompt files are read when they are wanted, which is seldom, and not on the loop.
    prompt = await asyncio.to_thread(lambda: PromptLibrary(folders).get("memory/summary"))
    turns = tuple(turn for turn in (_turn(one.message) for one in old) if turn is not None)
    said = Request(text=before.text if before else "", history=turns)
    for guard in spec.guards:
        if isinstance(guard, ContentFilter):
            said = guard.masked(said)
    lines = [f"Summary so far: {said.text}"] if said.text else []
    lines += [f"{turn.role}: {turn.content}" for turn in said.history]
    asked = ModelRequest(
        turns=(
            Turn(role="system", content=prompt.render({"words": str(spec.memory.words)})),
            # A placeholder stands for a value of one run only; in a later one it would be another.
            Turn(role="user", content=SHAPE.sub(_worded, "\n".join(lines))),
        ),
        max_tokens=spec.memory.words * 3,
        purpose="summary",
        prompt_version=f"{prompt.name}@{prompt.version}",
        tier=spec.memory.tier,
    )
    try:
        reply = await services.gateway.complete(asked, run)
        await services.gateway.settle(run, keep=True)
    except StoreError:
        raise
    except PointsmanError as error:
        log.warning("run %s goes on without a summary: %s", run.id, error)
        return None
    if not reply.text.strip():
        return None
    run.emit(Summarised(messages=len(old), upto=old[-1].seq))
    return Summary(upto=old[-1].seq, text=SHAPE.sub(_worded, reply.text.strip()), run=run.id)


def _worded(placeholder: "re.Match[str]") -> str:
    return f"(redacted {placeholder[1].lower()})"


async def _facts(spec: TeamSpec, row: RunRow, request: Request) -> tuple[Quote, ...]:
    memory = spec.memory
    if memory.facts is None:
        return ()
    try:
        found = await memory.facts.asearch(
            (row.team, row.tenant), query=request.text, limit=memory.most_facts
        )
    except Exception as error:
        if is_control_flow(error):
            raise
        log.warning("run %s goes on without its fact store: %s", row.run, error)
        return ()
    return tuple(
        Quote(
            origin="document",
            source=f"facts: {one.key}",
            text=json.dumps(one.value, ensure_ascii=False, default=str),
        )
        for one in found[: memory.most_facts]
    )
