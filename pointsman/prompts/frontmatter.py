"""Reads the front matter of a prompt file: YAML between two lines of `---`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from pointsman.errors import PromptError
from pointsman.prompts.prompt import Example, ExampleCall, ModelHints, RenderExample
from pointsman.prompts.variable import Value, Variable, is_variable_name

if TYPE_CHECKING:
    from yaml import Node

M = TypeVar("M", bound=BaseModel)

FENCE = "---"
MAX_EXAMPLES = 500


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Call(_Strict):
    tool: Annotated[str, Field(min_length=1)]
    args: dict[str, JsonValue] = {}
    result: str = ""


class _Worked(_Strict):
    user: Annotated[str, Field(min_length=1)]
    calls: list[_Call] = []
    answer: str = ""


class _Rendering(_Strict):
    name: str = ""
    values: dict[str, bool | int | float | str | list[str]]
    renders: str | None = None
    contains: list[str] = []
    lacks: list[str] = []


class _Variable(_Strict):
    type: Literal["str", "int", "float", "bool", "list[str]"] = "str"
    description: str = ""
    default: bool | int | float | str | list[str] | None = None


class _Model(_Strict):
    tier: Annotated[str, Field(min_length=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None


class FrontMatter(_Strict):
    """The front matter, as written. Its keys and types are those of the file."""

    description: str = ""
    model: _Model = _Model()
    variables: dict[str, str | _Variable | None] | None = None
    examples: Annotated[list[JsonValue], Field(max_length=MAX_EXAMPLES)] = []


def split(path: Path, text: str) -> tuple[str, str, int]:
    """The YAML between the fences (empty without front matter), the body, stripped, and the line
    of the file in which the body begins."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != FENCE:
        front, body, line = "", "\n".join(lines), 1
    else:
        ends = (number for number, line in enumerate(lines[1:], 1) if line.rstrip() == FENCE)
        end = next(ends, None)
        if end is None:
            raise PromptError(
                f"Prompt file {path} opens front matter in line 1 and never closes it.",
                hint=f"Put a line of {FENCE} after it.",
                rule="front-matter",
                line=1,
            )
        front, body, line = "\n".join(lines[1:end]), "\n".join(lines[end + 1 :]), end + 2
    if not body.strip():
        raise PromptError(
            f"Prompt file {path} has no text.", hint="Write the prompt in it.", rule="empty"
        )
    line += (body[: len(body) - len(body.lstrip())]).count("\n")
    return front, body.strip(), line


def front_matter(path: Path, front: str) -> FrontMatter:
    """The front matter, checked. Raises PromptError."""
    data = _yaml(path, front)
    return _fitting(path, FrontMatter, {} if data is None else data, "front matter")


def variables_of(path: Path, matter: FrontMatter) -> tuple[Variable, ...] | None:
    """The declared variables; None where the front matter declares none. Raises PromptError."""
    if matter.variables is None:
        return None
    made: list[Variable] = []
    for name, given in matter.variables.items():
        check_name(path, name)
        if not isinstance(given, _Variable):
            made.append(Variable(name, description=given or ""))
            continue
        variable = Variable(name, given.type, given.description)
        made.append(Variable(name, given.type, given.description, _default(path, variable, given)))
    return tuple(made)


def check_name(path: Path, name: str) -> None:
    """Raises PromptError for a name that no variable can have."""
    if not is_variable_name(name):
        raise PromptError(
            f"Prompt file {path}: {name!r} cannot be the name of a variable.",
            hint="Use letters, digits and underscores, a letter first, and no word that means "
            "something to Jinja2, such as loop.",
            rule="variable-name",
        )


def hints_of(matter: FrontMatter) -> ModelHints:
    """What the file says of the model."""
    return ModelHints(matter.model.tier, matter.model.temperature, matter.model.max_tokens)


