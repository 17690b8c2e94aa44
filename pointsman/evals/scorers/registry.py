"""Which scorers there are, by name, and how a suite's file makes them."""

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, cast

from pydantic import Field, ValidationError

from pointsman.errors import BadInput
from pointsman.evals.casefile import fault
from pointsman.evals.scorers.approvals import Approvals
from pointsman.evals.scorers.bench import Bench
from pointsman.evals.scorers.called import Called, ScoringFunction
from pointsman.evals.scorers.configured import NAMED
from pointsman.evals.scorers.default import DEFAULT
from pointsman.evals.scorers.foreign import ForeignOptions, autoevals, evaluator
from pointsman.evals.scorers.guards import Guards
from pointsman.evals.scorers.outcomes import Contains, Status, Tickets
from pointsman.evals.scorers.routes import Route
from pointsman.evals.scorers.scorer import Scorer
from pointsman.evals.scorers.texts import Exact, Fields, Normalised, Regex, Similarity
from pointsman.evals.scorers.trajectories import ToolCalls, Trajectory
from pointsman.evals.scorers.usage import MEASURES, Usage
from pointsman.evals.scorers.values import JsonSchema, Number
from pointsman.evals.scorers.writes import Effects, State, StateFunction
from pointsman.evals.suite import ScorerSpec
from pointsman.evals.suitefile import loaded
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.message import Frozen

Builder = Callable[[JsonObject, Bench], Scorer]
"""Makes a scorer of its options. Raises ValidationError for options it does not take."""


class _Named(Frozen):
    name: str = Field(default="", validation_alias=NAMED)


class _StateOptions(_Named):
    read: str
    optional: bool = False
    exact: bool = False


class _CallOptions(_Named):
    function: str
    revision: str = ""


def build(specs: Sequence[ScorerSpec], bench: Bench | None = None) -> tuple[Scorer, ...]:
    """The scorers that a suite names; without any, those that every suite gets.

    Raises BadInput for a name that there is not, options that a scorer does not take, and two
    scorers that store their scores under one name; and what a scorer raises when it is made.
    """
    bench = bench or Bench()
    made = tuple(_built(spec, bench) for spec in specs) or DEFAULT
    names = [scorer.name for scorer in made]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(
            f"Two scorers are called {twice[0]!r}.",
            hint="Give one of them another name: options: {as: ...}.",
        )
    return made


def _built(spec: ScorerSpec, bench: Bench) -> Scorer:
    builder = BUILDERS.get(spec.name)
    options = spec.options
    if builder is None and ":" in spec.name:
        builder, options = _call, {**options, "function": spec.name}
    if builder is None:
        near = difflib.get_close_matches(spec.name, BUILDERS, n=2)
        raise BadInput(
            f"There is no scorer {spec.name!r}.",
            hint=f"Did you mean {' or '.join(map(repr, near))}?"
            if near
            else f"There are {', '.join(sorted(BUILDERS))}, and module:function.",
        )
    try:
        return builder(options, bench)
    except ValidationError as error:
        raise BadInput(f"The scorer {spec.name!r} cannot be made: {fault(error)}.") from error


def _call(options: JsonObject, bench: Bench) -> Scorer:
    given = _CallOptions.model_validate(options)
    found = loaded(given.function, bench.folder)
    if hasattr(found, "score") and hasattr(found, "version") and hasattr(found, "name"):
        return cast("Scorer", found)
    if not callable(found):
        raise BadInput(
            f"{given.function!r} is neither a function nor a scorer.",
            hint="Give a function of a case and a sample.",
        )
    name = given.name or given.function.partition(":")[2]
    return Called(name, cast("ScoringFunction", found), given.revision)


def _state(options: JsonObject, bench: Bench) -> Scorer:
    given = _StateOptions.model_validate(options)
    read = loaded(given.read, bench.folder)
    if not callable(read):
        raise BadInput(f"{given.read!r} is no function of a case and a sample.")
    how = "exact" if given.exact else "match"
    return State(cast("StateFunction", read), given.name or "state", given.optional, how)


def _json_schema(options: JsonObject, bench: Bench) -> Scorer:
    if "file" not in options:
        return JsonSchema.model_validate(options)
    rest = {name: value for name, value in options.items() if name != "file"}
    path = (bench.folder or Path()) / str(options["file"])
    try:
        schema = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"The schema {path} cannot be read: {error}.") from error
    return JsonSchema.model_validate({**rest, "schema": schema})


class _Plain(Protocol):
    """A scorer that is made of its options alone."""

    @classmethod
    def model_validate(cls, obj: object, /) -> Scorer: ...


def _plain(scorer: _Plain) -> Builder:
    return lambda options, _: scorer.model_validate(options)


def _rubric(options: JsonObject, bench: Bench) -> Scorer:
    from pointsman.evals.scorers.rubric import Rubric, RubricOptions

    return Rubric(RubricOptions.model_validate(options), bench)


def _pairwise(options: JsonObject, bench: Bench) -> Scorer:
    from pointsman.evals.scorers.pairwise import Pairwise, PairwiseOptions

    return Pairwise(PairwiseOptions.model_validate(options), bench)


def _usage(measure: str) -> Builder:
    return lambda options, _: Usage.model_validate({**options, "measure": measure})


def _foreign(package: str) -> Builder:
    def build_one(options: JsonObject, _bench: Bench) -> Scorer:
        target = str(options.get("target", package))
        over = {"over": "messages"} if package == "agentevals" else {}
        given = ForeignOptions.model_validate({"as": target.rpartition(":")[2], **over, **options})
        return autoevals(given) if package == "autoevals" else evaluator(given, package)

    return build_one


BUILDERS: Mapping[str, Builder] = MappingProxyType[str, Builder](
    {
        "exact": _plain(Exact),
        "normalised": _plain(Normalised),
        "fields": _plain(Fields),
        "regex": _plain(Regex),
        "json_schema": _json_schema,
        "number": _plain(Number),
        "contains": _plain(Contains),
        "similarity": _plain(Similarity),
        "route": _plain(Route),
        "status": _plain(Status),
        "trajectory": _plain(Trajectory),
        "tool_calls": _plain(ToolCalls),
        "effects": _plain(Effects),
        "state": _state,
        "tickets": _plain(Tickets),
        "approvals": _plain(Approvals),
        "guards": _plain(Guards),
        **{measure: _usage(measure) for measure in MEASURES},
        "rubric": _rubric,
        "pairwise": _pairwise,
        "call": _call,
        "autoevals": _foreign("autoevals"),
        "openevals": _foreign("openevals"),
        "agentevals": _foreign("agentevals"),
    }
)
"""Every scorer that a suite can name. `module:function` is short for `call`."""
