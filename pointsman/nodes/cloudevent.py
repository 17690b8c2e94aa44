"""A Message as it crosses to another process: a CloudEvent 1.0 in JSON, structured mode.

Attribute names are the specification's, its extensions' (Distributed Tracing: `traceparent`;
Dataref: `dataref`), and ours where there is none: `correlationid`, `causationid`, `tenant`,
`thread`, `deadline`, `priority`, `keyid`, `signature`.
"""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from pointsman.errors import InvalidMessage
from pointsman.nodes.digest import JsonObject, canonical, digest
from pointsman.nodes.message import Message
from pointsman.nodes.schemas import Schemas

MAX_DATA = 256_000
"""Bytes of data that an event carries itself; what is larger goes by reference."""
PREFIX = "pointsman."


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
    traceparent: str = Field(default="", max_length=60)
    tenant: str = Field(default="default", min_length=1, max_length=200)
    thread: str = Field(default="", max_length=400)
    deadline: AwareDatetime | None = None
    priority: int = Field(default=5, ge=0, le=9)
    keyid: str = ""
    signature: str = ""


def event_of(
    message: Message,
    *,
    source: str,
    tenant: str,
    thread: str,
    subject: str = "",
    deadline: datetime | None = None,
    schemas: Schemas,
) -> tuple[JsonObject, JsonValue]:
    """A message as an unsigned event, and the data that is too large for it (None: it carries its
    own). Raises InvalidMessage for a payload that no schema knows."""
    data = message.payload.model_dump(mode="json")
    ref = dataref(data) if len(canonical(data)) > MAX_DATA else ""
    event = CloudEvent(
        id=message.id, source=source, type=f"{PREFIX}{message.type}", subject=subject,
        time=message.time, dataschema=schemas.newest(f"{PREFIX}{message.type}"),
        data=None if ref else data, dataref=ref, correlationid=message.correlation_id,
        causationid=message.causation_id, traceparent=message.traceparent, tenant=tenant,
        thread=thread, deadline=deadline, priority=message.priority,
    )  # fmt: skip
    given: JsonObject = event.model_dump(mode="json", exclude_defaults=True)
    given |= {"specversion": "1.0", "datacontenttype": "application/json"}
    return given, data if ref else None


def read_event(given: JsonValue) -> CloudEvent:
    """An event's attributes. Raises InvalidMessage naming what is wrong; the data is not read."""
    try:
        return CloudEvent.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise InvalidMessage(
            f"This is no CloudEvent that pointsman reads: {where}: {first['msg']}.",
            hint="See docs/bridge.md for the attributes.",
        ) from error


def message_of(event: CloudEvent, data: JsonValue, *, receiver: str, schemas: Schemas) -> Message:
    """The message that an event carries. Raises UnknownSchema, and InvalidMessage for data that
    does not fit its schema."""
    payload = schemas.read(event.dataschema, data)
    return Message.model_validate(
        {
            "id": event.id, "correlation_id": event.correlationid,
            "causation_id": event.causationid, "sender": event.source, "receiver": receiver,
            "time": event.time, "priority": event.priority, "traceparent": event.traceparent,
            "payload": payload,
        }
    )  # fmt: skip


def dataref(data: JsonValue) -> str:
    """The reference that stands for this data."""
    return f"digest:{digest(data)}"
