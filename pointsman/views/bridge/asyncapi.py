"""The bridge's AsyncAPI document, made from the team's contracts."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

import json
from typing import TYPE_CHECKING, Annotated, Literal, Union, cast

from pydantic import BaseModel, Field, create_model

from pointsman.nodes.cloudevent import PREFIX, CloudEvent
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.event import Recorded
from pointsman.nodes.message import Request
from pointsman.teams.result import Result
from pointsman.teams.schemas import REQUEST, RESULT, team_schemas
from pointsman.teams.spec import TeamSpec
from pointsman.views.bridge.address import Address
from pointsman.views.bridge.broker import REASON, Subjects

if TYPE_CHECKING:
    from faststream.kafka import KafkaBroker
    from faststream.nats import NatsBroker
    from faststream.rabbit import RabbitBroker

RABBIT = ("amqp", "amqps")


def document(
    spec: TeamSpec, subjects: Subjects, version: str, address: Address | None = None
) -> JsonObject:
    """AsyncAPI 3.0 of what the bridge takes and gives at this broker; of NATS on this machine
    without one."""
    from faststream.specification import AsyncAPI

    broker = _broker(address)
    schemas = team_schemas(spec)
    inputs = [one for one in schemas.all if not one.name.startswith(PREFIX)]
    asked = [
        _event("RequestEvent", REQUEST, schemas.newest(REQUEST), Request),
        *(
            _event(f"{one.name}.RequestEvent", REQUEST, schemas.newest(one.name), one.model)
            for one in inputs
        ),
    ]
    taken = Annotated[Union[tuple(asked)], Field(title="Requests")] if inputs else asked[0]  # noqa: UP007 (made at run time)

    async def requests(event: CloudEvent) -> None:
        """Taken in once it is stored; the same event again is the same run."""

    requests.__annotations__["event"] = taken
    broker.subscriber(subjects.requests, title="requests")(requests)
    result = _event("ResultEvent", RESULT, schemas.newest(RESULT), Result)
    said = "What each run came to; published again after a crash, with the same id."
    _publishes(broker, subjects.results, "results", result, said)
    _publishes(broker, subjects.dead, "dead", bytes, f"Refused requests; header {REASON} says why.")
    if subjects.events:
        event = _event("RunEvent", f"{PREFIX}event", f"{PREFIX}event@1", Recorded)
        _publishes(broker, subjects.events, "events", event, "The steps of each run.")
    made = AsyncAPI(
        broker, title=f"pointsman bridge of {spec.name}", version=version, schema_version="3.0.0"
    )
    found: JsonObject = json.loads(made.to_specification().to_json())
    for part in ("channels", "operations"):  # FastStream keeps them in sets
        if isinstance(entries := found.get(part), dict):
            found[part] = dict(sorted(entries.items()))
    return found


def _broker(address: Address | None) -> "NatsBroker | RabbitBroker | KafkaBroker":
    """One that is never connected: it knows the protocol's bindings."""
    shown = address.shown if address else None
    match address.kind if address else "nats":
        case "nats":
            from faststream.nats import NatsBroker

            return NatsBroker(shown, logger=None) if shown else NatsBroker(logger=None)
        case "rabbitmq":
            from faststream.rabbit import RabbitBroker

            return RabbitBroker(shown, logger=None)
        case "kafka":
            from faststream.kafka import KafkaBroker

            return KafkaBroker(address.servers if address else (), logger=None)


def _publishes(
    broker: "NatsBroker | RabbitBroker | KafkaBroker", subject: str, title: str,
    schema: type, description: str,
) -> None:  # fmt: skip
    if broker.specification.protocol in RABBIT:
        broker = cast("RabbitBroker", broker)
        broker.publisher(subject, title=title, schema=schema, description=description, persist=True)
    else:
        broker.publisher(subject, title=title, schema=schema, description=description)


def _event(name: str, type_: str, schema: str, model: type[BaseModel]) -> type[BaseModel]:
    """A CloudEvent whose data is of this model."""
    return create_model(  # pyright: ignore[reportCallIssue, reportUnknownVariableType] (fields that are made at run time)
        name,
        __base__=CloudEvent,
        dataschema=(  # pyright: ignore[reportArgumentType] (likewise)
            Literal[schema],
            Field(description="Older versions that have an upcast are read too."),
        ),
        type=(str, Field(description=f"{type_}, for events {type_}.KIND")),
        data=(model, ...),
    )
