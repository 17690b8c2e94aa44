"""Envelopes: every payload comes back as it was sent, and nothing else is believed."""

import json
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, JsonValue

from pointsman.errors import Forged, InvalidMessage, UnknownSchema
from pointsman.nodes.cloudevent import (
    MAX_DATA,
    CloudEvent,
    dataref,
    event_of,
    message_of,
    parsed,
    payload_schemas,
    read_event,
    referred,
)
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import (
    Answer,
    Delegation,
    Delivered,
    Escalation,
    Failure,
    Handoff,
    Invocation,
    Message,
    Outcome,
    Outcomes,
    Payload,
    Proposal,
    Refusal,
    Request,
    Returned,
    Task,
    TaskResult,
    ToolCall,
    Turn,
)
from pointsman.nodes.schemas import Schema, Schemas
from pointsman.nodes.signing import Senders, Signer, encoded, new_secret

SCHEMAS = Schemas(*payload_schemas())
TEXT = st.text(max_size=30).filter(lambda text: text.isprintable())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
REQUESTS = st.builds(Request, text=TEXT, data=JSON)
CALLS = st.builds(ToolCall, id=TEXT, name=TEXT, args=st.dictionaries(TEXT, JSON, max_size=3))
TURNS = st.builds(Turn, role=st.just("assistant"), content=TEXT, tool_calls=st.tuples(CALLS))
TASKS = st.builds(Task, id=st.just("t1"), to=TEXT, text=TEXT, data=JSON)
DONE = st.just("done")
DELEGATIONS = st.builds(
    Delegation, of=st.just("plan"), request=REQUESTS, tasks=st.tuples(TASKS),
)  # fmt: skip
PAYLOADS: st.SearchStrategy[Payload] = st.one_of(
    REQUESTS,
    st.builds(Answer, text=TEXT, data=JSON, evidence=st.tuples(TEXT)),
    st.builds(
        Proposal, request=REQUESTS, calls=st.tuples(CALLS), transcript=st.tuples(TURNS),
    ),
    st.builds(
        Outcomes, request=REQUESTS, transcript=st.tuples(TURNS),
        outcomes=st.just(()) | st.tuples(st.builds(Outcome, args=st.dictionaries(TEXT, JSON))),
    ),
    st.builds(Invocation, call=CALLS, effect=st.just("write")),
    st.builds(Returned, call_id=TEXT, tool=TEXT, text=TEXT),
    st.builds(Handoff, to=TEXT, reason=TEXT, request=REQUESTS, data=JSON),
    DELEGATIONS,
    st.builds(
        Delivered, delegation=DELEGATIONS,
        results=st.tuples(
            st.builds(TaskResult, task=TEXT, to=TEXT, run=TEXT, status=DONE, text=TEXT, data=JSON)
        ),
    ),
    st.builds(
        Escalation, stage=st.just("input"), guard=TEXT, rule=TEXT, reason=TEXT, held=REQUESTS
    ),
    st.builds(Refusal, guard=TEXT, rule=TEXT, text=TEXT),
    st.builds(Failure, error=TEXT, text=TEXT),
)  # fmt: skip
MESSAGES = st.builds(
    Message, sender=st.just("team/router"), receiver=st.just("shop"), payload=PAYLOADS,
    priority=st.integers(0, 9), correlation_id=TEXT, causation_id=TEXT,
    traceparent=st.just("") | st.just(f"00-{'a' * 32}-{'b' * 16}-01"),
)  # fmt: skip
SIGNER = Signer("team/router", bytes(range(32)))
SENDERS = Senders({"team/router": [SIGNER.public]})


def crossed(message: Message, **more: JsonValue) -> JsonObject:
    """The message as its receiver parses it: signed, written and read."""
    event, _ = event_of(message, source="team/router", tenant="t1", thread="c1", schemas=SCHEMAS)
    return parsed(json.dumps(SIGNER.signed({**event, **more})).encode())


def test_every_kind_of_payload_has_a_schema() -> None:
    """None is left out, and each is at its first version."""
    names = {schema.name for schema in SCHEMAS.all}
    assert len(names) == 12
    assert SCHEMAS.newest("pointsman.request") == "pointsman.request@1"


@settings(max_examples=50, deadline=None)
@given(MESSAGES)
def test_a_message_crosses_unchanged(message: Message) -> None:
    """Whatever it carries; its sender's signature holds on the other side."""
    given = crossed(message)
    SENDERS.check(given)
    event = read_event(given)
    assert (event.tenant, event.thread, event.type) == ("t1", "c1", f"pointsman.{message.type}")
    assert message_of(event, event.data, receiver="shop", schemas=SCHEMAS) == message


@settings(max_examples=50, deadline=None)
@given(MESSAGES, st.data())
def test_any_change_breaks_the_signature(message: Message, data: st.DataObject) -> None:
    """An attribute changed, added or left out, also one that pointsman does not know."""
    given = crossed(message, comexampleextra="x", sampledrate=3)
    name = data.draw(st.sampled_from(sorted(given)))
    altered = dict(given)
    if data.draw(st.booleans()):
        del altered[name]
    else:
        altered[name] = data.draw(JSON.filter(lambda value: _differs(value, given[name])))
    with pytest.raises(Forged):
        SENDERS.check(altered)
    with pytest.raises(Forged):
        SENDERS.check({**given, "added": None})


def _differs(one: JsonValue, other: JsonValue) -> bool:
    return json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)


