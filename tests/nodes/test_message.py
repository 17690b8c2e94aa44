"""Message: the envelope and its payloads."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pointsman.nodes.message import (
    MESSAGE_SCHEMA,
    Answer,
    Attachment,
    Escalation,
    Failure,
    Handoff,
    Message,
    Outcome,
    Outcomes,
    Payload,
    Proposal,
    Refusal,
    Request,
    Ruling,
    ToolCall,
    Turn,
    request_of,
)

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
names = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=10)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts, values, max_size=3)
calls = st.builds(ToolCall, id=names, name=names, args=objects)
turns = st.builds(
    Turn,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=texts,
    tool_calls=st.lists(calls, max_size=2).map(tuple),
    tool_call_id=st.none() | names,
    name=st.none() | names,
)
transcripts = st.lists(turns, max_size=3).map(tuple)
attachments = st.builds(Attachment, uri=texts, media_type=names, name=texts)
requests = st.builds(
    Request,
    text=texts,
    attachments=st.lists(attachments, max_size=2).map(tuple),
    history=transcripts,
)
answers = st.builds(
    Answer,
    text=texts,
    data=values,
    by=st.sampled_from(["model", "rules", "fallback", "person", "guard"]),
    evidence=st.lists(texts, max_size=2).map(tuple),
)
outcomes = st.builds(
    Outcome,
    call_id=names,
    tool=names,
    args=objects,
    status=st.sampled_from(["done", "failed", "rejected", "answered", "refused", "ambiguous"]),
    text=texts,
)
rulings = st.builds(
    Ruling,
    call_id=names,
    verdict=st.sampled_from(["allow", "ask", "deny"]),
    rule=names,
    policy_version=names,
    reason=texts,
)
carriers = st.builds(
    Outcomes,
    request=requests,
    transcript=transcripts,
    outcomes=st.lists(outcomes, max_size=2).map(tuple),
)
payloads = st.one_of(
    requests,
    answers,
    carriers,
    st.builds(
        Proposal,
        request=requests,
        calls=st.lists(calls, max_size=2).map(tuple),
        transcript=transcripts,
        rulings=st.lists(rulings, max_size=2).map(tuple),
    ),
    st.builds(Handoff, to=names, reason=texts, request=requests),
    st.builds(
        Escalation,
        stage=st.sampled_from(["input", "output"]),
        guard=names,
        rule=names,
        reason=texts,
        held=st.one_of(requests, carriers, answers),
    ),
    st.builds(Refusal, guard=names, rule=names, text=texts),
    st.builds(Failure, error=names, text=texts),
)
messages = st.builds(
    Message,
    id=names,
    correlation_id=texts,
    causation_id=texts,
    sender=names,
    receiver=names,
    time=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    priority=st.integers(0, 9),
    payload=payloads,
)


@given(messages)
def test_a_message_survives_json(message: Message) -> None:
    """What is stored comes back the same, every payload and every field, exact type included."""
    back = Message.model_validate_json(message.model_dump_json())
    assert back == message
    assert type(back.payload) is type(message.payload)


@given(messages)
def test_a_message_survives_the_checkpoints_form(message: Message) -> None:
    """The plain JSON that checkpoints hold (tuples become lists) reads back the same."""
    assert Message.model_validate(message.model_dump(mode="json")) == message


@given(messages, payloads)
def test_a_reply_goes_back_and_says_what_it_answers(message: Message, payload: Payload) -> None:
    """Receiver, causation, correlation and priority come from the message that is answered."""
    reply = message.reply(payload, sender="billing")
    assert (reply.sender, reply.receiver) == ("billing", message.sender)
    assert reply.causation_id == message.id
    assert reply.correlation_id == (message.correlation_id or message.id)
    assert reply.priority == message.priority
    assert reply.id != message.id
    assert reply.payload == payload


@given(messages, payloads)
def test_carrying_changes_the_payload_only(message: Message, payload: Payload) -> None:
    """A filter passes the same message on."""
    passed = message.carrying(payload)
    assert passed.payload == payload
    assert passed.carrying(message.payload) == message


def a_message(**change: object) -> dict[str, object]:
    """A message as JSON."""
    return {
        "schema_version": MESSAGE_SCHEMA,
        "id": "m1",
        "sender": "user",
        "receiver": "shop",
        "time": "2026-11-21T12:00:00Z",
        "payload": {"kind": "request", "text": "hello"},
        **change,
    }


def test_the_plain_form_is_valid() -> None:
    """The form that the refusals below change is itself accepted."""
    assert Message.model_validate(a_message()).type == "request"


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"schema_version": "pointsman.message@2"},
        {"id": ""},
        {"id": "x" * 201},
        {"priority": 10},
        {"priority": -1},
        {"time": "2026-11-21T12:00:00"},
        {"sender": None},
        {"payload": {"kind": "request", "text": "hello", "extra": 1}},
        {"payload": {"kind": "unknown", "text": "hello"}},
        {"payload": {"text": "hello"}},
        {"payload": {"kind": "request"}},
        {"payload": {"kind": "request", "text": 5}},
        {"payload": {"kind": "answer", "text": "x", "by": "nobody"}},
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object]) -> None:
    """Unknown fields, versions and kinds, missing values and naive times stay outside."""
    with pytest.raises(ValidationError):
        Message.model_validate(a_message(**change))


def test_a_message_cannot_be_changed() -> None:
    """Frozen: a filter makes a new one."""
    message = Message.model_validate(a_message())
    with pytest.raises(ValidationError, match="frozen"):
        message.sender = "somebody"  # pyright: ignore[reportAttributeAccessIssue]


@given(messages)
def test_the_request_behind_a_message(message: Message) -> None:
    """request_of gives the person's request where a type carries one, and refuses the others."""
    payload = message.payload
    if isinstance(payload, Request):
        assert request_of(message) is payload
    elif isinstance(payload, Outcomes | Proposal | Handoff):
        assert request_of(message) is payload.request
    else:
        with pytest.raises(TypeError, match=payload.kind):
            request_of(message)
