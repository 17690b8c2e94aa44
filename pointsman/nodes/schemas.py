"""Schemas of what crosses, by name and version, and how an older version becomes the newest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, JsonValue, ValidationError

from pointsman.errors import InvalidMessage, UnknownSchema, is_control_flow
from pointsman.nodes.digest import JsonObject

Upcast = Callable[[JsonObject], JsonObject]
"""Makes data of the next version out of data of one version."""


@dataclass(frozen=True)
class Schema:
    """A schema's newest version, and the way there from older ones."""

    name: str
    model: type[BaseModel]
    version: int = 1
    upcasts: Mapping[int, Upcast] = field(default_factory=dict[int, Upcast])
    """By the version they start from. A version that none starts from is not read any more."""


class Schemas:
    """The schemas that one end knows."""

    def __init__(self, *schemas: Schema) -> None:
        self._schemas = {schema.name: schema for schema in schemas}

    @property
    def all(self) -> tuple[Schema, ...]:
        """Each of them, by name."""
        return tuple(self._schemas[name] for name in sorted(self._schemas))

    def newest(self, name: str) -> str:
        """`name@version`, as it is sent. Raises UnknownSchema."""
        return f"{name}@{self._known(name).version}"

    def read(self, dataschema: str, data: JsonValue) -> BaseModel:
        """Data of a schema, brought to the newest version and validated.

        Raises UnknownSchema for a name or a version that is not read here, and InvalidMessage for
        data that does not fit, or that an upcast fails on.
        """
        name, _, text = dataschema.rpartition("@")
        schema = self._known(name)
        version = int(text) if text.isascii() and text.isdigit() else 0
        if not isinstance(data, dict):
            raise InvalidMessage(f"Data of {dataschema!r} must be a JSON object.")
        while version != schema.version:
            upcast = schema.upcasts.get(version)
            if upcast is None or version > schema.version:
                raise UnknownSchema(
                    f"{dataschema!r} is not read here: version {schema.version} is.",
                    hint="Deploy a version that reads it, or register an upcast; then drive the"
                    " dead letter again.",
                )
            data, version = _upcast(upcast, data, f"{name}@{version}"), version + 1
        try:
            return schema.model.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "it"
            raise InvalidMessage(
                f"Data of {dataschema!r} does not fit: {where}: {first['msg']}."
            ) from error

    def _known(self, name: str) -> Schema:
        if name not in self._schemas:
            raise UnknownSchema(
                f"No schema {name!r} is known here.",
                hint=f"Known are {', '.join(sorted(self._schemas)) or 'none'}.",
            )
        return self._schemas[name]


def _upcast(upcast: Upcast, data: JsonObject, of: str) -> JsonObject:
    try:
        return upcast(data)
    except Exception as error:
        if is_control_flow(error):
            raise
        raise InvalidMessage(
            f"The upcast from {of!r} failed: {type(error).__name__}: {error}.",
            hint="Mend it, then drive the dead letter again.",
        ) from error
