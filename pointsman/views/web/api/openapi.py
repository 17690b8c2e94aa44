"""The OpenAPI 3.1 document, made of the table of routes and its models."""

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import cast

from pydantic import BaseModel, JsonValue, TypeAdapter

from pointsman.views.web.api.models import Problem
from pointsman.views.web.api.problems import MEDIA_TYPE, TITLES
from pointsman.views.web.api.table import OPERATIONS, Operation

Json = dict[str, JsonValue]
PATH = "/v1/openapi.json"
_ALWAYS = (401, 403, 429)
"""Statuses of every operation that asks for a token."""
_PARTS = re.compile(r"{(\w+)}")
_EVENT: Json = {
    "type": "object",
    "description": "One event of the stream; `data` is an EventView as JSON.",
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["id", "event", "data"],
}
_REF = "#/components/schemas/{model}"


def document() -> Json:
    """The whole document."""
    models = _Models(OPERATIONS)
    paths: dict[str, JsonValue] = {}
    for operation in OPERATIONS:
        there = cast("Json", paths.setdefault(operation.path, {}))
        there[operation.method.lower()] = _operation(operation, models)
    paths[PATH] = {"get": _of_itself()}
    scheme: Json = {
        "type": "http", "scheme": "bearer",
        "description": "A token of `pointsman token new`. Its scopes are read, submit, decide and"
        " admin; the operation says which one it needs.",
    }  # fmt: skip
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pointsman", "version": _version(),
            "description": "Messages to a team of specialists, their runs, and what waits for"
            " people.",
        },
        "paths": paths,
        "components": {"schemas": models.schemas, "securitySchemes": {"token": scheme}},
    }  # fmt: skip


def _operation(operation: Operation, models: "_Models") -> Json:
    made: Json = {
        "operationId": operation.name,
        "summary": operation.says,
        "parameters": cast("JsonValue", _parameters(operation)),
        "responses": _responses(operation, models),
        "security": [] if operation.scope is None else [{"token": []}],
    }
    about = (operation.handler.__doc__ or "").strip()
    scope = "" if operation.scope is None else f" Needs the scope `{operation.scope}`."
    made["description"] = " ".join(about.split()) + scope
    if operation.body is not None:
        schema = models.of(operation.body)
        made["requestBody"] = {
            "required": operation.body_needed, "content": {"application/json": {"schema": schema}},
        }  # fmt: skip
    return made


def _parameters(operation: Operation) -> list[Json]:
    found: list[Json] = [
        {
            "name": name, "in": "path", "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": 200},
        }
        for name in _PARTS.findall(operation.path)
    ]  # fmt: skip
    for header in operation.headers:
        schema: Json = {"type": "string", "pattern": header.pattern}
        found.append(
            {"name": header.name, "in": "header", "schema": schema, "description": header.says}
        )
    properties = operation.query.model_json_schema().get("properties", {})
    for name, told in cast("Mapping[str, Json]", properties).items():
        about = {key: value for key, value in told.items() if key not in ("title", "description")}
        found.append(
            {
                "name": name, "in": "query", "schema": _without_null(about),
                "description": told.get("description", ""),
            }
        )  # fmt: skip
    return found


def _without_null(schema: Json) -> Json:
    """A parameter that may be left out is never null."""
    choices = schema.get("anyOf")
    if not isinstance(choices, list):
        return schema
    left = [c for c in choices if c != {"type": "null"}]
    rest: Json = {k: v for k, v in schema.items() if k not in ("anyOf", "default")}
    return {**rest, **cast("Json", left[0])} if len(left) == 1 else {**rest, "anyOf": left}


def _responses(operation: Operation, models: "_Models") -> Json:
    made: Json = {}
    gives: Json = {
        name: {"schema": {"type": "string"}, "description": says}
        for name, says in operation.gives.items()
    }
    for status, answer in operation.answers.items():
        if isinstance(answer, str):
            content: Json = {answer: {"schema": _EVENT}}
        else:
            content = {"application/json": {"schema": models.of(answer)}}
        told: Json = {"description": _title(status), "content": content}
        if gives and status < 300:
            told["headers"] = gives
        made[str(status)] = told
    statuses = (*operation.problems, *(_ALWAYS if operation.scope else ()))
    for status in sorted(set(statuses) - set(operation.answers)):
        made[str(status)] = _problem(status, models)
    made["default"] = {
        "description": "Anything else that went wrong",
        "content": {MEDIA_TYPE: {"schema": models.of(Problem)}},
    }
    return made


def _problem(status: int, models: "_Models") -> Json:
    told: Json = {
        "description": _title(status),
        "content": {MEDIA_TYPE: {"schema": models.of(Problem)}},
    }
    if status in (429, 503):
        told["headers"] = {
            "Retry-After": {"schema": {"type": "string"}, "description": "Seconds to wait."}
        }
    return told


def _title(status: int) -> str:
    return {200: "As asked", 202: "Taken; it goes on"}.get(status) or TITLES[status][1]


def _of_itself() -> Json:
    return {
        "operationId": "openapi",
        "summary": "This document",
        "parameters": [],
        "security": [],
        "responses": {
            "200": {
                "description": "As asked",
                "content": {"application/json": {"schema": {"type": "object"}}},
            }
        },
    }


def _version() -> str:
    try:
        return version("pointsman")
    except PackageNotFoundError:
        return "0"


class _Models:
    """The schemas of every model, each once."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        inputs = {id(o.body): o.body for o in operations if o.body is not None}
        outputs = {
            model: TypeAdapter[BaseModel](model)
            for o in operations for model in (*o.answers.values(), Problem)
            if not isinstance(model, str)
        }  # fmt: skip
        made, rest = TypeAdapter.json_schemas(
            [
                *((key, "validation", adapter) for key, adapter in inputs.items()),
                *((id(model), "serialization", adapter) for model, adapter in outputs.items()),
            ],
            ref_template=_REF,
        )
        self._made = {key: cast("Json", schema) for (key, _), schema in made.items()}
        self.schemas = cast("Json", rest.get("$defs", {}))

    def of(self, model: type[BaseModel] | TypeAdapter[object]) -> Json:
        """How the document points to a model."""
        return self._made[id(model)]
