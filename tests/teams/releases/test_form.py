"""Code as JSON: equal for what does the same, different for what does not."""

import re
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from pointsman.nodes.digest import canonical
from pointsman.teams.releases.form import code, form, parts_of, short, source_digest


class Color(Enum):
    """A choice."""

    RED = "red"


class Order(BaseModel):
    """What a tool takes."""

    number: int = 0


class Plain:
    """A guard of somebody's own, without a version."""


class Versioned:
    """A guard that says its version."""

    version = "7"


@dataclass(frozen=True)
class Bound:
    """A part of a team."""

    most: float
    name: str = "a"
    why: str = field(default="", compare=False)


def one() -> int:
    """Give one."""
    return 1


def test_numbers_that_are_equal_have_one_form() -> None:
    """5 and 5.0 are one bound, and what JSON cannot hold is a text."""
    assert form(5.0) == form(5) == 5
    assert form(float("inf")) == "inf"
    assert form(0.5) == 0.5


def test_a_dataclass_shows_what_counts() -> None:
    """Its type and the fields that are not at their default; reasons do not count."""
    assert form(Bound(3.0, why="x")) == {"is": "Bound", "most": 3}
    assert parts_of(Bound(3.0, "b"), leave={"most"}) == {"name": "b"}


def test_code_stands_as_its_name_and_source() -> None:
    """Functions, classes, models, what is bound with partial."""
    told = code(one)
    assert told["code"] == f"{__name__}.one"
    assert re.fullmatch(r"[0-9a-f]{12}", str(told["digest"]))
    assert form(one) == told
    assert form(Order) == {"schema": "Order", "digest": form(Order)["digest"]}  # pyright: ignore
    assert form(partial(one)) == {"partial": told, "args": [{}]}
    assert source_digest(len) == ""


def test_another_source_is_another_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same name with another body differs; with another indentation it does not."""
    monkeypatch.syspath_prepend(tmp_path)
    bodies = {
        "made_a": "def f():\n    return 1\n",
        "made_b": "def f():\n    return 2\n",
        "made_c": "if True:\n    def f():\n        return 1\n",
    }
    digests: list[str] = []
    for name, body in bodies.items():
        (tmp_path / f"{name}.py").write_text(body)
        digests.append(source_digest(__import__("importlib").import_module(name).f))
    assert digests[0] != digests[1]
    assert digests[0] == digests[2]


def test_objects_tell_their_version_or_their_class() -> None:
    """And never where they lie in memory."""
    assert form(Versioned()) == {
        "is": f"{__name__}.Versioned", "code": source_digest(Versioned), "version": "7"
    }  # fmt: skip
    assert form(Plain()) == form(Plain())
    assert "0x" not in str(form([Plain(), lambda: 1, object()]))


def test_other_values_have_a_form() -> None:
    """Sets in one order, paths without their folder, patterns, bytes, keys that are pairs."""
    assert form({"b", "a"}) == ["a", "b"]
    assert form(Path("/secret/place/file.json")) == {"file": "file.json"}
    assert form(re.compile("a+")) == {"pattern": "a+"}
    assert form(b"x") == {"bytes": 1, "digest": "2d711642b726"}
    assert form({("a", "b"): Color.RED, "c": (1, None)}) == {
        "a -> b": form(Color.RED), "c": [1, None]
    }  # fmt: skip
    assert form(Order(number=2)) == {"is": "Order", "number": 2}


def test_what_holds_itself_ends() -> None:
    """A list in itself has a form."""
    inner: list[object] = []
    inner.append(inner)
    assert canonical(form(inner))


def test_what_is_long_stands_as_its_digest() -> None:
    """2,000 bytes stay, more do not."""
    assert short("a" * 1_998) == "a" * 1_998
    assert short("a" * 1_999)["bytes"] == 2_001  # pyright: ignore


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
))  # fmt: skip
def test_every_form_is_json(value: object) -> None:
    """And the same each time."""
    assert canonical(form(value)) == canonical(form(value))
