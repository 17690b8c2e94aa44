"""Scorers of other packages: autoevals, openevals and agentevals. None of them is a dependency.

They are called as they document themselves, and known by that alone: an autoevals scorer by
`eval_async(output, expected, input=...)`, which gives an object with `score` (0 to 1, None for
skipped) and `metadata`; the evaluators of the others by `inputs`, `outputs` and
`reference_outputs`, which give one or several of `{"key", "score", "comment"}`.

What asks a model in there does so by itself: past the gateway, its budgets, its cache and its bill.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, Protocol, cast

from pydantic import Field, JsonValue

from pointsman.errors import BadInput, MissingExtra
from pointsman.evals.record import Sample
from pointsman.evals.scorers.configured import NAMED, Configured
from pointsman.evals.scorers.scorer import Outcome, Scores, Unscored
from pointsman.evals.suite import Case
from pointsman.nodes.digest import JsonObject, digest
from pointsman.nodes.message import Turn

Over = Literal["output", "messages", "steps"]
"""What is evaluated: the output against the expected one; the transcript, as chat messages, against
`metadata.messages`; the steps, as a graph trajectory, against the expected trajectory."""


class ForeignOptions(Configured):
    """Which scorer of another package, and what it is made and called with."""

    name: str = Field(validation_alias=NAMED, min_length=1)
    target: str = Field(min_length=1)
    """For autoevals the class, such as `Levenshtein`; for the others `module:function`."""
    arguments: JsonObject | None = None
    """What the class, or a function that makes an evaluator, is called with. None: the function is
    the evaluator itself."""
    fields: tuple[str, ...] = ()
    """Entries of the case's metadata that are handed over by their names, such as `context`."""
    over: Over = "output"


class AutoevalsScorer(Protocol):
    """What autoevals documents of its scorers."""

    async def eval_async(self, output: Any, expected: Any = None, **named: Any) -> Any:
        """A result with `score`, `metadata` and `error`."""
        ...


@dataclass(frozen=True)
class Autoevals:
    """A scorer of the package autoevals: a number of 0 to 1; a result without one is unscored."""

    options: ForeignOptions
    scorer: AutoevalsScorer

    @property
    def name(self) -> str:
        """See `Scorer.name`."""
        return self.options.name

    @property
    def version(self) -> str:
        """12 hex digits over the options and the package's version."""
        return digest(self.options.version, package_version("autoevals"))[:12]

    async def score(self, case: Case, sample: Sample) -> Outcome | Scores:
        """See `Scorer.score`."""
        given: Any = await self.scorer.eval_async(
            sample.output, case.expected.output, input=question(case), **extra(self.options, case)
        )
        told: Mapping[str, object] = getattr(given, "metadata", None) or {}
        note = str(told.get("rationale") or "")
        value: object = getattr(given, "score", None)
        error: object = getattr(given, "error", None)
        if error is not None:
            return Unscored(f"{type(error).__name__}: {error}")
        if value is None:
            return Scores({"": Unscored(note or "the scorer skipped it")})
        return Scores({"": _value(value)}, {"": note})


@dataclass(frozen=True)
class Evaluator:
    """An evaluator of the packages openevals or agentevals, or any function of that form."""

    options: ForeignOptions
    evaluator: Callable[..., object]

    @property
    def name(self) -> str:
        """See `Scorer.name`."""
        return self.options.name

    @property
    def version(self) -> str:
        """12 hex digits over the options and the package's version."""
        package = self.options.target.partition(":")[0].partition(".")[0]
        return digest(self.options.version, package_version(package))[:12]

    async def score(self, case: Case, sample: Sample) -> Outcome | Scores:
        """See `Scorer.score`."""
        outputs, reference = observed(self.options.over, case, sample)
        if reference is None and self.options.over != "output":
            what = {"messages": "metadata.messages", "steps": "trajectory"}[self.options.over]
            return self.options.without(what)
        offered = {
            "inputs": question(case),
            "outputs": outputs,
            "reference_outputs": reference,
            **extra(self.options, case),
        }
        called = self.evaluator(**_taken(self.evaluator, offered))
        given: object = await called if inspect.isawaitable(called) else called
        if not isinstance(given, list):
            outcome, note = _read(given)
            return Scores({"": outcome}, {"": note})
        results = cast("list[object]", given)
        read = {_key(one, place): _read(one) for place, one in enumerate(results)}
        return Scores(
            {key: outcome for key, (outcome, _) in read.items()},
            {key: note for key, (_, note) in read.items()},
        )


