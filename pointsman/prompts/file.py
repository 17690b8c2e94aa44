"""Reads one prompt file: Markdown, with optional YAML front matter between two lines of `---`.

---
description: Answers questions about invoices.
variables: {policy: the refund rules, as text}
examples:
  - user: Where is my money?
    calls: [{tool: find_invoice, args: {id: INV-1}, result: "paid"}]
    answer: It was paid.
---
You answer questions about invoices. {{ policy }}
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from pointsman.errors import PromptError
from pointsman.prompts.prompt import Example, ExampleCall, Prompt, quoted, sandbox

if TYPE_CHECKING:
    from yaml import Node

FENCE = "---"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Call(_Strict):
    tool: Annotated[str, Field(min_length=1)]
    args: dict[str, JsonValue] = {}
    result: str = ""


class _Example(_Strict):
    user: Annotated[str, Field(min_length=1)]
    calls: list[_Call] = []
    answer: str = ""


class _FrontMatter(_Strict):
    description: str = ""
    variables: dict[str, str | None] | None = None
    examples: list[_Example] = []


def read(name: str, path: Path) -> Prompt:
    """The prompt in the file at `path`, known as `name`.

    Raises PromptError, naming the file and, where there is one, the line.
    """
    data, text = _text(path)
    front, body = _split(path, text)
    matter = _front_matter(path, front)
    return Prompt(
        name=name,
        description=matter.description,
        variables=_variables(path, body, matter.variables),
        body=body,
        examples=tuple(
            Example(
                user=example.user,
                calls=tuple(ExampleCall(c.tool, c.args, c.result) for c in example.calls),
                answer=example.answer,
            )
            for example in matter.examples
        ),
        version=hashlib.sha256(data).hexdigest()[:12],
        path=path,
    )


def _text(path: Path) -> tuple[bytes, str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PromptError(
            f"Prompt file {path} cannot be read: {error.strerror or error}.",
            hint="Check that it is a file and that you may read it.",
        ) from error
    try:
        return data, data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PromptError(
            f"Prompt file {path} is not UTF-8 (line {line}, byte {error.start}).",
            hint="Save it as UTF-8 text.",
        ) from error


def _split(path: Path, text: str) -> tuple[str, str]:
    """The YAML between the fences (empty without front matter) and the body, stripped."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != FENCE:
        front, body = "", "\n".join(lines)
    else:
        ends = (number for number, line in enumerate(lines[1:], 1) if line.rstrip() == FENCE)
        end = next(ends, None)
        if end is None:
            raise PromptError(
                f"Prompt file {path} opens front matter in line 1 and never closes it.",
                hint=f"Put a line of {FENCE} after it.",
            )
        front, body = "\n".join(lines[1:end]), "\n".join(lines[end + 1 :])
    if not body.strip():
        raise PromptError(f"Prompt file {path} has no text.", hint="Write the prompt in it.")
    return front, body.strip()


def _front_matter(path: Path, front: str) -> _FrontMatter:
    data = _yaml(path, front)
    try:
        return _FrontMatter.model_validate({} if data is None else data)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'front matter'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise PromptError(
            f"Prompt file {path}: the front matter does not fit: {faults}.",
            hint="Its keys are description (text), variables (name: what it is) and examples "
            "(user, calls: [tool, args, result], answer). Quote dates and numbers meant as text.",
        ) from error


def _yaml(path: Path, front: str) -> object:
    import yaml

    try:
        root = cast("Node | None", yaml.compose(front, Loader=yaml.SafeLoader))  # pyright: ignore[reportUnknownMemberType]
        for key, line in _repeated(root):
            raise PromptError(
                f"Prompt file {path}, line {line}: the key {key!r} stands twice.",
                hint="Keep one of them.",
            )
        return yaml.safe_load(front)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        # The mark counts from 0 and the front matter begins in the file's second line.
        place = f", line {mark.line + 2}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise PromptError(
            f"Prompt file {path}{place}: the front matter is broken YAML: {problem}.",
            hint="Often a text with a colon needs quotes.",
        ) from error
    except (ValueError, RecursionError) as error:
        # An impossible date (2026-13-40), or an alias that holds itself.
        raise PromptError(
            f"Prompt file {path}: the front matter cannot be read: {error}.",
            hint="Quote dates; use no aliases.",
        ) from error


def _repeated(node: "Node | None") -> Iterator[tuple[str, int]]:
    """Keys that stand twice in one mapping, with their line: YAML silently drops the first."""
    from yaml import MappingNode, SequenceNode

    if isinstance(node, MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield str(key.value), key.start_mark.line + 2
            seen.add(str(key.value))
            yield from _repeated(value)
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from _repeated(item)


def _variables(path: Path, body: str, declared: dict[str, str | None] | None) -> tuple[str, ...]:
    used = _placeholders(path, body)
    if declared is None:
        return tuple(sorted(used))
    undeclared = sorted(used - set(declared))
    if undeclared:
        raise PromptError(
            f"Prompt file {path} uses {quoted(undeclared)} without declaring it.",
            hint="Add it to variables in the front matter, or take it out of the body.",
        )
    unused = sorted(set(declared) - used)
    if unused:
        raise PromptError(
            f"Prompt file {path} declares {quoted(unused)} and never uses it.",
            hint="Use it in the body as {{ " + unused[0] + " }}, or take it out of variables.",
        )
    return tuple(declared)


def _placeholders(path: Path, body: str) -> set[str]:
    from jinja2 import TemplateSyntaxError, meta, nodes

    try:
        tree = sandbox().parse(body)
    except TemplateSyntaxError as error:
        raise PromptError(
            f"Prompt file {path}, line {error.lineno} of the body: {error.message}.",
            hint="Placeholders are {{ name }}; write {% raw %} around braces meant as text.",
        ) from error
    outside = (nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)
    for node in tree.find_all(outside):
        raise PromptError(
            f"Prompt file {path}, line {node.lineno} of the body: a prompt loads no other file.",
            hint="Write the text here, or pass it in as a variable.",
        )
    return meta.find_undeclared_variables(tree)
