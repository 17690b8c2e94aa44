"""The schemas that a team reads and writes, with their versions.

`pointsman.request@1` and its kin are pointsman's own. A specialist whose contract has an input
schema is written to under `TEAM.SPECIALIST`: its version is 1, and one more for each upcast that
the team was given (`Team(..., upcasts={"shop.billing@1": to_second})`).
"""

from collections.abc import Mapping

from pydantic import BaseModel, JsonValue

from pointsman.errors import InvalidMessage, InvalidTeam
from pointsman.nodes.cloudevent import PREFIX, CloudEvent, message_of, payload_schemas
from pointsman.nodes.digest import canonical
from pointsman.nodes.message import Message, Request
from pointsman.nodes.schemas import Schema, Schemas, Upcast
from pointsman.teams.result import Result
from pointsman.teams.spec import TeamSpec

REQUEST = f"{PREFIX}request"
RESULT = f"{PREFIX}result"


def input_name(team: str, specialist: str) -> str:
    """The name of the schema of a specialist's typed input."""
    return f"{team}.{specialist}"


def team_schemas(spec: TeamSpec) -> Schemas:
    """All that a team reads and writes. Raises InvalidTeam for an upcast that leads nowhere."""
    inputs = {
        input_name(spec.name, one.name): one.contract.input
        for one in spec.specialists
        if one.contract.input is not None
    }
    upcasts = _upcasts(spec, inputs)
    made = [
        Schema(name, model, 1 + max(upcasts[name], default=0), upcasts[name])
        for name, model in inputs.items()
    ]
    return Schemas(*payload_schemas(), Schema(RESULT, Result), *made)


def taken(
    spec: TeamSpec, schemas: Schemas, event: CloudEvent, data: JsonValue
) -> tuple[Message, str]:
    """The request that an event makes of a team, and the specialist that it names (empty: the
    router decides). Raises UnknownSchema and InvalidMessage."""
    name = event.dataschema.rpartition("@")[0]
    to = next((s.name for s in spec.specialists if input_name(spec.name, s.name) == name), "")
    if event.type != REQUEST:
        raise InvalidMessage(
            f"Team {spec.name!r} takes events of type {REQUEST!r}, and this one is of"
            f" {event.type!r}."
        )
    if not to:
        message = message_of(event, data, receiver=spec.name, schemas=schemas)
        payload = message.payload
        if not isinstance(payload, Request):
            raise InvalidMessage(f"Data of {event.dataschema!r} is no request.")
        # What others hand on, and what was said before, comes from the team's own store only.
        plain = Request(text=payload.text, attachments=payload.attachments)
        return message.carrying(plain), ""
    value = schemas.read(event.dataschema, data).model_dump(mode="json")
    asked: JsonValue = Request(text=canonical(value).decode(), data=value).model_dump(mode="json")
    plain_event = event.model_copy(update={"dataschema": schemas.newest(REQUEST)})
    return message_of(plain_event, asked, receiver=spec.name, schemas=schemas), to


def _upcasts(spec: TeamSpec, inputs: Mapping[str, type[BaseModel]]) -> dict[str, dict[int, Upcast]]:
    found: dict[str, dict[int, Upcast]] = {name: {} for name in inputs}
    for key, upcast in spec.upcasts.items():
        name, _, text = key.rpartition("@")
        if name not in found or not (text.isascii() and text.isdigit() and int(text) > 0):
            raise InvalidTeam(
                f"Team {spec.name!r} has an upcast from {key!r}, which is no version of one of its"
                " inputs.",
                hint=f"Its inputs are {', '.join(inputs) or 'none'}: write NAME@VERSION.",
            )
        found[name][int(text)] = upcast
    return found
