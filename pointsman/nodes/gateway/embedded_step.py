"""The small jobs the tiny model gets: choose a word, choose an action and fill its arguments, reply
in a sentence, fill an object. Each is a ranking of given texts or a line under a grammar.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from pointsman.errors import BadOutput
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway import embedded_copy as copy
from pointsman.nodes.gateway.embedded_llama import Llama
from pointsman.nodes.gateway.embedded_prompt import (
    ANSWER,
    Case,
    Step,
    case_of,
    labelled,
    nearest_steps,
    one_line,
    shown_value,
    steps_of,
)
from pointsman.nodes.gateway.embedded_similar import similar
from pointsman.nodes.gateway.transport import ModelRequest, ToolSpec
from pointsman.nodes.message import ToolCall, Turn

_ROUTE_SHOTS = 6
"""Worked examples a choice is made from, dealt out over `_ROUTE_PROMPTS` prompts."""
_ROUTE_PROMPTS = 2
_REPLY_TOKENS = 120
"""A reply of this model that is longer than two or three sentences has lost its thread."""
_ENDS = (".", "!", "?")
_MAX_ITEMS = 8
"""Items of a list that are chosen at most."""
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
            args, _ = _fill(llama, prompt, tool.parameters, case)
            call = ToolCall(id=f"call_{_calls(request) + 1}", name=tool.name, args=args)
            return Written(tool_calls=(call,))
    return Written(text=_reply(llama, prompt, case, steps, request.max_tokens))


def fill(llama: Llama, request: ModelRequest) -> Written:
    """The JSON object of `request.output_schema`, as text."""
    case = case_of(_without_repair(request))
    steps: list[Step] = []
    for step in steps_of(request.examples):
        value = _object(step.reply)
        if value is not None:
            steps.append(Step(step.case, step.action, value))
    prompt = _prompt(request, nearest_steps(steps, case), case, ()) + f"Action: {ANSWER}\n"
    value, _ = _fill(llama, prompt, request.output_schema or {}, case, required_only=False)
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


def _fill(
    llama: Llama, prompt: str, schema: JsonObject, case: Case, *, required_only: bool = True
) -> tuple[JsonObject, str]:
    """Values for an object's fields, one after another, and the prompt with them."""
    filled: JsonObject = {}
    for field in copy.fields(schema):
        if not field.required and (required_only and not _named(field, case)):
            continue
        if not field.required and not _possible(field.schema, case):
            continue
        before = prompt
        value, prompt = _value(llama, f"{prompt}{field.name}:", field, case)
        if value is None and copy.kind(field.schema) != "closed":
            prompt = before
            continue
        filled[field.name] = value
    return filled, prompt


def _value(llama: Llama, prompt: str, field: copy.Field, case: Case) -> tuple[JsonValue, str]:
    how = copy.kind(field.schema)
    if how == "closed":
        options = copy.values(field.schema, case.places)
        if not options:
            raise BadOutput(
                f"The conversation holds no value for the field {field.name!r}.",
                hint="Make the field optional, or ask for it.",
            )
        value = _pick(llama, prompt, options)
        return value, f"{prompt} {shown_value(value)}\n"
    if how == "text":
        text = _text(llama, prompt, field.schema, case)
        return text, f"{prompt} {text}\n"
    if how == "object":
        value, prompt = _fill(llama, f"{prompt}\n", field.schema, case, required_only=False)
        return value, prompt
    if how == "list":
        items = _items(llama, prompt, field, case)
        return list(items), f"{prompt} {', '.join(shown_value(i) for i in items)}\n"
    raise BadOutput(
        f"The embedded model cannot fill the field {field.name!r}: its schema has no plain type.",
        hint="Give the field one type, or use a larger model.",
    )


def _pick(llama: Llama, prompt: str, options: Sequence[JsonValue]) -> JsonValue:
    if len(options) == 1:
        return options[0]
    texts = {f" {shown_value(option)}": option for option in options}
    ranked = llama.rank(prompt, list(texts))
    return texts[max(ranked, key=lambda text: ranked[text])]


