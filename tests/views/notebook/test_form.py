"""Arguments as a form: what a person sees there is what runs."""

import json
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from pointsman.errors import InvalidDecision
from pointsman.nodes.message import Provenance
from pointsman.teams.tickets import Ticket
from pointsman.views.notebook.form import exact, fields, values
from pointsman.views.visible import visible


def ticket(args: dict[str, Any], schema: dict[str, Any] | None = None, **more: Any) -> Ticket:
    """A ticket with these arguments."""
    return Ticket(
        id="t1", team="shop", run="r1", thread="c1", specialist="billing", tool="refund",
        args=args, args_schema=schema or {}, digest="d", policy_rule="default",
        policy_version="v", reason="", created=datetime.now(UTC), **more,
    )  # fmt: skip


def form(made: Ticket) -> dict[str, dict[str, Any]]:
    """The fields by name."""
    return {str(one["name"]): one for one in cast("list[dict[str, Any]]", fields(made))}


def unchanged(field: dict[str, Any]) -> str:
    """What the page sends of a field that nobody touched: its JSON text."""
    if field["text"] == "" and field["empty"] == "null":
        return "null"
    return json.dumps(field["text"]) if field["type"] in ("text", "long") else field["text"]


class Why(Enum):
    """A reason."""

    LATE = "late"
    BROKEN = "broken"


class Order(BaseModel):
    """Arguments of every kind."""

    invoice: str = Field(description="Its number")
    usd: float = Field(ge=0, le=500)
    count: int
    why: Why
    speed: Literal[1, 2] | None = None
    notify: bool = True
    insured: bool | None = None
    note: str | None = None
    letter: str = ""
    items: list[dict[str, int]] = Field(default_factory=list)
    either: int | str = 3


def test_each_kind_of_argument_gets_its_input() -> None:
    """By the schema: through references, optionals and enums; bounds and descriptions too."""
    order = Order(
        invoice="INV-1", usd=20.0, count=2, why=Why.LATE, speed=2, letter="two\nlines",
        items=[{"id": 7}],
    )  # fmt: skip
    shown = form(ticket(order.model_dump(mode="json"), Order.model_json_schema()))
    assert {name: one["type"] for name, one in shown.items()} == {
        "invoice": "text", "usd": "number", "count": "number", "why": "choice", "speed": "choice",
        "notify": "flag", "insured": "choice", "note": "text", "letter": "long", "items": "json",
        "either": "json",
    }  # fmt: skip
    assert shown["invoice"]["about"] == "Its number"
    assert [shown["usd"][key] for key in ("text", "step", "min", "max")] == [
        "20", "any", "0", "500",
    ]  # fmt: skip
    assert shown["count"]["step"] == "1"
    assert [one["label"] for one in shown["why"]["options"]] == ["late", "broken"]
    assert [one["label"] for one in shown["speed"]["options"]] == ["none", "1", "2"]
    assert [one["value"] for one in shown["insured"]["options"]] == ["", "true", "false"]
    assert shown["note"] | {"about": ""} == {
        "name": "note", "label": "note", "about": "", "empty": "null", "origins": [], "was": "",
        "type": "text", "text": "",
    }  # fmt: skip


def test_what_the_call_left_out_can_be_given() -> None:
    """While the ticket takes an edit: left empty it stays out."""
    schema = {"properties": {"coupon": {"type": "string"}}}
    shown = form(ticket({"usd": 5}, schema))
    assert (shown["coupon"]["text"], shown["coupon"]["empty"]) == ("", "absent")
    assert "coupon" not in form(ticket({"usd": 5}, schema, status="executed"))
    assert "coupon" not in form(ticket({"usd": 5}, schema, kind="ambiguous"))


def test_a_value_that_does_not_fit_its_schema_is_shown_as_it_is() -> None:
    """Never as another one that would fit."""
    schema = {"properties": {n: {"enum": ["a", "b"]} for n in "x"} | {"n": {"type": "number"}}}
    shown = form(ticket({"x": "c", "n": "7"}, schema))
    assert (shown["x"]["type"], shown["x"]["text"]) == ("json", '"c"')
    assert (shown["n"]["type"], shown["n"]["text"]) == ("json", '"7"')


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("INV\u202e1", '"INV\\u202e1"'),
        ("INV-1 ", '"INV-1 "'),
        ("INV\u00a01", '"INV\\u00a01"'),
        ("a\x7fb", '"a\\u007fb"'),
        ("\ud800", '"\\ud800"'),
        (2**60 + 1, str(2**60 + 1)),
        (1e22, "1e+22"),
    ],
)
def test_nothing_hides_in_a_value(value: Any, text: str) -> None:
    """Invisible and reordering characters, odd spaces and large numbers are written out."""
    assert form(ticket({"x": value}))["x"]["text"] == text
    assert values({"x": text}) == {"x": value}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
SCHEMA = st.sampled_from(
    [
        {}, {"type": "string"}, {"type": "number"}, {"type": "integer"}, {"type": "boolean"},
        {"type": "array"}, {"anyOf": [{"type": "string"}, {"type": "null"}]}, {"enum": ["a", 1]},
        {"anyOf": [{"type": "boolean"}, {"type": "null"}]}, {"$ref": "#/$defs/none"},
    ]
)  # fmt: skip


@given(JSON, SCHEMA)
@example("", {"anyOf": [{"type": "string"}, {"type": "null"}]})
def test_a_form_that_nobody_touched_gives_the_arguments(value: Any, schema: dict[str, Any]) -> None:
    """Exactly, whatever they are; and no text of the form hides anything from the reader."""
    field = form(ticket({"x": value}, {"properties": {"x": schema}}))["x"]
    sent = values({"x": unchanged(field)})["x"]
    assert sent == value
    assert isinstance(sent, bool) == isinstance(value, bool)
    assert visible(field["text"]) == field["text"]
    json.dumps(field, ensure_ascii=False).encode()  # a kernel's wire is UTF-8


@given(JSON)
def test_exact_is_json(value: Any) -> None:
    """Escaped as JSON does, so that it can be edited and read back."""
    assert json.loads(exact(value)) == value


@pytest.mark.parametrize("text", ["", "{", "NaN", "1e999", "-Infinity", "[" * 100_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    """In a sentence that names the argument."""
    with pytest.raises(InvalidDecision, match="'usd' is no JSON value"):
        values({"usd": text})


def test_an_argument_says_where_it_comes_from_and_what_it_was() -> None:
    """Paths go to the argument they lead into; an edit by another reviewer shows what it changed;
    what comes from a document is marked."""
    made = ticket(
        {"usd": 30, "items": [{"id": 7}], "items.0": 1},
        approved_args={"usd": 15.5, "items": [{"id": 7}], "items.0": 1},
        provenance=(
            Provenance(argument="usd", origin="document", source="mail\u202e"),
            Provenance(argument="items.1.id", origin="tool", source="lookup"),
            Provenance(argument="items.0.id", origin="person"),
            Provenance(argument="gone", origin="model"),
        ),
    )
    shown = form(made)
    assert (shown["usd"]["text"], shown["usd"]["was"]) == ("15.5", "30")
    assert [(o["text"], o["doubt"]) for o in shown["usd"]["origins"]] == [
        ("from a document (mail\\u202e)", True)
    ]
    assert shown["items"]["was"] == ""
    assert shown["items"]["origins"][0]["text"].startswith("items.1.id: from a tool")
    assert len(shown["items.0"]["origins"]) == 1
