"""A team's contracts as JSON Schema files."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pointsman.nodes.digest import JsonObject
from pointsman.teams.check.contracts import given_schema, wanted_schema

if TYPE_CHECKING:
    from pointsman.teams.spec import TeamSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas(spec: "TeamSpec") -> dict[str, JsonObject]:
    """File name -> schema: `<specialist>.input.json`, `<specialist>.output.json`, and
    `<specialist>.<tool>.json` for the arguments of each tool."""
    made: dict[str, JsonObject] = {}
    for name, schema in _named(spec):
        plain = re.sub(r"[^\w.-]+", "-", name).strip(".") or "unnamed"
        file, n = f"{plain}.json", 2
        while file.casefold() in {known.casefold() for known in made}:
            file, n = f"{plain}-{n}.json", n + 1
        made[file] = {"$schema": DIALECT, **schema}
    return made


def _named(spec: "TeamSpec") -> Iterator[tuple[str, JsonObject]]:
    for s in spec.specialists:
        takes = None if s.input is None else wanted_schema(s.input)
        gives = None if s.output is None else given_schema(s.output)
        if takes is not None:
            yield f"{s.name}.input", takes
        if gives is not None:
            yield f"{s.name}.output", gives
        for tool in s.tools:
            arguments = wanted_schema(tool.args_model)
            if arguments is not None:
                yield f"{s.name}.{tool.name}", arguments


def text(schema: JsonObject) -> str:
    """A schema as a file's text."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