def _items(llama: Llama, prompt: str, field: copy.Field, case: Case) -> list[JsonValue]:
    """Items of a list, each chosen once, until the line's end is likelier than any further one."""
    item = field.schema.get("items")
    schema = copy.resolved(item, field.schema) if isinstance(item, dict) else {}
    if copy.kind(schema) != "closed":
        return [_text(llama, prompt, schema, case)] if copy.kind(schema) == "text" else []
    left = list(copy.values(schema, case.places))
    chosen: list[JsonValue] = []
    while left and len(chosen) < _MAX_ITEMS:
        sign = "," if chosen else ""
        texts = {f"{sign} {shown_value(value)}": value for value in left}
        ranked = llama.rank(prompt, [*texts, ""] if chosen else list(texts))
        best = max(ranked, key=lambda text: ranked[text])
        if not best:
            break
        chosen.append(texts[best])
        left.remove(texts[best])
        prompt += best
    return chosen


def _text(llama: Llama, prompt: str, schema: JsonObject, case: Case) -> str:
    """A free text field: a run of words of the message."""
    source = one_line(case.message) or one_line(" ".join(case.places))
    if not source:
        return ""
    longest = schema.get("maxLength")
    shortest = schema.get("minLength")
    text, _ = llama.write(prompt, grammar=copy.span(source), max_tokens=160)
    text = text.strip()
    if isinstance(shortest, int) and len(text) < shortest:
        text = source
    return text[:longest].rstrip() if isinstance(longest, int) else text


def _reply(llama: Llama, prompt: str, case: Case, steps: Sequence[Step], max_tokens: int) -> str:
    """The answer: whole sentences that a tool or a worked answer holds, the model choosing which
    and how many. Only where there are none does it put words around copied figures: this model
    makes false sentences of true figures.
    """
    said = [part for result in case.results for part in sentences(one_line(result))]
    offered = list(dict.fromkeys((*said, *_closings(steps, told=bool(case.results)))))
    tokens = min(max_tokens, _REPLY_TOKENS)
    if offered and all(part.endswith(_ENDS) for part in said):
        most = len(sentences(one_line(case.results[-1]))) + 1 if case.results else 2
        grammar = copy.chosen(offered, most)
    else:
        grammar = copy.sentence((one_line(place) for place in case.places), _own_words(steps))
    text, ended = llama.write(f"{prompt}Reply:", grammar=grammar, max_tokens=tokens)
    if not (reply := whole_sentences(text, ended=ended)):
        raise BadOutput("The embedded model wrote no whole sentence.")
    return reply


def _closings(steps: Sequence[Step], *, told: bool) -> list[str]:
    """Sentences of worked answers that no tool gave and that hold no figure: what may be said in
    every case, e.g. "Please check the number." Only from cases that are alike: with a tool's
    result (`told`) or without."""
    found: list[str] = []
    for step in steps:
        if bool(step.case.results) != told:
            continue
        given = " ".join(one_line(result) for result in step.case.results)
        parts = sentences(one_line(step.reply))
        found += [p for p in parts if p not in given and not any(c.isdigit() for c in p)]
    return found


def _own_words(shots: Sequence[Step]) -> list[str]:
    """The words of worked replies that were not copied from their conversations: no facts of
    somebody else's case."""
    words: list[str] = []
    for step in shots:
        facts = " ".join(step.case.places)
        words += [word for word in step.reply.split() if word.strip(copy.TRIM) not in facts]
    return words


def sentences(text: str) -> list[str]:
    """The text cut after each `.`, `!` or `?` that a space or the end follows."""
    parts = re.findall(r"[^.!?]*(?:[.!?](?!\s|$)[^.!?]*)*(?:[.!?]+(?=\s|$)|$)", text.strip())
    return [part.strip() for part in parts if part.strip()]


def whole_sentences(text: str, *, ended: bool) -> str:
    """The text up to its last whole sentence, each sentence once. `ended`: nothing was cut off."""
    kept: list[str] = []
    for part in sentences(text):
        whole = part.endswith(_ENDS) or (ended and not kept)
        if whole and part not in kept:
            kept.append(part)
    return " ".join(kept)


def _named(field: copy.Field, case: Case) -> bool:
    """Whether the message itself holds a value for the field."""
    if copy.kind(field.schema) != "closed":
        return False
    if "pattern" in field.schema:
        return bool(copy.values(field.schema, (case.message,)))
    return any(copy.literal_in(v, case.message) for v in copy.values(field.schema, ()))


def _possible(schema: JsonObject, case: Case) -> bool:
    how = copy.kind(schema)
    return how != "unknown" and (how != "closed" or bool(copy.values(schema, case.places)))


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