def autoevals(options: ForeignOptions) -> Autoevals:
    """The scorer that the options name. Raises MissingExtra without the package, BadInput for a
    name it does not have."""
    made: Callable[..., Any] = _attribute("autoevals", options.target, package="autoevals")
    return Autoevals(options, made(**(options.arguments or {})))


def evaluator(options: ForeignOptions, package: str) -> Evaluator:
    """The evaluator that the options name. Raises as `autoevals` does."""
    module, _, name = options.target.partition(":")
    if not name or module.partition(".")[0] != package:
        raise BadInput(
            f"{options.target!r} names no evaluator of {package}.",
            hint=f"Name it as {package}.module:function.",
        )
    found: Callable[..., Any] = _attribute(module, name, package=package)
    made = found if options.arguments is None else found(**options.arguments)
    return Evaluator(options, made)


def observed(over: Over, case: Case, sample: Sample) -> tuple[JsonValue, JsonValue]:
    """What the target did, and what it should have done, in the form that `over` says."""
    match over:
        case "output":
            return sample.output, case.expected.output
        case "messages":
            return [message(turn) for turn in sample.transcript], case.metadata.get("messages")
        case "steps":
            names = case.expected.trajectory
            wanted = None if names is None else _graph(list(names))
            return _graph([step.name for step in sample.trajectory]), wanted


def message(turn: Turn) -> JsonObject:
    """A turn as a chat-completions message."""
    told: JsonObject = {"role": turn.role, "content": turn.content}
    if turn.tool_calls:
        told["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.args)},
            }
            for call in turn.tool_calls
        ]
    if turn.tool_call_id is not None:
        told["tool_call_id"] = turn.tool_call_id
    if turn.name is not None:
        told["name"] = turn.name
    return told


def question(case: Case) -> JsonValue:
    """What the case asks: its text, else its input."""
    return case.text or case.input


def extra(options: ForeignOptions, case: Case) -> JsonObject:
    """The entries of the case's metadata that are handed over. Raises BadInput where one is
    missing."""
    missing = [name for name in options.fields if name not in case.metadata]
    if missing:
        raise BadInput(f"Case {case.id!r} has no metadata.{missing[0]}.")
    return {name: case.metadata[name] for name in options.fields}


def package_version(package: str) -> str:
    """The installed version; empty where the package is none that is installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _graph(names: list[JsonValue] | list[str]) -> JsonValue:
    return {"inputs": None, "results": [], "steps": [[str(name) for name in names]]}


def _attribute(module: str, name: str, *, package: str) -> Any:
    try:
        found = import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"The scorer {name!r} needs the package {package}: {error}.",
            hint=f"Run: pip install {package}",
        ) from error
    try:
        return getattr(found, name)
    except AttributeError as error:
        raise BadInput(f"{module} has no {name!r}.") from error


def _taken(function: Callable[..., object], offered: Mapping[str, object]) -> dict[str, object]:
    """Those of the offered arguments that the function takes."""
    try:
        known = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return dict(offered)
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in known.values()):
        return dict(offered)
    return {name: value for name, value in offered.items() if name in known}


def _read(given: object) -> tuple[Outcome, str]:
    if not isinstance(given, Mapping):
        return _value(given), ""
    told = cast("Mapping[str, object]", given)
    comment = told.get("comment")
    return _value(told.get("score")), "" if comment is None else str(comment)


def _key(given: object, place: int) -> str:
    key = cast("Mapping[str, object]", given).get("key") if isinstance(given, Mapping) else None
    return str(key or place)


def _value(given: object) -> Outcome:
    if isinstance(given, (bool, int, float, str)):
        return given
    return Unscored("the evaluator gave no score" if given is None else f"{given!r:.80} is none")
