"""Reading a suite's file, and the JSON Schemas by which editors check one."""

import sys
from importlib import import_module
from pathlib import Path
from typing import cast

from pydantic import Field, JsonValue, ValidationError

from pointsman.errors import BadInput, PointsmanError, is_control_flow
from pointsman.evals.casefile import cases_of, fault, load_yaml, read_cases, read_text
from pointsman.evals.suite import (
    ApproverSpec,
    Case,
    RunOptions,
    ScorerSpec,
    Suite,
    UserSpec,
)
from pointsman.nodes.digest import JsonObject


class SuiteFile(RunOptions):
    """What a `suite.yaml` may hold."""

    name: str = ""
    """Default: the file's name."""
    target: str = "team"
    """`team` (the project's), `router`, `specialist:NAME`, or `module:name` of a team, a
    specialist, a guard, a router or an async function."""
    cases: str | tuple[Case, ...]
    """The cases, or `file:NAME` beside this file, or `python:module:name`."""
    scorers: tuple[ScorerSpec, ...] = ()
    approver: ApproverSpec = ApproverSpec()
    user: UserSpec | None = None
    setup: str = ""
    """`module:name` of an async context manager, entered around each sample."""
    tags: tuple[str, ...] = ()
    """Added to every case."""
    gate: JsonValue = None
    """Rules that `pointsman eval gate` reads."""
    schema_: str = Field(default="", alias="$schema")
    """For the editor."""


def read(path: Path) -> Suite:
    """A suite from YAML (an object), or from cases alone: JSONL, CSV, a YAML list.

    Raises BadInput naming the file and the field.
    """
    if path.suffix.lower() not in (".yaml", ".yml"):
        return Suite(path.stem, read_cases(path), folder=path.parent)
    document = load_yaml(path, read_text(path))
    if isinstance(document, list):
        return Suite(path.stem, cases_of(str(path), cast("object", document)), folder=path.parent)
    try:
        held = SuiteFile.model_validate(document)
    except ValidationError as error:
        raise BadInput(f"{path} is no suite: {fault(error)}.") from error
    cases = _cases(path, held.cases)
    if held.tags:
        tagged = ({*case.tags, *held.tags} for case in cases)
        cases = tuple(
            case.model_copy(update={"tags": tuple(sorted(tags))})
            for case, tags in zip(cases, tagged, strict=True)
        )
    options = RunOptions(**{name: getattr(held, name) for name in RunOptions.model_fields})
    return Suite(
        name=held.name or path.stem, cases=cases, target=held.target, scorers=held.scorers,
        options=options, approver=held.approver, user=held.user, setup=held.setup, tags=held.tags,
        gate=held.gate, folder=path.parent,
    )  # fmt: skip


def _cases(path: Path, given: str | tuple[Case, ...]) -> tuple[Case, ...]:
    if not isinstance(given, str):
        return cases_of(str(path), list(given))
    kind, _, rest = given.partition(":")
    if kind == "file" and rest:
        return read_cases(path.parent / rest)
    if kind == "python" and rest:
        made = loaded(rest, path.parent)
        return cases_of(rest, made() if callable(made) else made)
    raise BadInput(
        f"{path} is no suite: cases: {given!r} names neither a file nor a function.",
        hint="Write `cases: file:cases.jsonl` or `cases: python:module:name`, or list them.",
    )


def loaded(named: str, folder: Path | None) -> object:
    """What `module:name` stands for; modules are found from `folder` too. Raises BadInput."""
    module, _, name = named.partition(":")
    if folder is not None and str(folder.resolve()) not in sys.path:
        sys.path.insert(0, str(folder.resolve()))
    try:
        held = import_module(module)
        return cast("object", getattr(held, name))
    except (ImportError, AttributeError) as error:
        raise BadInput(
            f"{named!r} cannot be loaded: {error}.", hint="Name it as module:name."
        ) from error
    except PointsmanError:
        raise
    except Exception as error:
        if is_control_flow(error):
            raise
        raise BadInput(
            f"{named!r} cannot be loaded: its module raised {type(error).__name__}: {error}.",
            hint="Mend the module.",
        ) from error


def schemas() -> dict[str, JsonObject]:
    """JSON Schemas by file name: of a suite's file, and of one case (a line of JSONL)."""
    return {
        "suite.schema.json": cast("JsonObject", SuiteFile.model_json_schema(by_alias=True)),
        "case.schema.json": cast("JsonObject", Case.model_json_schema()),
    }
