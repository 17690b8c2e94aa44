"""The bridge's AsyncAPI document, made from the team's contracts."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false

import json
from typing import Annotated, Literal, Union

from pydantic import BaseModel, Field, create_model

from pointsman.nodes.cloudevent import PREFIX, CloudEvent
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.event import Recorded
from pointsman.nodes.message import Request
from pointsman.teams.result import Result
from pointsman.teams.schemas import REQUEST, RESULT, team_schemas
from pointsman.teams.spec import TeamSpec
from pointsman.views.bridge.broker import Subjects


def document(spec: TeamSpec, subjects: Subjects, version: str) -> JsonObject:
    """AsyncAPI 3.0 of what the bridge takes and gives."""
    from faststream.nats import NatsBroker
    from faststream.specification import AsyncAPI

    broker = NatsBroker(logger=None)
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
    broker.publisher(
        subjects.results, title="results", schema=result,
        description="What each run came to; published again after a crash, with the same id.",
    )  # fmt: skip
    broker.publisher(
        subjects.dead, title="dead", schema=bytes, description="Requests that were refused."
    )
    if subjects.events:
        event = _event("RunEvent", f"{PREFIX}event", f"{PREFIX}event@1", Recorded)
        broker.publisher(
            subjects.events, title="events", schema=event, description="The steps of each run."
        )
    made = AsyncAPI(
        broker, title=f"pointsman bridge of {spec.name}", version=version, schema_version="3.0.0"
    )
    found: JsonObject = json.loads(made.to_specification().to_json())
    return found


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
