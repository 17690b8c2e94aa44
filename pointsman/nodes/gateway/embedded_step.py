"""The small jobs the tiny model gets: choose a word, choose an action and fill its arguments, reply
in a sentence, fill an object. Each is a ranking of given texts or a line under a grammar.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway import embedded_copy as copy
from pointsman.nodes.gateway.embedded_fill import filled
from pointsman.nodes.gateway.embedded_llama import Llama
from pointsman.nodes.gateway.embedded_prompt import (
    ANSWER,
    Case,
    Step,
    case_of,
    labelled,
    nearest_steps,
    one_line,
    steps_of,
)
from pointsman.nodes.gateway.embedded_reply import reply
from pointsman.nodes.gateway.embedded_similar import similar
from pointsman.nodes.gateway.transport import ModelRequest, ToolSpec
from pointsman.nodes.message import ToolCall, Turn

_ROUTE_SHOTS = 4
"""Worked examples a choice is made from, dealt out over `_ROUTE_PROMPTS` prompts."""
_ROUTE_PROMPTS = 2
_REFERENCES = 2
"""Turns before the message that are read with it when it names nothing itself."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a job brought: a text or tool calls, and the probabilities of a choice."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    probabilities: tuple[tuple[str, float], ...] = ()


def choose(llama: Llama, request: ModelRequest) -> Written:
    """One of `request.choices`, with the probability of each.

    The nearest examples are dealt out over two prompts and the probabilities averaged: in one
    prompt the last example alone decides too often.
    """
    message = one_line(case_of(request.turns).message)
    pairs = labelled(request)
    near = similar(pairs).nearest(message, _ROUTE_SHOTS) if pairs else []
    hands: list[list[int]] = [[]]
    if near:
        hands = [near[start::_ROUTE_PROMPTS][::-1] for start in range(_ROUTE_PROMPTS)]
    totals = dict.fromkeys(request.choices, 0.0)
    header = "" if pairs else _system(request)
    for hand in hands:
        shots = "".join(f"Message: {pairs[i][0]}\nTopic: {pairs[i][1]}\n\n" for i in hand)
        prompt = f"{header}{shots}Message: {message}\nTopic:"
        ranked = llama.rank(prompt, [f" {choice}" for choice in request.choices])
        for choice in request.choices:
            totals[choice] += ranked[f" {choice}"] / len(hands)
    order = sorted(totals.items(), key=lambda pair: -pair[1])
    return Written(text=order[0][0], probabilities=tuple(order))


def act(llama: Llama, request: ModelRequest) -> Written:
    """The next step of a specialist: one tool call, or the answer in text."""
    case = _with_references(case_of(request.turns), request.tools)
    offered = [tool for tool in request.tools if _can_call(tool, case)]
    steps = steps_of(request.examples)
    if not offered:
        steps = tuple(step for step in steps if step.action == ANSWER)
    else:
        names = {ANSWER, *(tool.name for tool in offered)}
        steps = tuple(step for step in steps if step.action in names)
    shots = nearest_steps(steps, case)
    prompt = _prompt(request, shots, case, offered) + "Action:"
    action = ANSWER
    if offered:
        ranked = llama.rank(prompt, [f" {name}" for name in (*(t.name for t in offered), ANSWER)])
        action = max(ranked, key=lambda name: ranked[name]).strip()
    prompt += f" {action}\n"
    for tool in offered:
        if tool.name == action:
            args, _ = filled(llama, prompt, tool.parameters, case)
            call = ToolCall(id=f"call_{_calls(request) + 1}", name=tool.name, args=args)
            return Written(tool_calls=(call,))
    return Written(text=reply(llama, prompt, case, steps, request.max_tokens))


def fill(llama: Llama, request: ModelRequest) -> Written:
    """The JSON object of `request.output_schema`, as text."""
    case = case_of(_without_repair(request))
    steps: list[Step] = []
    for step in steps_of(request.examples):
        value = _object(step.reply)
        if value is not None:
            steps.append(Step(step.case, step.action, value))
    prompt = _prompt(request, nearest_steps(steps, case), case, ()) + f"Action: {ANSWER}\n"
    value, _ = filled(llama, prompt, request.output_schema or {}, case, required_only=False)
    return Written(text=json.dumps(value, ensure_ascii=False))


def _prompt(
    request: ModelRequest, shots: Sequence[Step], case: Case, offered: Sequence[ToolSpec]
) -> str:
    head = "\n".join(step.shown() for step in shots)
    if not shots:
        # Nothing to copy from: what the tools say of themselves is the next best.
        listed = "".join(f"Action {t.name}: {one_line(t.description)}\n" for t in offered)
        head = f"{_system(request)}{listed}"
    return f"{head}\n{case.shown()}" if head else case.shown()


def _system(request: ModelRequest) -> str:
    text = "\n".join(turn.content for turn in request.turns if turn.role == "system")
    return f"{text.strip()}\n\n" if text.strip() else ""


def _with_references(case: Case, tools: Sequence[ToolSpec]) -> Case:
    """The case with the turn before it read into the message, where the message itself names
    nothing that a tool takes ("and when will it arrive?") and that turn does."""
    wanted = [
        field.schema
        for tool in tools
        for field in copy.fields(tool.parameters)
        if "pattern" in field.schema
    ]
    if case.results or any(copy.values(schema, (case.message,)) for schema in wanted):
        return case
    for before in case.earlier[:_REFERENCES]:
        if any(copy.values(schema, (before,)) for schema in wanted):
            return Case(f"{before} {case.message}", case.results, case.calls, case.earlier)
    return case


def _can_call(tool: ToolSpec, case: Case) -> bool:
    """Whether every required argument has a value in the conversation, and the call is a new one.

    A tool already called for this message is offered again only for an id it has not had yet.
    """
    made = [call.args for call in case.calls if call.name == tool.name]
    fresh = not made
    for field in copy.fields(tool.parameters):
        if not field.required:
            continue
        how = copy.kind(field.schema)
        if how in {"unknown", "object", "list"}:
            return False
        if how == "closed":
            found = copy.values(field.schema, case.places)
            if not found:
                return False
            had = [args.get(field.name) for args in made]
            fresh = fresh or ("pattern" in field.schema and any(v not in had for v in found))
    return fresh


def _calls(request: ModelRequest) -> int:
    return sum(len(turn.tool_calls) for turn in request.turns)


def _without_repair(request: ModelRequest) -> Sequence[Turn]:
    turns = list(request.turns)
    while (
        len(turns) > 2 and turns[-2].role == "assistant" and _object(turns[-2].content) is not None
    ):
        turns = turns[:-2]
    return turns


def _object(text: str) -> JsonObject | None:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType]
