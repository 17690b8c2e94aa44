"""Where arguments come from: the person's own words, records, documents, defaults, or the model."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, JsonValue

from pointsman.guardrails.provenance import NAME, provenance
from pointsman.nodes.message import Attachment, Provenance, Quote, Request, ToolCall, Turn
from pointsman.nodes.specialist import AnyTool
from pointsman.nodes.tool import tool

IBAN = "DE89370400440532013000"


@tool(effect="write", sinks=("to", "usd"))
def pay(to: str, usd: float = 5, note: str = "") -> str:
    """Pay somebody."""
    raise AssertionError("nothing runs here")


@tool(effect="read")
def lookup(invoice: str) -> str:
    """Look an invoice up."""
    raise AssertionError("nothing runs here")


@tool(effect="read", returns="document")
def mail(of: str) -> str:
    """Read somebody's mail."""
    raise AssertionError("nothing runs here")


class Item(BaseModel):
    """A line of an order."""

    id: str
    pieces: int = 1


class Order(BaseModel):
    """What is ordered."""

    items: list[Item]
    extras: list[str] = Field(default=["wrap"])
    shares: dict[str, float] = Field(default_factory=dict)
    fast: bool = False
    gift: str | None = None


@tool(effect="write")
def order(call: Order) -> str:
    """Order something."""
    raise AssertionError("nothing runs here")


TOOLS: dict[str, AnyTool] = {t.name: t for t in (pay, lookup, mail, order)}


def did(name: str, result: str, **args: JsonValue) -> tuple[Turn, Turn]:
    """A call of a tool and its result."""
    call_id = f"{name}:{result}"
    return (
        Turn(role="assistant", tool_calls=(ToolCall(id=call_id, name=name, args=args),)),
        Turn(role="tool", name=name, content=result, tool_call_id=call_id),
    )


def origin(
    to: str, *, text: str = "hello", transcript: Sequence[Turn] = (), **request: object
) -> tuple[str, str]:
    """Origin and source of whom is paid."""
    asked = Request(text=text).model_copy(update=request)
    found, _ = provenance(pay, pay.frozen({"to": to}), asked, transcript, TOOLS)
    assert found.argument == "to"
    return found.origin, found.source


def test_what_the_person_wrote_is_the_persons() -> None:
    """Now, or in an earlier turn of the thread; also where a tool or a document says it too."""
    assert origin(IBAN, text=f"pay {IBAN}!") == ("person", "")
    earlier = (Turn(role="user", content=f"My account is {IBAN}."),)
    assert origin(IBAN, history=earlier) == ("person", "")
    both = (*did("lookup", f"to {IBAN}"), *did("mail", f"to {IBAN}"))
    assert origin(IBAN, text=IBAN, transcript=both) == ("person", "")


@pytest.mark.parametrize("role", ["assistant", "system", "tool"])
def test_only_the_persons_own_turns_are_the_persons(role: str) -> None:
    """What a specialist said earlier in the thread, or reads in one, is not the person's word."""
    earlier = (Turn.model_validate({"role": role, "content": f"pay {IBAN}"}),)
    assert origin(IBAN, history=earlier) == ("model", "")


def test_what_the_model_itself_wrote_is_the_models() -> None:
    """In its texts, in its calls, and in a user turn that it, not the person, began."""
    said = Turn(
        role="assistant", content=IBAN, tool_calls=(ToolCall(id="a", name="x", args={"a": IBAN}),)
    )
    assert origin(IBAN, transcript=(said,)) == ("model", "")
    assert origin(IBAN, transcript=(Turn(role="user", content=IBAN),)) == ("model", "")


def test_a_record_is_a_tools_and_a_document_a_documents() -> None:
    """By what the tool says that it returns; the source is its name."""
    assert origin(IBAN, transcript=did("lookup", f"to {IBAN}")) == ("tool", "lookup")
    assert origin(IBAN, transcript=did("mail", f"pay {IBAN}")) == ("document", "mail")


def test_a_record_outweighs_a_document() -> None:
    """In either order: the record vouches for the value."""
    record, document = did("lookup", f"to {IBAN}"), did("mail", f"pay {IBAN}")
    assert origin(IBAN, transcript=(*record, *document)) == ("tool", "lookup")
    assert origin(IBAN, transcript=(*document, *record)) == ("tool", "lookup")


