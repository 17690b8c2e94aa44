"""A specialist: its description, and the node that runs its tool loop.

Reads run inside the loop, where the policy lets them; writes are proposed and never run here.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TypeVar, cast

from pydantic import BaseModel, ValidationError

from pointsman.errors import BadOutput, ToolFailed
from pointsman.nodes import telemetry
from pointsman.nodes.contract import Contract
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.event import ToolCalled
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, ToolSpec
from pointsman.nodes.message import (
    Answer,
    Handoff,
    Message,
    Outcomes,
    Payload,
    Proposal,
    Request,
    ToolCall,
    Turn,
)
from pointsman.nodes.node import Node
from pointsman.nodes.run import Run
from pointsman.nodes.tool import Tool
from pointsman.prompts.library import Prompt

HANDOFF = "transfer_to_"
"""Prefix of the tool by which a model hands off; the rest is the specialist's name."""
AnyTool = Tool[..., object]
Free = Callable[[AnyTool, JsonObject, Request, tuple[Turn, ...], Run], bool]
"""Whether a call with these frozen arguments may run at once, unasked."""
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class Specialist:
    """Who does one kind of work: what it handles, its prompt, its tools, its contract."""

    name: str
    _: KW_ONLY
    handles: str
    """What it is for, in a line. The router reads it."""
    prompt: str = ""
    """Name of a prompt file, e.g. `support/billing`; the package's default without one."""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    """Values for the prompt's variables, beside `name`, `handles` and `team`."""
    tools: tuple[AnyTool, ...] = ()
    examples: tuple[str, ...] = ()
    """Messages it should get. The router shows them to the model."""
    input: type[BaseModel] | None = None
    output: type[BaseModel] | None = None
    """Schema of its answer; None for text."""
    fallback: Node | None = None
    """Rule-based stand-in for bad output, time-outs and overloaded models."""
    guards: tuple[object, ...] = ()
    """Further guards (`guardrails.guard.Guard`), innermost."""
    hands_off_to: tuple[str, ...] = ()
    tier: str = "fast"
    timeout: float = 60.0
    """Seconds one visit may take."""
    max_steps: int = 6
    """Model calls one visit may make."""
    max_tokens: int = 256

    @property
    def contract(self) -> Contract:
        """What it may take, give and do."""
        return Contract(
            role=self.name,
            input=self.input,
            output=self.output,
            actions=frozenset(t.name for t in self.tools),
            hands_off_to=frozenset(self.hands_off_to),
        )


def stays_here(
    tool: AnyTool, args: JsonObject, request: Request, transcript: tuple[Turn, ...], run: Run
) -> bool:
    """Without a policy: whether it is a read that does not leave the machine."""
    return tool.effect == "read" and not tool.leaves_machine(args)


