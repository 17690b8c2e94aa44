"""The sandbox: values stay text, attributes stay inside, whatever the template says."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import PromptError
from pointsman.prompts.library import PromptLibrary
from tests.prompts.folder import write

BRACES = st.text(alphabet="{}%# x._'|\n-", max_size=40) | st.text(max_size=40)
WORDS = st.sampled_from(
    ["x", "y", "loop", "self", "upper", "__class__", "__globals__", "format", "replace", "join",
     "attr", "map", "tojson", "default", "(", ")", "[", "]", ".", "|", "~", "'", "{{", "}}", "{%",
     "%}", "for", "in", "if", "endif", "endfor", "set", "=", "macro", "call", "*", "**", "9", ",",
     " "]
)  # fmt: skip
PYTHON = ("<built-in", "<bound method", "<class", "<function", "<generator", " object at 0x")


def rendered(body: str, **values: str) -> str:
    """The text of a prompt with this body, read from a file."""
    with TemporaryDirectory() as folder:
        write(Path(folder), "a", body)
        return PromptLibrary([Path(folder)]).get("a").render(values)


@given(BRACES)
def test_a_value_is_inserted_as_text(value: str) -> None:
    """No value is read as a template, however many braces it has."""
    assert rendered("<{{ x }}>", x=value) == f"<{value}>"


@given(st.lists(WORDS, max_size=14), BRACES)
def test_any_template_gives_text_or_a_prompt_error(words: list[str], value: str) -> None:
    """Odd templates end in PromptError, and never show what Python says of an object."""
    body = "{{ x }}" + "".join(words)
    with TemporaryDirectory() as folder:
        write(Path(folder), "a", body)
        try:
            prompt = PromptLibrary([Path(folder)]).get("a")
            text = prompt.render(dict.fromkeys(prompt.variables, value))
        except PromptError:
            return
    said = text.replace(value, "") if value else text
    assert not any(mark in said for mark in PYTHON)


@pytest.mark.parametrize(
    "body",
    [
        "{{ x['__class__'] }}",
        "{{ x['upper'] ~ '' }}",
        "{{ x[x] ~ '' }}",
        "{{ [x]|map(attribute=x)|join }}",
        "{{ [x]|sum(attribute='__class__') }}",
        "{{ [x, x]|sort(attribute=x)|join }}",
        "{{ [x] }}",
        "{{ x|map('upper') }}",
        "{{ {'a': x} }}",
        "{{ x and none }}",
        "{% for c in x %}{{ loop }}{% endfor %}",
        "{% for c in x %}{{ loop['__init__'] ~ '' }}{% endfor %}",
        "{% macro m() %}{% endmacro %}{{ x[m] }}",
    ],
)
def test_nothing_of_python_is_shown(body: str) -> None:
    """An attribute named by the file or by a user's value is not reached, and no object is text."""
    with pytest.raises(PromptError, match="cannot be rendered"):
        rendered(body, x="upper")


@pytest.mark.parametrize(
    "body",
    [
        "{{ 'a' * 10000000 }}",
        "{{ ['a'] * 10000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%0999999999d' % 1 }}",
        "{% set n = 99999999999999999999999999999999999999999 %}{{ n * n * n }}",
        "{% for a in 'abcdefgh' * 100 %}{{ 'b' * 10000 }}{% endfor %}",
    ],
)
def test_a_template_does_not_take_all_memory(body: str) -> None:
    """Repetition, powers and long texts are bounded, and reading a template runs none of it."""
    with pytest.raises(PromptError, match="cannot be rendered"):
        rendered(body)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{{ x.strip() }}", "a b"),
        ("{% for w in x.split() %}{{ loop.index }}{{ w }}{% endfor %}", "1a2b"),
        ("{{ x | trim | upper }}", "A B"),
        ("{{ x.split() | join('+') }}", "a+b"),
        ("{{ x.split() | map('upper') | join }}", "AB"),
        ("{{ x.split()[0] }}", "a"),
        ("{{ x.split() | map('upper') ~ '' }}", "['A', 'B']"),
        ("{{ x.split() | reverse | join }}{{ 'ab' | reverse }}", "baba"),
        ("{% if x %}yes{% endif %}", "yes"),
        ("{{ x | tojson }}", '" a b "'),
        ("{% set y = x | length %}{{ y * 2 }}", "10"),
    ],
)
def test_what_prompts_need_works(body: str, text: str) -> None:
    """Methods of text, loops, conditions and the listed filters."""
    assert rendered(body, x=" a b ") == text