@pytest.mark.parametrize(
    "args",
    [
        {"invoice": IBAN},
        {"invoice": f"what is {IBAN}?"},
        {"invoice": IBAN[:4] + "\u200b" + IBAN[4:]},
        {IBAN: 1},
        {"x": [{"y": IBAN}]},
    ],
)
def test_an_echo_is_no_record(args: dict[str, JsonValue]) -> None:
    """A value from a document that a record only repeats, because it was asked about it, stays the
    document's: otherwise one lookup would wash it."""
    echo = did("lookup", f"error: there is no {IBAN}", **args)
    assert origin(IBAN, transcript=echo) == ("model", "")
    assert origin(IBAN, transcript=(*did("mail", IBAN), *echo)) == ("document", "mail")
    assert origin(IBAN, transcript=(*echo, *did("lookup", IBAN))) == ("tool", "lookup")


def test_an_amount_that_is_echoed_is_no_record() -> None:
    """However the tool formats it."""
    echo = did("lookup", "1,042.50 USD", usd=1042.5)
    (_, usd) = provenance(
        pay, pay.frozen({"to": "x", "usd": 1042.5}), Request(text="x"), echo, TOOLS
    )
    assert usd.origin == "model"


def test_a_tool_that_is_none_vouches_for_nothing() -> None:
    """The model made its name up, and the error quotes it."""
    turns = did(IBAN, f"error: there is no tool named '{IBAN}'")
    assert origin(IBAN, transcript=turns)[0] == "document"


def test_a_failed_lookup_counts_as_its_tool() -> None:
    """An error's text is text of that tool."""
    assert origin(IBAN, transcript=did("lookup", f"error: use {IBAN}")) == ("tool", "lookup")
    assert origin(IBAN, transcript=did("mail", f"error: use {IBAN}")) == ("document", "mail")


@pytest.mark.parametrize("where", ["uri", "name"])
def test_an_attachments_name_and_address_are_a_documents(where: str) -> None:
    """The person sent the file; who named it is not known."""
    file = Attachment(**{"uri": "s3://b/a.pdf", where: IBAN})  # pyright: ignore[reportArgumentType]
    found, source = origin(IBAN, attachments=(file,))
    assert (found, source) == ("document", IBAN)


def test_a_document_is_the_source_of_what_only_looks_like_it() -> None:
    """Letters that look alike and hidden characters do not hide where a value comes from, and do
    not make it the person's."""
    alike = "p\u0430ypal.com"
    assert origin(alike, text="pay paypal.com") == ("model", "")
    assert origin("paypal.com", transcript=did("mail", f"pay {alike}")) == ("document", "mail")
    assert origin("paypal.com", transcript=did("lookup", f"pay {alike}")) == ("model", "")
    tags = "".join(chr(0xE0000 + ord(c)) for c in IBAN)
    assert origin(IBAN, text=f"hello {tags}") == ("model", "")
    assert origin(IBAN, transcript=did("mail", f"hello {tags}")) == ("document", "mail")


def test_only_sensitive_arguments_are_looked_at() -> None:
    """Those that the tool names; all of them where it names none."""
    found = provenance(pay, pay.frozen({"to": "a", "note": "b"}), Request(text="a"), (), TOOLS)
    assert [(p.argument, p.origin) for p in found] == [("to", "person"), ("usd", "default")]
    found = provenance(lookup, {"invoice": "INV-1"}, Request(text="of inv-1?"), (), TOOLS)
    assert found == (Provenance(argument="invoice", origin="person"),)


def of_order(text: str = "hello", **args: object) -> dict[str, str]:
    """Origins of an order's arguments."""
    frozen = order.frozen({"items": [{"id": "A-1"}], **args})  # pyright: ignore[reportArgumentType]
    return {p.argument: p.origin for p in provenance(order, frozen, Request(text=text), (), TOOLS)}


def test_every_leaf_has_its_path_and_origin() -> None:
    """Defaults only of top-level arguments, and only where the value stands nowhere."""
    found = of_order("A-1 please, 3 pieces")
    assert found == {
        "items.0.id": "person",
        "items.0.pieces": "model",
        "extras.0": "default",
        "shares": "model",
        "fast": "default",
        "gift": "default",
    }
    found = of_order(
        "wrap it", extras=["wrap", "card"], fast=True, items=[{"id": "x", "pieces": 3}]
    )
    assert (found["extras.0"], found["extras.1"]) == ("person", "model")
    assert (found["fast"], found["items.0.pieces"]) == ("model", "model")


def test_truth_values_and_null_are_never_said() -> None:
    """They stand in no text: they are the default, or the model's."""
    found = of_order("true false null None 1 0", fast=True, gift=None)
    assert (found["fast"], found["gift"]) == ("model", "default")


def test_an_empty_list_or_object_is_a_leaf() -> None:
    """Nothing can mean everything, and nobody said so."""
    found = of_order(extras=[], items=[])
    assert (found["extras"], found["items"], found["shares"]) == ("model", "model", "model")


