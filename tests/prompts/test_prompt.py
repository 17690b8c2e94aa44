"""Prompt.render: strict about its variables, sandboxed, and it inserts values as text only."""

from pathlib import Path

import pytest

from pointsman.errors import PromptError
from pointsman.prompts.prompt import Prompt


def prompt(body: str, *variables: str) -> Prompt:
    """A prompt with this body, as if read from a file."""
    return Prompt(
        name="team/role",
        description="",
        variables=variables,
        body=body,
        examples=(),
        version="0" * 12,
        path=Path("team/role.md"),
    )


def test_values_are_filled_in() -> None:
    """Every variable is replaced by its value."""
    assert prompt("Hi {{ name }}: {{ rule }}", "name", "rule").render(
        {"name": "Ann", "rule": "be kind"}
    ) == ("Hi Ann: be kind")


def test_conditions_leave_no_empty_lines() -> None:
    """A line that holds only a block tag disappears."""
    body = "a\n{% if x %}\nb {{ x }}\n{% endif %}\nc"
    assert prompt(body, "x").render({"x": "1"}) == "a\nb 1\nc"


def test_a_value_is_never_a_template() -> None:
    """Braces and markup in a value come out as they are."""
    value = "{{ 7 * 7 }} {% raw %} <b>&amp;</b>"
    assert prompt("{{ x }}", "x").render({"x": value}) == value


def test_a_missing_variable_is_named() -> None:
    """The error names file, variable and what to do."""
    with pytest.raises(PromptError) as caught:
        prompt("{{ x }} {{ y }}", "x", "y").render({"x": "1"})
    said = str(caught.value)
    assert "'team/role' (team/role.md) lacks a value for 'y'" in said
    assert "Give one to render" in said


def test_an_unknown_variable_is_named() -> None:
    """A value nobody asked for is an error, and the error lists what is asked for."""
    with pytest.raises(PromptError, match=r"does not use 'z'.*Its variables are: x"):
        prompt("{{ x }}", "x").render({"x": "1", "z": "2"})


@pytest.mark.parametrize(
    "body",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ x.__init__.__globals__ }}",
        "{{ x.format.__self__.__class__ }}",
        "{{ cycler.__init__ }}",
        "{{ range(10) }}",
        "{{ 1 / 0 }}",
        "{{ x.nothing }}",
        "{{ x + 1 }}",
        "{{ x | int('a', 99) + y }}",
    ],
)
def test_expressions_that_reach_out_or_fail_are_prompt_errors(body: str) -> None:
    """The sandbox holds, and whatever goes wrong in it is one error of ours."""
    with pytest.raises(PromptError, match="cannot be rendered"):
        prompt(body, "x").render({"x": "text"})