class ToolLoop:
    """The node of one specialist: ask the model, run the reads it wants, until it answers,
    proposes what it may not just run, or hands off.

    `free` says which reads may just run; every write is proposed. Raises BadOutput when `max_steps`
    model calls bring no answer, or the answer does not fit the output schema after one repair try;
    and what the gateway raises.
    """

    def __init__(
        self,
        specialist: Specialist,
        *,
        team: str,
        prompt: Prompt,
        repair: Prompt,
        free: Free = stays_here,
    ) -> None:
        self._spec = specialist
        self._free = free
        self._repair = repair
        self._tools = {tool.name: tool for tool in specialist.tools}
        self._handoffs = frozenset(HANDOFF + name for name in specialist.hands_off_to)
        given = {"name": specialist.name, "handles": specialist.handles, "team": team}
        given |= specialist.variables
        wanted = {name: given[name] for name in prompt.variables if name in given}
        self._system = Turn(role="system", content=prompt.render(wanted))
        self._examples = tuple(_example_turns(prompt))
        self._version = f"{prompt.name}@{prompt.version}"
        self._specs = (
            *(tool.spec for tool in specialist.tools),
            *(_handoff_spec(name) for name in specialist.hands_off_to),
        )

    async def __call__(self, message: Message, run: Run) -> Message:
        payload = message.payload
        match payload:
            case Request():
                request, transcript = payload, (Turn(role="user", content=_asked(payload)),)
            case Outcomes():
                request, transcript = payload.request, payload.transcript + _outcome_turns(payload)
            case _:
                raise TypeError(f"specialist {self._spec.name!r} cannot take {payload.kind!r}")
        answer = await self._loop(request, transcript, run)
        return message.reply(answer, sender=self._spec.name)

    async def _loop(self, request: Request, transcript: tuple[Turn, ...], run: Run) -> Payload:
        structured = self._spec.output is not None and not self._specs
        for _ in range(0 if structured else self._spec.max_steps):
            reply = await self._ask(request, transcript, run)
            if not reply.tool_calls:
                if self._spec.output is not None:
                    break
                return self._answer(reply.text, None, request, transcript)
            calls = _told_apart(reply.tool_calls, transcript)
            transcript += (Turn(role="assistant", content=reply.text, tool_calls=calls),)
            tried = await asyncio.gather(*(self._try(c, request, transcript, run) for c in calls))
            done = self._once_each(calls, tried)
            transcript += tuple(turn for turn in done if turn is not None)
            open_calls = tuple(c for c, turn in zip(calls, done, strict=True) if turn is None)
            for call in open_calls:
                if call.name in self._handoffs:
                    reason = str(call.args.get("reason", ""))
                    to = call.name.removeprefix(HANDOFF)
                    return Handoff(to=to, reason=reason, request=request)
            if open_calls:
                return Proposal(request=request, calls=open_calls, transcript=transcript)
        if self._spec.output is None:
            raise BadOutput(
                f"Specialist {self._spec.name!r} gave no answer within {self._spec.max_steps} model"
                " calls.",
                hint="Raise max_steps, or make its tools answer in fewer calls.",
            )
        return await self._structured(self._spec.output, request, transcript, run)

    async def _ask(
        self,
        request: Request,
        transcript: tuple[Turn, ...],
        run: Run,
        output: type[BaseModel] | None = None,
    ) -> ModelReply:
        return await run.gateway.complete(
            ModelRequest(
                turns=(self._system, *request.history, *transcript),
                examples=self._examples,
                tools=() if output else self._specs,
                output_schema=output.model_json_schema() if output else None,
                max_tokens=self._spec.max_tokens,
                purpose="act",
                prompt_version=self._version,
                tier=self._spec.tier,
            ),
            run,
        )

    async def _try(
        self, call: ToolCall, request: Request, transcript: tuple[Turn, ...], run: Run
    ) -> Turn | None:
        """The tool turn for a call that can be settled now; None for a proposal or a hand-off."""
        if call.name in self._handoffs:
            return None
        tool = self._tools.get(call.name)
        if tool is None:
            return _tool_turn(call, f"error: there is no tool named {call.name!r}")
        try:
            args = tool.frozen(call.args)
        except BadOutput as error:
            return _tool_turn(call, f"error: {error}")
        if tool.effect == "read" and self._free(tool, args, request, transcript, run):
            return _tool_turn(call, await invoke(tool, args, run, call.id))
        before = _earlier_result(tool, args, transcript)
        return _tool_turn(call, before) if before is not None else None

    def _once_each(
        self, calls: tuple[ToolCall, ...], tried: list[Turn | None]
    ) -> tuple[Turn | None, ...]:
        """`tried`, with every open call that stands twice in one answer settled but the first."""
        seen: set[str] = set()
        done: list[Turn | None] = []
        for call, turn in zip(calls, tried, strict=True):
            tool = self._tools.get(call.name)
            if turn is None and tool is not None:
                key = digest(tool.name, tool.frozen(call.args))
                turn = _tool_turn(call, _REPEATED) if key in seen else None  # noqa: PLW2901
                seen.add(key)
            done.append(turn)
        return tuple(done)

    async def _structured(
        self, output: type[BaseModel], request: Request, transcript: tuple[Turn, ...], run: Run
    ) -> Answer:
        reply = await self._ask(request, transcript, run, output)
        try:
            return self._parsed(output, reply.text, request, transcript)
        except ValidationError as error:
            fault = str(error)
        complaint = self._repair.render(
            {"error": fault, "schema": json.dumps(output.model_json_schema())}
        )
        again = (
            *transcript,
            Turn(role="assistant", content=reply.text),
            Turn(role="user", content=complaint),
        )
        reply = await self._ask(request, again, run, output)
        try:
            return self._parsed(output, reply.text, request, transcript)
        except ValidationError as error:
            raise BadOutput(
                f"Specialist {self._spec.name!r} answered twice with something that is no"
                f" {output.__name__}: {error.error_count()} faults.",
                hint="Simplify the schema, or use a stronger model for it.",
            ) from error

    def _parsed(
        self, output: type[_Model], text: str, request: Request, transcript: tuple[Turn, ...]
    ) -> Answer:
        value = output.model_validate_json(text)
        data = cast("JsonObject", value.model_dump(mode="json"))
        shown = data.get("answer", data.get("text"))
        return self._answer(shown if isinstance(shown, str) else text, data, request, transcript)

    def _answer(
        self, text: str, data: JsonObject | None, request: Request, transcript: tuple[Turn, ...]
    ) -> Answer:
        if not text.strip():
            raise BadOutput(f"Specialist {self._spec.name!r} gave an empty answer.")
        said = (turn.content for turn in request.history)
        results = (turn.content for turn in transcript if turn.role == "tool")
        evidence = tuple(t for t in (request.text, *said, *results) if t)
        return Answer(text=text.strip(), data=data, by="model", evidence=evidence)


