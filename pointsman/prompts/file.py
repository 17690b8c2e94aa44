"""Reads one prompt file: Markdown, with optional YAML front matter between two lines of `---`.

---
description: Answers questions about invoices.
model: {tier: fast, max_tokens: 300}
variables:
  policy: the refund rules, as text
  days: {type: int, description: how long refunds take, default: 5}
examples:
  - user: Where is my money?
    calls: [{tool: find_invoice, args: {id: INV-1}, result: "paid"}]
    answer: It was paid.
  - values: {policy: No refunds.}
    contains: [No refunds.]
---
You answer questions about invoices. {{ policy }} Refunds take {{ days }} days.
{% include "partials/tone" %}
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pointsman.errors import PromptError
from pointsman.prompts import frontmatter
from pointsman.prompts.frontmatter import FrontMatter
from pointsman.prompts.prompt import Partial, Prompt, quoted
from pointsman.prompts.template import Use, use_of
from pointsman.prompts.variable import Variable

MAX_BYTES = 262_144
"""Of a prompt file."""
MAX_PARTIALS = 64


@dataclass(frozen=True, slots=True)
class Source:
    """A file as read by itself, its partials not looked up yet."""

    path: Path
    data: bytes
    matter: FrontMatter
    body: str
    use: Use
    declared: tuple[Variable, ...] | None

    @property
    def variables(self) -> tuple[Variable, ...]:
        """As declared, else as found in the body (sorted)."""
        if self.declared is not None:
            return self.declared
        return tuple(Variable(name) for name in sorted(self.use.variables))


Find = Callable[[str], Path | None]


def read(name: str, path: Path, find: Find) -> Prompt:
    """The prompt in the file at `path`, known as `name`; `find` gives a partial's file.

    Raises PromptError, naming the file and, where there is one, the line.
    """
    source = source_of(path)
    included = _Parts(find).of(source, (name,))
    worked, renders = frontmatter.examples_of(path, source.matter)
    own = {variable.name for variable in source.variables}
    theirs: dict[str, Variable] = {}
    for part in included.values():
        for variable in part.variables:
            if variable.name not in own:
                theirs.setdefault(variable.name, variable)
    declared = (*source.variables, *theirs.values())
    return Prompt(
        name=name,
        description=source.matter.description,
        variables=tuple(variable.name for variable in declared),
        body=source.body,
        examples=worked,
        version=_version(source, included),
        path=path,
        declared=declared,
        hints=frontmatter.hints_of(source.matter),
        render_examples=renders,
        partials=tuple(
            Partial(name, part.body, _digest(part.data), part.path)
            for name, part in included.items()
        ),
    )


def source_of(path: Path) -> Source:
    """The file, read by itself. Raises PromptError."""
    data, text = _text(path)
    front, body, line = frontmatter.split(path, text)
    matter = frontmatter.front_matter(path, front)
    declared = frontmatter.variables_of(path, matter)
    return Source(path, data, matter, body, use_of(path, body, line), declared)


def _text(path: Path) -> tuple[bytes, str]:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PromptError(
            f"Prompt file {path} cannot be read: {error.strerror or error}.",
            hint="Check that it is a file and that you may read it.",
            rule="unreadable",
        ) from error
    if len(data) > MAX_BYTES:
        raise PromptError(
            f"Prompt file {path} has more than {MAX_BYTES // 1024} KiB.",
            hint="Give long texts as variables, or leave examples out.",
            rule="too-large",
        )
    try:
        return data, data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PromptError(
            f"Prompt file {path} is not UTF-8 (line {line}, byte {error.start}).",
            hint="Save it as UTF-8 text.",
            rule="unreadable",
            line=line,
        ) from error


@dataclass(slots=True)
class _Parts:
    """Looks up what files include. Each partial is read once, however often it is included."""

    find: Find
    known: dict[str, tuple[Source, dict[str, Source]]] = field(
        default_factory=dict[str, tuple[Source, dict[str, Source]]]
    )

    def of(self, source: Source, above: tuple[str, ...]) -> dict[str, Source]:
        """All partials below a file, by name, in the order of their first use.

        `above`: the names that lead to this file, which none of its partials may have. Raises
        PromptError for a circle, and for partials or variables that do not fit.
        """
        found: dict[str, Source] = {}
        for name in source.use.partials:
            if name in above:
                way = " includes ".join([*above[above.index(name) :], name])
                raise PromptError(
                    f"Prompt file {source.path}: partials go in a circle: {way}.",
                    hint="Take one of these includes out.",
                    rule="partial-cycle",
                )
            if name not in self.known:
                part = _partial(source, name, self.find)
                self.known[name] = (part, self.of(part, (*above, name)))
            part, below = self.known[name]
            found.setdefault(name, part)
            for deeper, one in below.items():
                found.setdefault(deeper, one)
        if len(found) > MAX_PARTIALS:
            raise PromptError(
                f"Prompt file {source.path} includes more than {MAX_PARTIALS} partials.",
                hint="Put some of them together.",
                rule="too-large",
            )
        _check_variables(source, found.values())
        return found


def _partial(source: Source, name: str, find: Find) -> Source:
    path = find(name)
    if path is None:
        raise PromptError(
            f"Prompt file {source.path} includes {name!r}, and there is no such file.",
            hint=f"Write {name}.md into the prompts folder, or mend the name.",
            rule="partial-missing",
        )
    part = source_of(path)
    if part.matter.examples or part.matter.model.model_fields_set:
        raise PromptError(
            f"Prompt file {path} is included by another, and has examples or hints for a model.",
            hint="A partial has a description and variables only.",
            rule="partial-extras",
        )
    return part


def _check_variables(source: Source, parts: Iterable[Source]) -> None:
    """Raises PromptError for what is used and not declared, or declared and not used."""
    if source.declared is None:
        for name in sorted(source.use.variables):
            frontmatter.check_name(source.path, name)
        return
    declared = {variable.name for variable in source.declared}
    undeclared = sorted(source.use.variables - declared)
    if undeclared:
        raise PromptError(
            f"Prompt file {source.path} uses {quoted(undeclared)} without declaring it.",
            hint="Add it to variables in the front matter, or take it out of the body.",
            rule="variable-undeclared",
        )
    used = source.use.variables.union(*(part.use.variables for part in parts))
    unused = sorted(declared - used)
    if unused:
        raise PromptError(
            f"Prompt file {source.path} declares {quoted(unused)} and never uses it.",
            hint="Use it in the body as {{ " + unused[0] + " }}, or take it out of variables.",
            rule="variable-unused",
        )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def _version(source: Source, included: dict[str, Source]) -> str:
    if not included:
        return _digest(source.data)
    whole = hashlib.sha256(source.data)
    for name, part in included.items():
        whole.update(f"\0{name}\0{hashlib.sha256(part.data).hexdigest()}".encode())
    return whole.hexdigest()[:12]
