"""Prompt: one prompt file, read and checked, ready to render."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from pointsman.errors import PromptError

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import SandboxedEnvironment


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


@dataclass(frozen=True)
class Prompt:
    """A prompt file. Equal files have equal versions; a changed byte makes another version."""

    name: str
    """Its place below the prompts folder, without the suffix, e.g. `support/billing`."""
    description: str
    variables: tuple[str, ...]
    """What `render` needs: as declared, else as found in the body (sorted)."""
    body: str
    """The template's text, Jinja2."""
    examples: tuple[Example, ...]
    version: str
    """First 12 hex digits of the SHA-256 of the file's bytes."""
    path: Path

    def render(self, values: Mapping[str, str]) -> str:
        """The body with its variables filled in. Values are inserted as text, never as a template.

        Raises PromptError for a missing variable, an unknown one, or a template that fails.
        """
        missing = sorted(set(self.variables) - set(values))
        if missing:
            raise PromptError(
                f"Prompt {self.name!r} ({self.path}) lacks a value for {quoted(missing)}.",
                hint="Give one to render, or take the variable out of the file.",
            )
        unknown = sorted(set(values) - set(self.variables))
        if unknown:
            raise PromptError(
                f"Prompt {self.name!r} ({self.path}) does not use {quoted(unknown)}.",
                hint=f"Its variables are: {', '.join(self.variables) or 'none'}.",
            )
        return self._rendered(values)

    @cached_property
    def _template(self) -> "Template":
        return sandbox().from_string(self.body)

    def _rendered(self, values: Mapping[str, str]) -> str:
        from jinja2 import TemplateError

        # Besides Jinja2's own errors an expression can fail as any Python expression does.
        expected = (
            TemplateError,
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        )
        try:
            return self._template.render(values)
        except expected as error:
            raise PromptError(
                f"Prompt {self.name!r} ({self.path}) cannot be rendered: "
                f"{type(error).__name__}: {error}.",
                hint="Mend the expression in the file's body.",
            ) from error


def sandbox() -> "SandboxedEnvironment":
    """The environment prompts are rendered in: sandboxed, strict, no loader, no global names."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    # Prompts are text for a model, not HTML: escaping would change what users wrote.
    env = SandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    env.globals.clear()
    return env


def quoted(names: Iterable[str]) -> str:
    """Names for a sentence: `'a', 'b'`."""
    return ", ".join(repr(name) for name in names)
