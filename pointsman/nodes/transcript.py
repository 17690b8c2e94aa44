"""Turns of a specialist's transcript: how calls, results and examples stand in it."""

from pointsman.errors import BadOutput
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import Outcomes, Request, ToolCall, Turn
from pointsman.nodes.tool import AnyTool
from pointsman.prompts.prompt import Prompt


def tool_turn(call: ToolCall, text: str) -> Turn:
    """What a call gave, as the model reads it."""
    return Turn(role="tool", content=text, tool_call_id=call.id, name=call.name)


def outcome_turns(payload: Outcomes) -> tuple[Turn, ...]:
    """What became of a proposal, as the model reads it."""
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


def told_apart(calls: tuple[ToolCall, ...], transcript: tuple[Turn, ...]) -> tuple[ToolCall, ...]:
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


def earlier_result(tool: AnyTool, args: JsonObject, transcript: tuple[Turn, ...]) -> str | None:
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


def asked(request: Request) -> str:
    """The request as the model reads it: its attachments are references."""
    files = "".join(
        f"\n[attachment {a.name or a.uri}: {a.media_type}, {a.uri}]" for a in request.attachments
    )
    return request.text + files


def example_turns(prompt: Prompt) -> list[tuple[Turn, ...]]:
    """Worked examples of a prompt file as transcripts."""
    shown: list[tuple[Turn, ...]] = []
    for n, example in enumerate(prompt.examples):
        turns = [Turn(role="user", content=example.user)]
        for k, call in enumerate(example.calls):
            made = ToolCall(id=f"example_{n}_{k}", name=call.tool, args=dict(call.args))
            turns += [Turn(role="assistant", tool_calls=(made,)), tool_turn(made, call.result)]
        if example.answer:
            turns.append(Turn(role="assistant", content=example.answer))
        shown.append(tuple(turns))
    return shown