@pytest.mark.parametrize("sign", ["", "\n", "=", " "])
def test_a_signature_has_one_form(sign: str) -> None:
    """What a lenient decoder would read the same is another text, and refused."""
    given = crossed(Message(sender="s", receiver="r", payload=Request(text="hi")))
    text = str(given["signature"])
    with pytest.raises(Forged):
        SENDERS.check({**given, "signature": text + sign if sign else text.rstrip("=")})


def test_unknown_extensions_are_tolerated() -> None:
    """As the specification asks: they are read over."""
    message = Message(sender="team/router", receiver="shop", payload=Request(text="hi"))
    event = read_event(crossed(message, comexampleextra="x"))
    assert message_of(event, event.data, receiver="shop", schemas=SCHEMAS) == message


def test_a_broken_traceparent_is_ignored() -> None:
    """The message counts; its trace begins anew."""
    message = Message(sender="team/router", receiver="shop", payload=Request(text="hi"))
    event = read_event({**crossed(message), "traceparent": "01-new-form"})
    assert message_of(event, event.data, receiver="shop", schemas=SCHEMAS).traceparent == ""


def test_a_key_is_replaced_without_a_gap() -> None:
    """While both are listed both are believed; afterwards the new one only."""
    old, new = Signer("a", new_secret()), Signer("a", new_secret())
    event: JsonObject = {"id": "1", "data": {"x": 1}}
    both = Senders({"a": [old.public, new.public]})
    for signer in (old, new):
        both.check(signer.signed(event))
    with pytest.raises(Forged, match="no key"):
        Senders({"a": [new.public]}).check(old.signed(event))


def test_a_key_signs_for_its_own_sender_only() -> None:
    """Another sender's name under it, or a sender nobody listed, is refused."""
    mine, other = Signer("a", new_secret()), Signer("b", new_secret())
    senders = Senders({"a": [mine.public], "b": [other.public]})
    for forger in (Signer("b", mine.secret), Signer("c", mine.secret)):
        with pytest.raises(Forged):
            senders.check(forger.signed({"id": "1"}))
    with pytest.raises(Forged, match="no signature"):
        senders.check({"id": "1", "source": "a"})


def test_a_secret_is_never_shown() -> None:
    """Not by repr."""
    signer = Signer("a", new_secret())
    assert encoded(signer.secret) not in repr(signer)
    assert str(signer.secret) not in repr(signer)


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    item: str
    count: int


def _second(data: JsonObject) -> JsonObject:
    return {"item": data["name"]}


def _third(data: JsonObject) -> JsonObject:
    return {**data, "count": 1}


ORDERS = Schemas(Schema("order", _Order, 3, {1: _second, 2: _third}))


def test_older_versions_are_upcast() -> None:
    """Step by step to the newest one."""
    whole = _Order(item="pen", count=1)
    assert ORDERS.read("order@1", {"name": "pen"}) == whole
    assert ORDERS.read("order@2", {"item": "pen"}) == whole
    assert ORDERS.read("order@3", {"item": "pen", "count": 1}) == whole
    assert ORDERS.newest("order") == "order@3"


@pytest.mark.parametrize("name", ["order@4", "order@0", "order@x", "order@", "order", "pen@1"])
def test_what_is_not_known_is_said(name: str) -> None:
    """A newer version, no version, no such schema: never guessed."""
    with pytest.raises(UnknownSchema):
        ORDERS.read(name, {"item": "pen", "count": 1})


@pytest.mark.parametrize(
    ("schema", "data"),
    [("order@3", {"item": "pen"}), ("order@3", []), ("order@1", {}), ("order@3", 1)],
)
def test_data_that_does_not_fit_is_refused(schema: str, data: JsonValue) -> None:
    """Also when an upcast fails on it."""
    with pytest.raises(InvalidMessage):
        ORDERS.read(schema, data)


def test_large_data_goes_by_reference() -> None:
    """The event stays small; what is found is checked against its digest."""
    message = Message(sender="a", receiver="b", payload=Request(text="x" * MAX_DATA))
    event, data = event_of(message, source="a", schemas=SCHEMAS)
    assert len(json.dumps(event)) < 1_000
    assert event["dataref"] == dataref(data)
    read = read_event(event)
    found = referred(read, json.dumps(data))
    assert message_of(read, found, receiver="b", schemas=SCHEMAS).payload == message.payload
    for wrong in (None, "{}", "not json", json.dumps({**cast("JsonObject", data), "text": "y"})):
        with pytest.raises(InvalidMessage):
            referred(read, wrong)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff", b'{"data": NaN}', b"[" * 100_000, b'"' + b"x" * 1_000_001 + b'"'],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    """Also when it is too deep, too large, or holds what JSON does not have."""
    with pytest.raises(InvalidMessage):
        parsed(body)


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"}, {"id": ""}, {"source": 3}, {"time": "yesterday"}, {"priority": 10},
        {"dataschema": ""}, {"datacontenttype": "text/xml"}, {"dataref": "digest:0"},
        {"tenant": "x" * 201}, {"time": "2026-01-01T00:00:00"},
    ],
)  # fmt: skip
def test_a_bad_attribute_is_named(change: JsonObject) -> None:
    """Whatever is wrong with it."""
    good: JsonObject = {
        "specversion": "1.0", "id": "1", "source": "a", "type": "pointsman.request",
        "time": "2026-01-01T00:00:00Z", "dataschema": "pointsman.request@1", "data": {},
    }  # fmt: skip
    assert isinstance(read_event(good), CloudEvent)
    with pytest.raises(InvalidMessage, match=next(iter(change))):
        read_event({**good, **change})
