"""A specialist: its description, and the node that runs its tool loop.

Reads run inside the loop, where the policy lets them; writes are proposed and never run here.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal, TypeVar, cast

from pydantic import BaseModel, ValidationError

from pointsman.errors import BadOutput, Misconfigured
from pointsman.nodes.contract import Condition, Contract
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.gateway.embedding import Similar
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.handed import handed, inline, is_handed, shown
from pointsman.nodes.handoff import Transfer
from pointsman.nodes.message import (
    Answer,
    Escalation,
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
from pointsman.nodes.sees import Sees
from pointsman.nodes.tool import AnyTool
from pointsman.nodes.toolnode import ToolNode, read
from pointsman.nodes.transcript import (
    asked,
    earlier_result,
    example_turns,
    outcome_turns,
    told_apart,
    tool_turn,
)
from pointsman.nodes.work import Work
from pointsman.prompts.library import Prompt

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
    does: Work | None = None
    """What it does in place of asking its model: a plan, a panel or a team. Its own prompt and
    tools then serve for nothing."""
    guards: tuple[object, ...] = ()
    """Further guards (`guardrails.guard.Guard`), innermost."""
    leak: Literal["block", "redact", "shadow", "off"] = "shadow"
    """What comes of an answer that tells a long run of the prompt: refused, cut out, or (on trial)
    only recorded."""
    quotable: tuple[str, ...] = ()
    """Parts of the prompt that it may tell, such as a greeting or a policy."""
    hands_off_to: tuple[str, ...] = ()
    sees: Sees = field(default_factory=Sees)
    """What it sees of a conversation that another specialist hands on to it."""
    owns: tuple[str, ...] = ()
    """Names or globs of the resources that only its tools may change (`Tool.writes`), e.g.
    `orders/*`. The check refuses two owners of one."""
    limits: Mapping[str, tuple[Condition, ...]] = field(
        default_factory=dict[str, tuple[Condition, ...]]
    )
    """By tool: what its arguments must be, e.g. `{"refund": (Limit("usd", at_most=50),)}`.

    A call outside is told to the model and never asked about, and an edit by a reviewer that leads
    outside is refused: a person approves an action of this role, and cannot make the role a greater
    one. Whoever needs more changes the role, in code."""
    tier: str = "fast"
    cache: bool | Similar = True
    """Whether its model's answers are cached, and whether the answer to a similar request may
    serve. The latter only where none of its tools writes."""
    timeout: float = 60.0
    """Seconds one visit may take."""
    max_steps: int = 6
    """Model calls one visit may make."""
    max_tokens: int = 256
    max_concurrent: int | None = None
    """Visits at once, in one process; more wait their turn. None: no bound."""
    shards: int = 0
    """On many machines: how many pools of its own its threads are spread over, each thread always
    to the same. For a specialist that keeps something of a thread in memory. 0: one pool."""

    def __post_init__(self) -> None:
        tools = {tool.name: tool for tool in self.tools}
        if isinstance(self.cache, Similar) and any(t.effect == "write" for t in self.tools):
            raise Misconfigured(
                f"Specialist {self.name!r} can write and would take answers of similar requests.",
                hint="Give it cache=True, which serves the same request only.",
            )
        for name, conditions in self.limits.items():
            fault = _limit_fault(name, tools.get(name), conditions)
            if fault:
                raise Misconfigured(
                    f"Specialist {self.name!r}: {fault}", hint="Correct its `limits`."
                )

    @property
    def contract(self) -> Contract:
        """What it may take, give and do."""
        return Contract(
            role=self.name,
            input=self.input,
            output=self.output,
            actions=frozenset(t.name for t in self.tools),
            hands_off_to=frozenset(self.hands_off_to),
            limits=self.limits,
            reveals={t.name: t.reveals for t in self.tools},
        )


def _limit_fault(name: str, tool: AnyTool | None, conditions: tuple[Condition, ...]) -> str:
    if tool is None:
        return f"it has no tool {name!r}, which `limits` names."
    if not isinstance(cast("object", conditions), tuple):
        return f"limits[{name!r}] is no tuple of conditions."
    for condition in conditions:
        if condition.argument.split(".")[0] not in tool.args_model.model_fields:
            return f"tool {name!r} has no argument {condition.argument!r}, which `limits` names."
    return ""


def stays_here(
    tool: AnyTool, args: JsonObject, request: Request, transcript: tuple[Turn, ...], run: Run
) -> bool:
    """Without a policy: whether it is a read that does not leave the machine."""
    return tool.effect == "read" and not tool.leaves_machine(args)


class ToolLoop:
    """The node of one specialist: ask the model, run the reads it wants, until it answers,
    proposes what it may not just run, or hands off.

    `free` says which reads may just run; every write is proposed. `nodes` are the tools as they may
    be called, inside their guards; without them each is called as it is. `transfers` are the tools
    that hand on, with the input of who gets it; without them a hand-off gives no data. Raises
    BadOutput when `max_steps` model calls bring no answer, or the answer does not fit the output
    schema after one repair try; and what the gateway raises.
    """

    def __init__(
        self,
        specialist: Specialist,
        *,
        team: str,
        prompt: Prompt,
        repair: Prompt,
        free: Free = stays_here,
        nodes: Mapping[str, Node] | None = None,
        transfers: Sequence[Transfer] | None = None,
    ) -> None:
        self._spec = specialist
        self._contract = specialist.contract
        self._nodes = nodes or {tool.name: ToolNode(tool) for tool in specialist.tools}
        self._free = free
        self._repair = repair
        self._tools = {tool.name: tool for tool in specialist.tools}
        given_on = transfers or [Transfer(name) for name in specialist.hands_off_to]
        self._transfers = {one.name: one for one in given_on}
        given = {"name": specialist.name, "handles": specialist.handles, "team": team}
        given |= specialist.variables
        wanted = {name: given[name] for name in prompt.variables if name in given}
        self._system = Turn(role="system", content=prompt.render(wanted))
        self._examples = tuple(example_turns(prompt))
        self._version = f"{prompt.name}@{prompt.version}"
        self._specs = (
            *(tool.spec for tool in specialist.tools),
            *(transfer.spec for transfer in self._transfers.values()),
        )

    @property
    def instructions(self) -> str:
        """The system prompt, rendered."""
        return self._system.content

    async def __call__(self, message: Message, run: Run) -> Message:
        payload = message.payload
        match payload:
            case Request():
                told = asked(payload) if self._specs else asked(payload) + inline(payload)
                first = Turn(role="user", content=told)
                request, transcript = payload, (first, *shown(payload, tools=bool(self._specs)))
            case Outcomes():
                request, transcript = payload.request, payload.transcript + outcome_turns(payload)
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
            if run.read is not None:
                run.read.restart()  # what it said before it called is no answer
            calls = told_apart(reply.tool_calls, transcript)
            transcript += (Turn(role="assistant", content=reply.text, tool_calls=calls),)
            tried = await asyncio.gather(*(self._try(c, request, transcript, run) for c in calls))
            done = self._once_each(calls, tried)
            transcript += tuple(turn for turn in done if isinstance(turn, Turn))
            held = tuple(one for one in done if isinstance(one, Escalation))
            open_calls = tuple(
                call for call, one in zip(calls, done, strict=True) if not isinstance(one, Turn)
            )
            for call in open_calls:
                if call.name in self._transfers:
                    return self._handed_on(call, request, transcript)
            if open_calls:
                return Proposal(request=request, calls=open_calls, transcript=transcript, held=held)
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
                cacheable=self._spec.cache is not False,
                similar=self._spec.cache if isinstance(self._spec.cache, Similar) else None,
            ),
            run,
            run.read if self._spec.output is None else None,
        )

    async def _try(
        self, call: ToolCall, request: Request, transcript: tuple[Turn, ...], run: Run
    ) -> Turn | Escalation | None:
        """The tool turn for a call that can be settled now; None for a proposal or a hand-off; what
        a guard of the tool says that asks for a person."""
        if call.name in self._transfers:
            return _misfit(self._transfers[call.name], call)
        tool = self._tools.get(call.name)
        if tool is None:
            return tool_turn(call, f"error: there is no tool named {call.name!r}")
        try:
            args = tool.frozen(call.args)
        except BadOutput as error:
            return tool_turn(call, f"error: {error}")
        fault = self._contract.fault(tool.name, args)
        if fault:
            return tool_turn(call, f"error: {fault}")
        if tool.effect == "read" and self._free(tool, args, request, transcript, run):
            frozen = call.model_copy(update={"args": args})
            came = await read(self._nodes[tool.name], tool, frozen, run)
            return came if isinstance(came, Escalation) else tool_turn(call, came)
        before = earlier_result(tool, args, transcript)
        return tool_turn(call, before) if before is not None else None

    def _once_each(
        self, calls: tuple[ToolCall, ...], tried: list[Turn | Escalation | None]
    ) -> tuple[Turn | Escalation | None, ...]:
        """`tried`, with every open call that stands twice in one answer settled but the first."""
        seen: set[str] = set()
        done: list[Turn | Escalation | None] = []
        for call, turn in zip(calls, tried, strict=True):
            tool = self._tools.get(call.name)
            if not isinstance(turn, Turn) and tool is not None:
                key = digest(tool.name, tool.frozen(call.args))
                turn = tool_turn(call, _REPEATED) if key in seen else turn  # noqa: PLW2901 (the turn as it becomes)
                seen.add(key)
            done.append(turn)
        return tuple(done)

    def _handed_on(self, call: ToolCall, request: Request, transcript: tuple[Turn, ...]) -> Handoff:
        transfer = self._transfers[call.name]
        given = transfer.read(call)
        quotes = handed(
            self._spec.name, given.reason, request, transcript, self._tools, given.summary
        )
        onward = request.model_copy(update={"handed": quotes})
        return Handoff(
            to=transfer.to, reason=given.reason, request=onward, data=given.data,
            summary=given.summary,
        )  # fmt: skip

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
        read_before = (quote.text for quote in request.handed if quote.origin != "model")
        results = (t.content for t in transcript if t.role == "tool" and not is_handed(t, request))
        evidence = tuple(t for t in (request.text, *said, *read_before, *results) if t)
        return Answer(text=text.strip(), data=data, by="model", evidence=evidence)


_REPEATED = "error: the same call stands in this answer already; it is proposed once"


def _misfit(transfer: Transfer, call: ToolCall) -> Turn | None:
    """What the model is told of a hand-off whose data does not fit; None where it does."""
    try:
        transfer.read(call)
    except BadOutput as error:
        return tool_turn(call, f"error: {error}")
    return None
