"""What a target is asked, and what it gives back."""

import inspect
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field

from pydantic import BaseModel, JsonValue, TypeAdapter

from pointsman.evals.record import EffectSeen, Step, TicketSeen, Verdict
from pointsman.evals.suite import Case
from pointsman.nodes.digest import digest
from pointsman.nodes.message import Turn
from pointsman.teams.result import Result

_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


@dataclass(frozen=True, slots=True)
class Trial:
    """One asking of one case."""

    case: Case
    epoch: int
    key: str
    """The sample's key: names the message, so that a trial that was broken off goes on."""
    version: str
    seed: int = 0
    """Of the whole run."""

    @property
    def thread(self) -> str:
        """The thread it is asked in: shared by the cases of a thread within an epoch, by no other
        epoch and no other version of the target."""
        return f"eval-{digest(self.version, self.epoch, self.case.thread or self.case.id)[:20]}"

    @property
    def draw(self) -> int:
        """A seed of its own: the same in every run with the same seed."""
        return int(digest(self.seed, self.key)[:15], 16)


@dataclass(frozen=True, slots=True)
class Observed:
    """What a target did. A function gives only `output`."""

    output: JsonValue = None
    result: Result | None = None
    usd: float | None = 0.0
    eval_usd: float | None = 0.0
    tokens: int = 0
    model_calls: int = 0
    cache_hits: int = 0
    route: str = ""
    tickets: tuple[TicketSeen, ...] = ()
    effects: tuple[EffectSeen, ...] = ()
    trajectory: tuple[Step, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    transcript: tuple[Turn, ...] = ()


Ask = Callable[[Trial], Awaitable[Observed]]


def _nothing() -> AbstractAsyncContextManager[object]:
    return nullcontext()


@dataclass(frozen=True)
class Target:
    """What a suite is put to: a name, the version of its behaviour, and how it is asked."""

    name: str
    version: str
    ask: Ask
    opened: Callable[[], AbstractAsyncContextManager[object]] = field(default=_nothing)
    """Keeps what it works with open while the suite runs."""


AnyFunction = Callable[..., Awaitable[object]]
"""An async function of a `Case`, or of the case's text or input, that gives a Result, an Observed,
a model or JSON."""


def function_target(function: AnyFunction, *, version: str = "", name: str = "") -> Target:
    """An async function as a target. It is given the Case where its first parameter is annotated
    `Case`, else the case's input, or text. Its version is a digest of its source, without one."""
    named = name or f"{function.__module__}:{getattr(function, '__qualname__', 'function')}"
    whole = _wants_case(function)

    async def ask(trial: Trial) -> Observed:
        case = trial.case
        given = case if whole else case.text if case.input is None else case.input
        return observed(await function(given))

    return Target(named, version or _source_digest(function), ask)


def observed(given: object) -> Observed:
    """What a function gave, as an Observed. Raises ValidationError for what is no JSON."""
    if isinstance(given, Observed):
        return given
    if isinstance(given, Result):
        return of_result(given)
    plain = given.model_dump(mode="json") if isinstance(given, BaseModel) else given
    if plain is not None and not isinstance(plain, (str, int, float, bool)):
        plain = _JSON.validate_python(plain)
    return Observed(output=plain)


def of_result(result: Result) -> Observed:
    """What a team's Result alone tells."""
    return Observed(
        output=result.answer if result.data is None else result.data,
        result=result,
        usd=result.usd,
        tokens=result.input_tokens + result.output_tokens,
        model_calls=result.model_calls,
        cache_hits=result.cache_hits,
        route=result.route,
        tickets=tuple(
            TicketSeen(
                tool=t.tool, kind=t.kind, specialist=t.specialist, args=t.runs, status=t.status,
                decision=t.decision, by=t.by, rule=t.policy_rule,
            )
            for t in result.tickets
        ),
    )  # fmt: skip


def _wants_case(function: AnyFunction) -> bool:
    try:
        given = list(inspect.signature(function, eval_str=True).parameters.values())
    except (TypeError, ValueError, NameError):
        return False
    return bool(given) and given[0].annotation is Case


def _source_digest(function: AnyFunction) -> str:
    try:
        return digest(inspect.getsource(function))[:16]
    except (OSError, TypeError):
        return "unversioned"
