"""What one JSON Schema gives against what another takes."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model

from pointsman.nodes.digest import JsonObject
from pointsman.teams.check.contracts import given_schema, wanted_schema
from pointsman.teams.check.schemas import mismatches


class Colour(StrEnum):
    """Three of them."""

    red = "red"
    green = "green"
    blue = "blue"


class Part(BaseModel):
    """A nested model."""

    usd: float


class NamedPart(BaseModel):
    """One that needs more."""

    usd: float
    name: str


class Tree(BaseModel):
    """A model that holds itself."""

    value: int
    kids: list["Tree"] = []


class WordTree(BaseModel):
    """The same with words."""

    value: str
    kids: list["WordTree"] = []


PAIRS: list[tuple[Any, Any, str]] = [
    (str, str, ""),
    (str, Any, ""),
    (Any, str, "narrower"),
    (int, float, ""),
    (float, int, "narrower"),
    (int, str, "type"),
    (bool, int, "type"),
    (str, str | None, ""),
    (str | None, str, "narrower"),
    (str | int, str | int | None, ""),
    (str | int, int, "narrower"),
    (str | int, bool | None, "type"),
    (Literal["a"], Literal["a", "b"], ""),
    (Literal["a", "b"], Literal["a"], "narrower"),
    (Literal["a"], Literal["b"], "type"),
    (Colour, str, ""),
    (str, Colour, "narrower"),
    (Literal["red", "blue"], Colour, ""),
    (Literal["a"], int, "type"),
    (Literal[5], Annotated[int, Field(le=9)], ""),
    (Literal[5, 11], Annotated[int, Field(le=9)], "narrower"),
    (Annotated[int, Field(ge=1, le=5)], Annotated[int, Field(gt=0, lt=6)], ""),
    (Annotated[int, Field(ge=0)], Annotated[int, Field(gt=0)], "narrower"),
    (float, Annotated[float, Field(gt=0)], "narrower"),
    (Annotated[str, Field(max_length=5)], Annotated[str, Field(max_length=9)], ""),
    (Annotated[str, Field(max_length=9)], Annotated[str, Field(max_length=5)], "narrower"),
    (Annotated[str, Field(pattern="^a$")], Annotated[str, Field(pattern="^a$")], ""),
    (str, Annotated[str, Field(pattern="^a$")], "narrower"),
    (date, str, ""),
    (str, date, "narrower"),
    (list[int], list[float], ""),
    (list[int], list[str], "type"),
    (tuple[int, int], list[int], ""),
    (tuple[int, str], tuple[int, int], "type"),
    (list[Part], list[Part], ""),
    (list[Part], list[NamedPart], "missing"),
    (Part, NamedPart, "missing"),
    (NamedPart, Part, ""),
    (dict[str, int], dict[str, float], ""),
    (dict[str, int], dict[str, str], "type"),
    (dict[str, float], Part, "narrower"),
    (Part, dict[str, Any], ""),
    (Tree, Tree, ""),
    (Tree, WordTree, "type"),
    (Part, str, "type"),
]


@pytest.mark.parametrize(("gives", "takes", "kind"), PAIRS, ids=str)
def test_one_field_against_another(gives: Any, takes: Any, kind: str) -> None:
    """Each pair of types fits, or fails in the way that it does."""
    giver = create_model("Giver", x=(gives, ...))
    taker = create_model("Taker", x=(takes, ...))
    found = mismatches(given_schema(giver) or {}, wanted_schema(taker) or {})
    assert {fault.kind for fault in found} == ({kind} if kind else set())
    assert all(fault.field.split(".")[0] == "x" and fault.text for fault in found)


def test_the_field_is_named_by_its_path() -> None:
    """Deep inside a list the path says where."""
    giver = create_model("Giver", items=(list[Part], ...))
    taker = create_model("Taker", items=(list[NamedPart], ...))
    (fault,) = mismatches(giver.model_json_schema(), taker.model_json_schema())
    assert (fault.field, fault.kind) == ("items.*.name", "missing")


def test_needed_forbidden_and_optional_fields() -> None:
    """A default settles what is missing; what is forbidden is told by its name."""

    class Taker(BaseModel):
        model_config = ConfigDict(extra="forbid")
        usd: float
        note: str = ""

    class Giver(BaseModel):
        usd: float = 1.0
        extra: int

    (fault,) = mismatches(given_schema(Giver) or {}, wanted_schema(Taker) or {})
    assert (fault.field, fault.kind) == ("extra", "unknown")


def test_aliases_are_those_that_are_written_and_read() -> None:
    """What is given goes by the field's own name; what is taken by its alias, unless names do."""

    class Giver(BaseModel):
        order: str = Field(alias="orderId")

    class ByAlias(BaseModel):
        order: str = Field(alias="orderId")

    class ByName(BaseModel):
        model_config = ConfigDict(populate_by_name=True)
        order: str = Field(alias="orderId")

    gives = given_schema(Giver) or {}
    assert [f.field for f in mismatches(gives, wanted_schema(ByAlias) or {})] == ["orderId"]
    assert mismatches(gives, wanted_schema(ByName) or {}) == ()


TYPES = st.recursive(
    st.sampled_from(
        (
            int,
            float,
            str,
            bool,
            type(None),
            Colour,
            date,
            Part,
            Tree,
            Literal["red", 5],
            Annotated[int, Field(ge=0, le=9)],
            Annotated[str, Field(min_length=2)],
        )
    ),
    lambda inner: inner.map(lambda t: list[t]) | st.tuples(inner, inner).map(lambda t: t[0] | t[1]),
    max_leaves=4,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 12) | st.sampled_from(["", "red", "2026-01-01"]),
    lambda inner: st.lists(inner, max_size=2) | st.fixed_dictionaries({"usd": inner}),
    max_leaves=4,
)


@given(gives=TYPES, takes=TYPES, value=VALUES)
def test_what_is_not_complained_of_fits(gives: Any, takes: Any, value: Any) -> None:
    """Where nothing is found, a value that the giver may give is one that the taker takes."""
    giver, taker = TypeAdapter(gives), TypeAdapter(takes)
    found = mismatches(
        giver.json_schema(mode="serialization"), taker.json_schema(mode="validation")
    )
    try:
        written = giver.dump_json(giver.validate_python(value, strict=True))
    except ValidationError:
        return
    if not found:
        taker.validate_json(written)


KEYWORDS = (
    "type", "enum", "const", "anyOf", "allOf", "$ref", "$defs", "A", "properties", "items",
    "required", "additionalProperties", "minimum", "prefixItems", "pattern",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["a", "string", "#/$defs/A"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYWORDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(gives=JSON, takes=JSON)
def test_any_json_can_be_compared(gives: Any, takes: Any) -> None:
    """A schema that somebody wrote by hand, right or wrong, never breaks the check."""
    one: JsonObject = gives if isinstance(gives, dict) else {"properties": gives}
    other: JsonObject = takes if isinstance(takes, dict) else {"items": takes}
    mismatches(one, other)
