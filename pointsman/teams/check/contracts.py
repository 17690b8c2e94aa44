"""Contracts along the edges: what one specialist gives against what the next one takes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import DataclassField, ModelField, TypedDictField

from pointsman.nodes.digest import JsonObject
from pointsman.nodes.panel import Panel
from pointsman.nodes.plan import Plan
from pointsman.nodes.resolve import ByJudge, Vote
from pointsman.nodes.specialist import Specialist
from pointsman.teams.check.finding import Finding, found
from pointsman.teams.check.schemas import Kind, Mismatch, mismatches
from pointsman.teams.family import Nestable
from pointsman.teams.spec import END, TeamSpec

_RULES: dict[Kind, str] = {
    "missing": "edge-missing",
    "type": "edge-type",
    "unknown": "edge-unknown",
    "narrower": "edge-narrower",
}


@dataclass(frozen=True, slots=True)
class Edge:
    """One way that something goes: who gives what to whom. None: text."""

    giver: str
    gives: type[BaseModel] | None
    taker: str
    takes: type[BaseModel] | None
    passed_on: bool = False
    """Whether what is given was itself taken as such: JSON that came in and goes on as it is."""


def contracts(spec: TeamSpec) -> Iterator[Finding]:
    """Models without a schema, and each field along each edge that does not fit."""
    yield from _schemaless(spec)
    by_name = {s.name: s for s in spec.specialists}
    for giver in spec.specialists:
        for name in spec.transitions.get(giver.name, ()):
            taker = by_name.get(name)
            # Without an output the model that hands off writes the input anew.
            if taker is not None and taker is not giver and giver.output is not None:
                yield from _along(Edge(giver.name, giver.output, taker.name, taker.input))
    for s in spec.specialists:
        for edge in _work_edges(s, by_name):
            yield from _along(edge)


def _work_edges(head: Specialist, team: Mapping[str, Specialist]) -> Iterator[Edge]:
    """What goes to and fro between one that gives its work to others and those."""
    match head.does:
        case Panel() as panel:
            members = [team[name] for name in panel.reaches() if name in team]
            for m in members:
                yield Edge(head.name, head.input, m.name, m.input, passed_on=True)
            if isinstance(panel.resolver, Vote | ByJudge):
                yield from (Edge(m.name, m.output, head.name, head.output) for m in members)
        case Plan(merge=Specialist(name=name)) if name in team:
            yield Edge(head.name, None, name, team[name].input)
            yield Edge(name, team[name].output, head.name, head.output)
        case Nestable() as inner:
            for s in inner.spec.specialists:
                if END in inner.spec.transitions.get(s.name, ()):
                    place = f"{head.name}/{s.name}"
                    yield Edge(place, s.output, head.name, head.output)
        case _:
            pass


def _along(edge: Edge) -> Iterator[Finding]:
    if edge.takes is None:
        return
    place = f"{edge.giver} -> {edge.taker}"
    if edge.gives is None:
        yield found(
            "edge-text",
            place,
            f"{edge.giver!r} gives text, and {edge.taker!r} takes a {edge.takes.__name__}.",
            "Declare the same model on both, or none.",
        )
        return
    given = wanted_schema(edge.gives) if edge.passed_on else given_schema(edge.gives)
    wanted = wanted_schema(edge.takes)
    if given is None or wanted is None:
        return
    for fault in mismatches(given, wanted):
        yield found(
            _RULES[fault.kind],
            place,
            f"{fault.field or 'The whole'} {_joined(fault)}"
            f" ({edge.giver!r} gives a {edge.gives.__name__}, {edge.taker!r} takes a"
            f" {edge.takes.__name__}).",
            "Make the two models agree there.",
        )


def _joined(fault: Mismatch) -> str:
    return fault.text if fault.text.startswith("is ") else f"does not fit: {fault.text}"


class _Written(GenerateJsonSchema):
    """A field with a default is written all the same, so it is always there."""

    def field_is_required(
        self,
        field: ModelField | DataclassField | TypedDictField,
        total: bool,  # noqa: FBT001 (pydantic's signature)
    ) -> bool:
        if field["type"] == "typed-dict-field":
            return super().field_is_required(field, total)
        return not field.get("serialization_exclude", False)


def given_schema(model: type[BaseModel]) -> JsonObject | None:
    """What `model_dump` of the model gives; None where it has no JSON Schema."""
    try:
        return model.model_json_schema(
            by_alias=False, mode="serialization", schema_generator=_Written
        )
    except (PydanticInvalidForJsonSchema, PydanticUserError):
        return None


def wanted_schema(model: type[BaseModel]) -> JsonObject | None:
    """What the model validates; None where it has no JSON Schema."""
    by_name = model.model_config.get("populate_by_name") or model.model_config.get(
        "validate_by_name"
    )
    try:
        return model.model_json_schema(by_alias=not by_name, mode="validation")
    except (PydanticInvalidForJsonSchema, PydanticUserError):
        return None


def _schemaless(spec: TeamSpec) -> Iterator[Finding]:
    for s in spec.specialists:
        models = [(s.name, "input", s.input), (s.name, "output", s.output)]
        models += [(f"{s.name}.{t.name}", "arguments", t.args_model) for t in s.tools]
        for place, part, model in models:
            if model is not None and wanted_schema(model) is None:
                yield found(
                    "no-schema",
                    place,
                    f"No JSON Schema can be made of its {part}, {model.__name__}: a model could"
                    " not be told what to write.",
                    "Give each field a type that JSON has.",
                )
