"""A Message as it crosses to another process: a CloudEvent 1.0 in JSON, structured mode.

Attribute names are the specification's, its extensions' (Distributed Tracing: `traceparent`;
Dataref: `dataref`), and ours where there is none: `correlationid`, `causationid`, `tenant`,
`thread`, `deadline`, `priority`, `keyid`, `signature`.
"""

import json
import re
from datetime import datetime
from typing import Literal, NoReturn, cast, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from pointsman.errors import InvalidMessage
from pointsman.nodes.digest import JsonObject, canonical, digest
from pointsman.nodes.message import Message, Payload
from pointsman.nodes.schemas import Schema, Schemas

CONTENT_TYPE = "application/cloudevents+json"
MAX_DATA = 256_000
"""Bytes of data that an event carries itself; what is larger goes by reference."""
MAX_PAYLOAD = 16_000_000
"""Bytes of data that go by reference at most."""
MAX_EVENT = 1_000_000
"""Bytes of an event that are read at all."""
PREFIX = "pointsman."
_TRACEPARENT = re.compile("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class CloudEvent(BaseModel):
    """The attributes that pointsman reads. Others are allowed, as the specification asks, and are
    covered by the signature."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(min_length=1, max_length=200)
    source: str = Field(min_length=1, max_length=200)
    type: str = Field(min_length=1, max_length=200)
    subject: str = Field(default="", max_length=400)
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str = Field(min_length=3, max_length=200)
    """The schema of `data`, as `name@version`."""
    data: JsonValue = None
    dataref: str = Field(default="", max_length=400)
    """Where the data is, when it is not here: `digest:` and the SHA-256 of its canonical form."""
    correlationid: str = Field(default="", max_length=200)
    causationid: str = Field(default="", max_length=200)
    traceparent: str = Field(default="", max_length=400)
    tenant: str = Field(default="default", min_length=1, max_length=200)
    thread: str = Field(default="", max_length=400)
    deadline: AwareDatetime | None = None
    priority: int = Field(default=5, ge=0, le=9)
    keyid: str = ""
    signature: str = ""


def payload_schemas() -> tuple[Schema, ...]:
    """The schema of each kind of payload: `pointsman.request@1` and so on."""
    kinds = cast("tuple[type[BaseModel], ...]", get_args(get_args(Payload)[0]))
    return tuple(Schema(f"{PREFIX}{one.model_fields['kind'].default}", one) for one in kinds)


def event_of(
    message: Message,
    *,
    source: str,
    tenant: str = "default",
    thread: str = "",
    subject: str = "",
    deadline: datetime | None = None,
    schemas: Schemas,
) -> tuple[JsonObject, JsonValue]:
    """A message as an unsigned event, and the data that is too large for it (None: it carries its
    own). Raises UnknownSchema for a payload that these schemas do not know."""
    return written(
        CloudEvent(
            id=message.id, source=source, type=f"{PREFIX}{message.type}", subject=subject,
            time=message.time, dataschema=schemas.newest(f"{PREFIX}{message.type}"),
            data=message.payload.model_dump(mode="json"), correlationid=message.correlation_id,
            causationid=message.causation_id, traceparent=message.traceparent, tenant=tenant,
            thread=thread, deadline=deadline, priority=message.priority,
        )
    )  # fmt: skip


def written(event: CloudEvent) -> tuple[JsonObject, JsonValue]:
    """An event as JSON, and its data where that is too large for it and goes by reference. Raises
    InvalidMessage for data of more than MAX_PAYLOAD bytes."""
    data: JsonValue = None
    size = 0 if event.data is None else len(canonical(event.data))
    if size > MAX_PAYLOAD:
        raise InvalidMessage(
            f"Event {event.id!r} has {size:,} bytes of data; at most {MAX_PAYLOAD:,} cross.",
            hint="Pass the large part as an attachment, by reference.",
        )
    if size > MAX_DATA:
        data = event.data
        event = event.model_copy(update={"data": None, "dataref": dataref(data)})
    given: JsonObject = event.model_dump(mode="json", exclude_defaults=True)
    given |= {"specversion": "1.0", "datacontenttype": "application/json"}
    return given, data


def parsed(body: bytes) -> JsonObject:
    """An event's JSON as it came. Raises InvalidMessage for what is no JSON object of at most
    MAX_EVENT bytes."""
    if len(body) > MAX_EVENT:
        raise _no_event(f"it has {len(body):,} bytes, and {MAX_EVENT:,} are read at most")
    try:
        given: JsonValue = json.loads(body, parse_constant=_refused)
        canonical(given)
    except (ValueError, RecursionError) as error:
        raise _no_event("it is no JSON") from error
    if not isinstance(given, dict):
        raise _no_event("it is no JSON object")
    return given


def read_event(given: JsonValue) -> CloudEvent:
    """An event's attributes. Raises InvalidMessage naming what is wrong; the data is not read."""
    try:
        event = CloudEvent.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise _no_event(f"{where}: {first['msg']}") from error
    if event.dataref and event.data is not None:
        raise _no_event("it has data and a dataref, and only one of them can hold")
    return event


def message_of(event: CloudEvent, data: JsonValue, *, receiver: str, schemas: Schemas) -> Message:
    """The message that an event carries. Raises UnknownSchema, and InvalidMessage for data that
    does not fit its schema."""
    payload = schemas.read(event.dataschema, data)
    try:
        return Message.model_validate(
            {
                "id": event.id, "correlation_id": event.correlationid,
                "causation_id": event.causationid, "sender": event.source, "receiver": receiver,
                "time": event.time, "priority": event.priority,
                # A broken one is ignored, as the Trace Context asks.
                "traceparent": event.traceparent if _traced(event) else "",
                "payload": payload,
            }
        )  # fmt: skip
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _no_event(f"its data is no payload: {where}: {first['msg']}") from error


def dataref(data: JsonValue) -> str:
    """The reference that stands for this data."""
    return f"digest:{digest(data)}"


def referred(event: CloudEvent, body: str | None) -> JsonValue:
    """The data that an event refers to, from what was found under its reference. Raises
    InvalidMessage for nothing, and for what is something else."""
    if body is None:
        raise _no_event(f"its data {event.dataref!r} is not here")
    try:
        data: JsonValue = json.loads(body)
    except ValueError as error:
        raise _no_event(f"its data {event.dataref!r} cannot be read") from error
    if dataref(data) != event.dataref:
        raise _no_event(f"what is kept as {event.dataref!r} is something else")
    return data


def _traced(event: CloudEvent) -> bool:
    return _TRACEPARENT.fullmatch(event.traceparent) is not None


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _no_event(why: str) -> InvalidMessage:
    return InvalidMessage(
        f"This is no CloudEvent that pointsman reads: {why}.",
        hint="See docs/bridge.md for the attributes.",
    )
