"""The tiny model's prompt: the few worked examples nearest to the case at hand, and the case.

A plain text of blocks, the nearest block last, because this model copies what stands close by; its
chat template, instructions and more examples each made it choose worse (measured on banking77).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway.embedded_similar import similar
from pointsman.nodes.gateway.transport import ModelRequest
from pointsman.nodes.message import ToolCall, Turn

ANSWER = "answer"
"""The action that is no tool."""
NEAREST = 3
"""Worked examples in a prompt."""
_CHARACTERS = 1200
"""Length of the worked examples in a prompt: about 300 tokens, 2 s of reading on one core."""
_RESULT_CHARACTERS = 600
"""Of an example's tool result; a real one is shown whole."""

Example = tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """Where a transcript stands: the message, what tools gave since, and what was said before."""

    message: str
    results: tuple[str, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    earlier: tuple[str, ...] = ()
    """Turns before the message, latest first."""

    @property
    def places(self) -> tuple[str, ...]:
        """Where values may be copied from, latest first."""
        return (*reversed(self.results), self.message, *self.earlier)

    def shown(self) -> str:
        """The block up to where the model goes on."""
        lines = [f"Message: {one_line(self.message)}"]
        lines += [f"Result: {one_line(result)}" for result in self.results]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Step:
    """One worked step: a case and what was done in it."""

    case: Case
    action: str
    args: JsonObject
    reply: str = ""

    def shown(self) -> str:
        """The whole block."""
        results = tuple(text[:_RESULT_CHARACTERS] for text in self.case.results)
        block = Case(self.case.message, results).shown() + f"Action: {self.action}\n"
        block += "".join(f"{name}: {shown_value(value)}\n" for name, value in self.args.items())
        return block + (f"Reply: {one_line(self.reply)}\n" if self.reply else "")


def case_of(turns: Sequence[Turn]) -> Case:
    """The case that a transcript's turns stand at."""
    spoken = [turn for turn in turns if turn.role != "system"]
    asked = max((i for i, turn in enumerate(spoken) if turn.role == "user"), default=-1)
    since = spoken[asked + 1 :]
    return Case(
        message=spoken[asked].content if asked >= 0 else "",
        results=tuple(turn.content for turn in since if turn.role == "tool"),
        calls=tuple(call for turn in since for call in turn.tool_calls),
        earlier=tuple(turn.content for turn in reversed(spoken[: max(asked, 0)]) if turn.content),
    )


def steps_of(examples: Sequence[Example]) -> tuple[Step, ...]:
    """Every worked step of the transcripts: each assistant turn and the case before it."""
    steps: list[Step] = []
    for turns in examples:
        for index, turn in enumerate(turns):
            if turn.role != "assistant":
                continue
            case = case_of(turns[:index])
            steps += [Step(case, call.name, call.args) for call in turn.tool_calls[:1]]
            if not turn.tool_calls:
                steps.append(Step(case, ANSWER, {}, turn.content))
    return tuple(steps)


def nearest_steps(steps: Sequence[Step], case: Case, count: int = NEAREST) -> list[Step]:
    """The worked steps most like the case, nearest last, within the length a prompt may have.

    A case with a tool's result is compared with such cases only, where there are any.
    """
    alike = [s for s in steps if bool(s.case.results) == bool(case.results)] or list(steps)
    index = similar(tuple((step.case.shown(), step.action) for step in alike))
    picked: list[Step] = []
    length = 0
    for position in index.nearest(case.shown(), count):
        length += len(alike[position].shown())
        if picked and length > _CHARACTERS:
            break
        picked.append(alike[position])
    return picked[::-1]


def labelled(request: ModelRequest) -> tuple[tuple[str, str], ...]:
    """The (message, label) pairs of a request for a choice."""
    pairs = ((turns[0].content, turns[-1].content) for turns in request.examples if len(turns) > 1)
    return tuple((one_line(text), label) for text, label in pairs)


def one_line(text: str) -> str:
    """The text on one line, as valid UTF-8, with nothing that is a control token to the model."""
    valid = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join(valid.replace("<|", "< |").replace("\0", " ").split())


def shown_value(value: JsonValue) -> str:
    """A JSON value as it stands in a prompt: `true` as yes, no value as none."""
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "none"
        case str():
            return one_line(value)
        case _:
            return str(value)