async def invoke(tool: AnyTool, args: JsonObject, run: Run, call_id: str) -> str:
    """Run a read tool; its result, or a line that begins with `error:`, as text for the model."""
    began = time.perf_counter()
    failed = ""
    attributes = {telemetry.OPERATION: "execute_tool", telemetry.TOOL: tool.name}
    with telemetry.span(
        f"execute_tool {tool.name}", {**attributes, telemetry.TOOL_CALL: call_id}
    ) as span:
        try:
            text = await tool.invoke(args)
        except ToolFailed as error:
            failed, text = str(error), f"error: {error}"
            span.set_attribute(telemetry.ERROR_TYPE, "ToolFailed")
    run.emit(
        ToolCalled(
            tool=tool.name,
            specialist=run.specialist,
            effect=tool.effect,
            args_digest=digest(tool.name, args),
            ok=not failed,
            error=failed,
            seconds=time.perf_counter() - began,
        )
    )
    return text


def _tool_turn(call: ToolCall, text: str) -> Turn:
    return Turn(role="tool", content=text, tool_call_id=call.id, name=call.name)


def _outcome_turns(payload: Outcomes) -> tuple[Turn, ...]:
    prefix = {"done": "", "answered": "A person answered instead: "}
    return tuple(
        Turn(
            role="tool",
            content=prefix.get(o.status, f"{o.status}: ") + o.text,
            tool_call_id=o.call_id,
            name=o.tool,
        )
        for o in payload.outcomes
    )


_REPEATED = "error: the same call stands in this answer already; it is proposed once"


def _told_apart(calls: tuple[ToolCall, ...], transcript: tuple[Turn, ...]) -> tuple[ToolCall, ...]:
    """The calls with ids no other call of the transcript has. Rulings, tickets and results are kept
    by them, so a model that repeats an id must not make one stand for another."""
    taken = {call.id for turn in transcript for call in turn.tool_calls}
    apart: list[ToolCall] = []
    for call in calls:
        fresh, n = call.id, 1
        while fresh in taken:
            n += 1
            fresh = f"{call.id}_{n}"
        taken.add(fresh)
        apart.append(call if fresh == call.id else call.model_copy(update={"id": fresh}))
    return tuple(apart)


def _earlier_result(tool: AnyTool, args: JsonObject, transcript: tuple[Turn, ...]) -> str | None:
    """What became of the very same call earlier in this run: it is never proposed twice.

    `args` are frozen; earlier calls are compared in that form too, however the model wrote them.
    """
    results = {turn.tool_call_id: turn.content for turn in transcript if turn.role == "tool"}
    for turn in transcript:
        for call in turn.tool_calls:
            if call.name == tool.name and call.id in results and _frozen(tool, call) == args:
                return results[call.id]
    return None


def _frozen(tool: AnyTool, call: ToolCall) -> JsonObject | None:
    try:
        return tool.frozen(call.args)
    except BadOutput:
        return None


def _asked(request: Request) -> str:
    files = "".join(
        f"\n[attachment {a.name or a.uri}: {a.media_type}, {a.uri}]" for a in request.attachments
    )
    return request.text + files


def _handoff_spec(name: str) -> ToolSpec:
    return ToolSpec(
        HANDOFF + name,
        f"Hand this request to {name}.",
        {
            "type": "object",
            "properties": {"reason": {"type": "string"}},
            "required": ["reason"],
        },
    )


def _example_turns(prompt: Prompt) -> list[tuple[Turn, ...]]:
    """Worked examples of a prompt file as transcripts."""
    shown: list[tuple[Turn, ...]] = []
    for n, example in enumerate(prompt.examples):
        turns = [Turn(role="user", content=example.user)]
        for k, call in enumerate(example.calls):
            made = ToolCall(id=f"example_{n}_{k}", name=call.tool, args=dict(call.args))
            turns += [Turn(role="assistant", tool_calls=(made,)), _tool_turn(made, call.result)]
        if example.answer:
            turns.append(Turn(role="assistant", content=example.answer))
        shown.append(tuple(turns))
    return shown
