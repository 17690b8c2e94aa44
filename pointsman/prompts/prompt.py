"""Prompt: one prompt file, read and checked, ready to render."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from pointsman.errors import PromptError
from pointsman.prompts.template import MAX_TEXT, sandbox
from pointsman.prompts.variable import Value, Variable

if TYPE_CHECKING:
    from jinja2 import Template


@dataclass(frozen=True, slots=True)
class ExampleCall:
    """One tool call of a worked example: the tool, its JSON arguments, its result as text."""

    tool: str
    args: Mapping[str, JsonValue]
    result: str


@dataclass(frozen=True, slots=True)
class Example:
    """A worked example: what a user wrote, the calls that were made, the answer that was given."""

    user: str
    calls: tuple[ExampleCall, ...] = ()
    answer: str = ""


@dataclass(frozen=True, slots=True)
class RenderExample:
    """Values of the variables, and what the prompt must say with them. Models never see it."""

    name: str
    values: Mapping[str, Value]
    renders: str | None = None
    """The whole text; None: what the file of snapshots says, if it says anything."""
    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelHints:
    """What the prompt was written for. Nothing obeys it by itself: whoever makes a specialist takes
    it over, e.g. `tier=prompt.hints.tier or "fast"`."""

    tier: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Partial:
    """A part that a prompt includes."""

    name: str
    body: str
    version: str
    path: Path


@dataclass(frozen=True)
class Prompt:
    """A prompt file. Equal files have equal versions; a changed byte makes another version."""

    name: str
    """Its place below the prompts folder, without the suffix, e.g. `support/billing`."""
    description: str
    variables: tuple[str, ...]
    """What `render` takes: as declared, else as found in the body (sorted); then those of the
    partials."""
    body: str
    """The template's text, Jinja2."""
    examples: tuple[Example, ...]
    version: str
    """First 12 hex digits of the SHA-256 of the file's bytes; with partials, of the file's bytes
    and of each partial's name and bytes."""
    path: Path
    declared: tuple[Variable, ...] = ()
    """The variables with type, description and default; any not here is a text without one."""
    hints: ModelHints = ModelHints()
    render_examples: tuple[RenderExample, ...] = ()
    partials: tuple[Partial, ...] = ()
    """All that is included, also by partials, in the order of their first use."""

    @property
    def required(self) -> tuple[str, ...]:
        """The variables that have no default: `render` must be given these."""
        optional = {variable.name for variable in self.declared if not variable.required}
        return tuple(name for name in self.variables if name not in optional)

    def variable(self, name: str) -> Variable:
        """What is known of a variable."""
        return next((one for one in self.declared if one.name == name), Variable(name))

    def render(self, values: Mapping[str, Value]) -> str:
        """The body with its variables filled in. Values are inserted as text, never as a template.

        Raises PromptError for a missing variable, an unknown one, a value of another type, a
        template that fails, and a text of more than MAX_TEXT characters.
        """
        missing = sorted(set(self.required) - set(values))
        if missing:
            raise PromptError(
                f"Prompt {self.name!r} ({self.path}) lacks a value for {quoted(missing)}.",
                hint="Give one to render, or take the variable out of the file.",
                rule="variable-missing",
            )
        unknown = sorted(set(values) - set(self.variables))
        if unknown:
            raise PromptError(
                f"Prompt {self.name!r} ({self.path}) does not use {quoted(unknown)}.",
                hint=f"Its variables are: {', '.join(self.variables) or 'none'}.",
                rule="variable-unknown",
            )
        return self._rendered({name: self._value(name, values) for name in self.variables})

    def _value(self, name: str, values: Mapping[str, Value]) -> Value:
        variable = self.variable(name)
        given = values.get(name, variable.default)
        try:
            return variable.read(given)
        except ValueError as error:
            raise PromptError(
                f"Prompt {self.name!r} ({self.path}) cannot be rendered: {error}.",
                hint=f"Give {name} as {variable.type}, or change its type in the file.",
                rule="variable-type",
            ) from error

    @cached_property
    def _template(self) -> "Template":
        partials = {partial.name: partial.body for partial in self.partials}
        return sandbox(partials).from_string(self.body)

    def _rendered(self, values: Mapping[str, Value]) -> str:
        from jinja2 import TemplateError

        # Besides Jinja2's own errors an expression can fail as any Python expression does.
        expected = (
            TemplateError,
            ArithmeticError,
            AttributeError,
            LookupError,
            MemoryError,
            RecursionError,
            TypeError,
            ValueError,
        )
        try:
            pieces: list[str] = []
            length = 0
            for piece in self._template.generate(values):
                pieces.append(piece)
                length += len(piece)
                if length > MAX_TEXT:
                    raise ValueError(f"its text has more than {MAX_TEXT} characters")
            return "".join(pieces)
        except expected as error:
            raise PromptError(
                f"Prompt {self.name!r} ({self.path}) cannot be rendered: "
                f"{type(error).__name__}: {error}.",
                hint="Mend the expression in the file's body.",
                rule="render",
            ) from error


def quoted(names: Iterable[str]) -> str:
    """Names for a sentence: `'a', 'b'`."""
    return ", ".join(repr(name) for name in names)