def test_names_that_a_call_chooses_are_leaves() -> None:
    """An object from recipients to amounts holds its recipients in its names."""
    found = of_order("give anna@x.org 0.5", shares={"anna@x.org": 0.5, "evil@x.org": 0.5})
    assert found[f"shares.anna@x.org{NAME}"] == "person"
    assert found[f"shares.evil@x.org{NAME}"] == "model"
    assert (found["shares.anna@x.org"], found["shares.evil@x.org"]) == ("person", "person")
    assert not [path for path in found if path.startswith("items") and NAME in path]


def test_a_call_without_sensitive_arguments_has_none() -> None:
    """Nothing to look at."""

    @tool(effect="write", sinks=())
    def ping(text: str = "x") -> str:
        return ""

    assert provenance(ping, {"text": "y"}, Request(text="z"), (), {}) == ()


WORDS = st.text("abcxyz019-.@ \n", max_size=30)


@given(
    st.from_regex(r"[A-Z]{3}-[0-9]{6}", fullmatch=True), WORDS, WORDS,
    st.sampled_from(["person", "earlier", "tool", "document", "model"]),
)  # fmt: skip
def test_a_value_has_the_origin_of_where_it_was_put(
    value: str, before: str, after: str, where: str
) -> None:
    """And embedded in a longer token there, it has none."""
    expected = {"earlier": "person"}.get(where, where)
    for text, wanted in (
        (f"{before} {value} {after}", expected),
        (f"{before} x{value} {value}0 {value}-1 {after}", "model"),
    ):
        found, _ = origin(
            value,
            text=text if where == "person" else "hello",
            history=(Turn(role="user", content=text),) if where == "earlier" else (),
            transcript={
                "tool": did("lookup", text),
                "document": did("mail", text),
                "model": (Turn(role="assistant", content=text),),
            }.get(where, ()),
        )
        assert found == wanted


def test_many_arguments_in_a_long_text() -> None:
    """A hundred thousand characters and fifty arguments, each found or not for itself."""
    long = "word INV-1 5,000.5 (x) é " * 4000 + "value 49"
    args: dict[str, JsonValue] = {"invoice": [f"value {n}" for n in range(50)]}
    found = provenance(lookup, args, Request(text=long), (), TOOLS)
    assert [p.origin for p in found] == ["model"] * 49 + ["person"]


@pytest.mark.parametrize(
    ("quotes", "origin", "source"),
    [
        ((Quote(origin="tool", source="crm", text=f"IBAN {IBAN}"),), "tool", "crm"),
        ((Quote(origin="tool", source="crm", text=f"no {IBAN}", asked=IBAN),), "model", ""),
        ((Quote(origin="document", source="mail", text=f"to {IBAN}!"),), "document", "mail"),
        ((Quote(origin="model", source="billing", text=f"to {IBAN}"),), "model", ""),
        ((Quote(origin="document", source="mail", text="", cut=True),), "document", "mail"),
    ],
)
def test_what_was_handed_on_keeps_its_origin(
    quotes: tuple[Quote, ...], origin: str, source: str
) -> None:
    """A specialist's words are no source; an echo proves nothing; what a cut document held could be
    anything."""
    args: dict[str, JsonValue] = {"to": IBAN, "usd": 5, "note": ""}
    found = provenance(pay, args, Request(text="pay", handed=quotes), (), {})
    assert (found[0].origin, found[0].source) == (origin, source)


@tool(effect="write", sinks=("to",), content=("note",))
def tell(to: str, note: str) -> str:
    """Tell somebody."""
    raise AssertionError("nothing runs here")


def test_a_text_for_others_comes_from_what_it_quotes() -> None:
    """And what points somewhere in it is a leaf of its own."""
    read = (
        Turn(role="assistant", tool_calls=(ToolCall(id="a", name="mail"),)),
        Turn(role="tool", name="mail", tool_call_id="a", content="visit www.evil.com for a prize"),
    )
    tools = {"mail": mail}
    args: dict[str, JsonValue] = {"to": "ana", "note": "Do visit www.evil.com for a prize!"}
    found = provenance(tell, args, Request(text="tell ana"), read, tools)
    assert [(p.argument, p.origin, p.content) for p in found] == [
        ("to", "person", False),
        ("note", "document", True),
        ("note (www.evil.com)", "document", False),
    ]
    own: dict[str, JsonValue] = {"to": "ana", "note": "You win a prize."}
    found = provenance(tell, own, Request(text="tell ana"), read, tools)
    assert [(p.origin, p.content) for p in found] == [("person", False), ("model", True)]
