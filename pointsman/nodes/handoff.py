"""Handing on: the tool by which a model names who goes on, and what it may give along."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from pydantic import BaseModel, JsonValue, ValidationError

from pointsman.errors import BadOutput
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway.transport import ToolSpec
from pointsman.nodes.message import ToolCall
from pointsman.nodes.sees import Sees

HANDOFF = "transfer_to_"
"""Prefix of the tool by which a model hands off; the rest is the specialist's name."""
_REASON = "Why it goes on with this."
_SUMMARY = (
    "What the next one must know of what was said so far, in a few sentences. It does not see the"
    " answers of others."
)


@dataclass(frozen=True, slots=True)
class Onward:
    """What a hand-off gives along."""

    reason: str
    summary: str = ""
    data: JsonValue = None


@dataclass(frozen=True)
class Transfer:
    """The tool that hands on to one specialist.

    Its arguments are `reason`, `summary` where the receiver sees one, and the fields of the
    receiver's input model. A field of the model that has one of these two names stands in its
    place. A model that is no object is the argument `data`.
    """

    to: str
    input: type[BaseModel] | None = None
    sees: Sees = field(default_factory=Sees)

    @property
    def name(self) -> str:
        """As the model calls it."""
        return HANDOFF + self.to

    @property
    def spec(self) -> ToolSpec:
        """As the model sees it."""
        return ToolSpec(self.name, f"Hand this request to {self.to}.", self._parameters())

    def read(self, call: ToolCall) -> Onward:
        """What a call gives along. Raises BadOutput for data that is no input of the receiver."""
        reason, summary = (str(call.args.get(name) or "") for name in ("reason", "summary"))
        summary = summary if self.sees.summary else ""
        if self.input is None:
            return Onward(reason, summary)
        fields = _fields(self.input)
        given: JsonValue = (
            call.args.get("data")
            if fields is None
            else {name: value for name, value in call.args.items() if name in fields}
        )
        try:
            value = self.input.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "data"
            raise BadOutput(
                f"{self.name!r} takes a {self.input.__name__}: {where}: {first['msg']}"
            ) from error
        return Onward(reason, summary, cast("JsonValue", value.model_dump(mode="json")))

    def _parameters(self) -> JsonObject:
        properties: JsonObject = {"reason": {"type": "string", "description": _REASON}}
        if self.sees.summary:
            properties["summary"] = {"type": "string", "description": _SUMMARY}
        required: list[JsonValue] = ["reason"]
        schema: JsonObject = {"type": "object"}
        if self.input is not None:
            own = cast("JsonObject", self.input.model_json_schema())
            if _fields(self.input) is None:
                inside = {name: value for name, value in own.items() if name != "$defs"}
                properties["data"] = inside
                required.append("data")
            else:
                properties |= cast("Mapping[str, JsonValue]", own["properties"])
                needed = cast("list[JsonValue]", own.get("required", []))
                required += [name for name in needed if name not in required]
            if "$defs" in own:
                schema["$defs"] = own["$defs"]
        schema["properties"] = properties
        schema["required"] = required
        return schema


def _fields(model: type[BaseModel]) -> frozenset[str] | None:
    """Names of the model's fields as JSON has them; None where it is no object with such."""
    schema = cast("JsonObject", model.model_json_schema())
    properties = schema.get("properties")
    return frozenset(properties) if isinstance(properties, dict) else None
