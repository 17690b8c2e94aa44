"""Prompts as tables, JSON objects and differences of text."""

import difflib
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click
from pydantic import JsonValue

from pointsman.nodes.digest import JsonObject
from pointsman.prompts.examples import Checked
from pointsman.prompts.library import Origin
from pointsman.prompts.prompt import Prompt
from pointsman.prompts.variable import Value, Variable
from pointsman.views.cli.tokens import Tokens
from pointsman.views.visible import one_line, visible

if TYPE_CHECKING:
    from pointsman.prompts.lint import Fault


def put_text(text: str) -> None:
    """Print a text: to a file or pipe as it is, in a terminal with control characters shown."""
    click.echo(visible(text) if sys.stdout.isatty() else text)


def of_prompt(prompt: Prompt, origin: Origin, tokens: Tokens) -> JsonObject:
    """A prompt: what `list --json` and `show --json` say of it."""
    return {
        "name": prompt.name,
        "version": prompt.version,
        "from": origin,
        "path": str(prompt.path),
        "description": prompt.description,
        "variables": [_of_variable(prompt.variable(name)) for name in prompt.variables],
        "model": {
            "tier": prompt.hints.tier,
            "temperature": prompt.hints.temperature,
            "max_tokens": prompt.hints.max_tokens,
        },
        "partials": [
            {"name": p.name, "version": p.version, "path": str(p.path)} for p in prompt.partials
        ],
        "worked_examples": len(prompt.examples),
        "render_examples": [example.name for example in prompt.render_examples],
        "tokens": tokens.text,
        "example_tokens": tokens.examples,
        "counted": tokens.how,
    }


def of_fault(fault: "Fault") -> JsonObject:
    """A finding of lint."""
    return {
        "rule": fault.rule,
        "prompt": fault.prompt,
        "path": str(fault.path),
        "line": fault.line,
        "message": fault.message,
        "fix": fault.fix,
    }


def of_checked(one: Checked) -> JsonObject:
    """What came of an example."""
    return {
        "prompt": one.prompt,
        "example": one.example,
        "outcome": one.outcome,
        "text": one.text,
        "expected": one.expected,
        "why": one.why,
    }


def show_list(rows: Sequence[tuple[Prompt, Origin, Tokens]]) -> None:
    """One line a prompt: name, version, where from, tokens, variables."""
    table = [("NAME", "VERSION", "FROM", "TOKENS", "VARIABLES")]
    for prompt, origin, tokens in rows:
        count = str(tokens.text) + (f"+{tokens.examples}" if tokens.examples else "")
        names = " ".join(
            name if name in prompt.required else f"{name}?" for name in prompt.variables
        )
        table.append((prompt.name, prompt.version, origin, count, names))
    widths = [max(len(row[column]) for row in table) for column in range(4)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo(_cells((*cells, row[4])))


def _cells(cells: Iterable[str]) -> str:
    """Cells of a table's row, two spaces apart."""
    return "  ".join(visible(cell) for cell in cells).rstrip()


def show_prompt(prompt: Prompt, origin: Origin, tokens: Tokens) -> None:
    """What is known of a prompt, its text, and the texts of its partials."""
    hints = prompt.hints
    told = (("tier", hints.tier), ("temperature", hints.temperature))
    told = (*told, ("max_tokens", hints.max_tokens))
    lines = [
        ("prompt", f"{prompt.name}@{prompt.version}"),
        ("from", f"{origin}, {prompt.path}"),
        ("what", prompt.description),
        ("model", ", ".join(f"{name} {value}" for name, value in told if value is not None)),
        *(("variable", _told(prompt.variable(name))) for name in prompt.variables),
        *(("partial", f"{part.name}@{part.version}, {part.path}") for part in prompt.partials),
        ("examples", _examples(prompt)),
        ("tokens", f"{tokens}; values are not counted"),
    ]
    for label, text in lines:
        if text:
            click.echo(f"{label:<10}{one_line(text)}")
    put_text("\n" + prompt.body)
    for part in prompt.partials:
        put_text(f"\n── {part.name} ──\n{part.body}")


def difference(before: str, after: str, names: tuple[str, str]) -> str:
    """The unified difference of two texts; empty where they are the same."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm="")
    return "\n".join(lines)


def show_checked(one: Checked) -> None:
    """An example that did not say what it must."""
    click.echo(f"{one.prompt}, example {one_line(one.example)!r}: {one.outcome}")
    if one.why:
        click.echo(f"  {one_line(one.why)}")
    elif one.expected is not None:
        put_text(difference(one.expected, one.text, ("expected", "rendered")))


def _examples(prompt: Prompt) -> str:
    shown = f"{len(prompt.examples)} worked" if prompt.examples else ""
    tests = f"{len(prompt.render_examples)} of rendering" if prompt.render_examples else ""
    return ", ".join(filter(None, (shown, tests)))


def _told(variable: Variable) -> str:
    default = "" if variable.default is None else f", default {variable.default!r}"
    return f"{variable.name} ({variable.type}{default}): {variable.description or '-'}"


def _of_variable(variable: Variable) -> JsonObject:
    return {
        "name": variable.name,
        "type": variable.type,
        "description": variable.description,
        "required": variable.required,
        "default": _json(variable.default),
    }


def _json(value: Value | None) -> JsonValue:
    return list(value) if isinstance(value, list | tuple) else value