def examples_of(
    path: Path, matter: FrontMatter
) -> tuple[tuple[Example, ...], tuple[RenderExample, ...]]:
    """The worked examples, which models see, and those of rendering, which they do not."""
    worked: list[Example] = []
    renders: list[RenderExample] = []
    for number, item in enumerate(matter.examples):
        place = f"examples.{number}"
        if isinstance(item, dict) and "values" in item and "user" not in item:
            one = _fitting(path, _Rendering, item, place)
            renders.append(
                RenderExample(
                    one.name or str(len(renders) + 1), one.values, one.renders,
                    tuple(one.contains), tuple(one.lacks),
                )
            )  # fmt: skip
        else:
            done = _fitting(path, _Worked, item, place)
            calls = tuple(ExampleCall(c.tool, c.args, c.result) for c in done.calls)
            worked.append(Example(done.user, calls, done.answer))
    names = [example.name for example in renders]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise PromptError(
            f"Prompt file {path} has two examples of rendering named {twice!r}.",
            hint="Give each a name of its own.",
            rule="example",
        )
    return tuple(worked), tuple(renders)


def _default(path: Path, variable: Variable, given: _Variable) -> Value | None:
    if given.default is None:
        return None
    try:
        return variable.read(given.default)
    except ValueError as error:
        raise PromptError(
            f"Prompt file {path}: the default of a variable does not fit its type: {error}.",
            hint="Change the default or the type.",
            rule="variable-type",
        ) from error


def _fitting(path: Path, model: type[M], data: object, place: str) -> M:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        prefix = "" if place == "front matter" else f"{place}."
        faults = "; ".join(
            f"{(prefix + '.'.join(map(str, fault['loc']))).rstrip('.') or place}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise PromptError(
            f"Prompt file {path}: the front matter does not fit: {faults}.",
            hint="Its keys are description (text), model (tier, temperature, max_tokens), "
            "variables (name: what it is, or name: {type, description, default}) and examples "
            "(user, calls: [tool, args, result], answer; or name, values, renders, contains, "
            "lacks). Quote dates and numbers meant as text.",
            rule="front-matter",
        ) from error


def _yaml(path: Path, front: str) -> object:
    import yaml

    try:
        loader = yaml.SafeLoader(front)
        root = loader.get_single_node()
        for key, line in _repeated(root, set()):
            raise PromptError(
                f"Prompt file {path}, line {line}: the key {key!r} stands twice.",
                hint="Keep one of them.",
                rule="front-matter",
                line=line,
            )
        return None if root is None else cast("object", loader.construct_document(root))  # pyright: ignore[reportUnknownMemberType]
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        # The mark counts from 0 and the front matter begins in the file's second line.
        line = mark.line + 2 if mark else 0
        problem = getattr(error, "problem", None) or "not YAML"
        raise PromptError(
            f"Prompt file {path}{f', line {line}' if line else ''}: the front matter is broken "
            f"YAML: {problem}.",
            hint="Often a text with a colon needs quotes.",
            rule="front-matter",
            line=line,
        ) from error
    except (ValueError, RecursionError) as error:
        # An impossible date (2026-13-40), or lists in lists without an end.
        raise PromptError(
            f"Prompt file {path}: the front matter cannot be read: {error}.",
            hint="Quote dates; use no aliases.",
            rule="front-matter",
        ) from error


def _repeated(node: "Node | None", met: set[int]) -> Iterator[tuple[str, int]]:
    """Keys that stand twice in one mapping, with their line: YAML silently drops the first.

    Raises ValueError for a node that stands in two places: a few nested aliases make more than
    memory holds. `met`: the nodes seen so far.
    """
    from yaml import MappingNode, ScalarNode, SequenceNode

    if id(node) in met:
        raise ValueError("it has an alias (*name)")
    met.add(id(node))
    if isinstance(node, MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, ScalarNode):
                if key.value in seen:
                    yield str(key.value), key.start_mark.line + 2
                seen.add(str(key.value))
            yield from _repeated(key, met)
            yield from _repeated(value, met)
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from _repeated(item, met)
