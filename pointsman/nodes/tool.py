"""Tools: typed actions a specialist may use. What is not declared a read is a write."""

import asyncio
import inspect
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Generic, Literal, ParamSpec, TypeVar, cast, get_type_hints, overload

from pydantic import (
    BaseModel,
    JsonValue,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
    create_model,
)

from pointsman.errors import BadOutput, Misconfigured, ToolFailed, ToolTimeout, is_control_flow
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway.transport import ToolSpec
from pointsman.nodes.message import Change

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
AnyCallable = Callable[..., object]

Effect = Literal["read", "write"]
Stakes = Literal["low", "high"]
Returns = Literal["records", "document"]
Shown = str | Change | Sequence[Change]
Preview = Callable[..., Shown] | Callable[..., Awaitable[Shown]]
Key = Callable[..., str]
Reconcile = Callable[..., object]
Compensate = Callable[..., object]

_ADDRESS = re.compile(
    r"""
    [a-z][a-z0-9+.-]*://            # a URL
    | (?:^|[\s"'(<])//[\w-]          # one without its scheme
    | \\\\[\w-]                     # a share
    | \bwww\. | \blocalhost\b
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+  # an e-mail address
    | \b\d{1,3}(?:\.\d{1,3}){3}\b   # an IPv4 address
    | \b(?:[\w-]+\.)+[a-z]{2,}(?::\d+|/)  # a host with a port or a path
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What leads out of the machine, as an argument. IPv6 addresses are recognised by ipaddress."""


@dataclass(frozen=True)
class Tool(Generic[P, R_co]):
    """A function with a name, a schema and a declared effect. Made by `@tool`, still callable."""

    name: str
    description: str
    effect: Effect
    stakes: Stakes
    args_model: type[BaseModel]
    takes_model: bool
    """Whether the function takes one pydantic model, rather than one parameter a field."""
    fn: Callable[P, R_co]
    timeout: float
    """Seconds one call may take."""
    preview: Preview | None = None
    """Says, for a reviewer, what a call would change: text, or a `Change` or several. Called as the
    tool is. Changes nothing."""
    sinks: tuple[str, ...] | None = None
    """The sensitive arguments: those that decide where something goes or how much. None: all."""
    content: tuple[str, ...] = ()
    """Arguments that are text for others to read, such as a message's body. They are judged by what
    they quote, and each link, address or long number in them is a sensitive argument itself."""
    egress: bool | None = None
    """Whether a read leaves the machine. None: it does when a URL or an address (of the network or
    of mail) is among its arguments."""
    returns: Returns = "records"
    """`document`: its results hold text that strangers wrote."""
    idempotency_key: Key | None = None
    """Two calls with one key are one effect, in whatever run. Called as the tool is."""
    reconcile: Reconcile | None = None
    """Looks whether a call has happened: its result, or None when it surely has not. Raises when it
    cannot tell. Called as the tool is, after a crash or a failure."""
    compensate: Compensate | None = None
    """Undoes a call that was done. Called as the tool is; a parameter `result`, where it has one
    that the tool has not, gets the recorded result."""
    guards: tuple[object, ...] = ()
    """Guards around every call (`guardrails.guard.Guard` over Invocation and Returned), outermost
    first: rate limits, a breaker, checks of its own."""
    reveals: tuple[str, ...] = ()
    """Which kinds of redacted values a call gets in place of their placeholders, e.g. `EMAIL`."""
    writes: tuple[str, ...] = ()
    """Names of the resources a write changes, e.g. `orders` or `orders/invoices`, for the static
    check: see `Specialist.owns`. Empty: it is not said."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        return self.fn(*args, **kwargs)

    @property
    def spec(self) -> ToolSpec:
        """The tool as a model sees it."""
        return ToolSpec(self.name, self.description, self.args_model.model_json_schema())

    def frozen(self, args: JsonObject) -> JsonObject:
        """The arguments validated, with defaults filled in: the JSON that tickets and keys hold.

        Raises BadOutput naming the tool and each field that does not fit.
        """
        return cast("JsonObject", self._validated(args).model_dump(mode="json"))

    async def invoke(self, args: JsonObject) -> str:
        """Validate, run (a sync function off the loop), and give the result as text for a model.

        Raises BadOutput for arguments that do not fit, ToolFailed for what the tool raises and for
        a time-out. A sync function that times out goes on in its thread: it cannot be stopped.
        """
        return as_text(await self._bounded("", self.fn, self._validated(args)))

    async def preview_of(self, args: JsonObject) -> tuple[str, tuple[Change, ...]]:
        """The preview's text and changes; empty where there is none. Raises as `invoke` does."""
        if self.preview is None:
            return "", ()
        shown = await self._bounded("preview of ", self.preview, self._validated(args))
        if isinstance(shown, Change):
            return "", (shown,)
        if isinstance(shown, Sequence) and not isinstance(shown, str):
            return "", tuple(cast("Sequence[Change]", shown))
        return as_text(shown), ()

    async def key_of(self, args: JsonObject) -> str | None:
        """The call's own idempotency key; None where the tool has none. Raises as `invoke` does."""
        if self.idempotency_key is None:
            return None
        return as_text(
            await self._bounded("idempotency_key of ", self.idempotency_key, self._validated(args))
        )

    async def found(self, args: JsonObject) -> str | None:
        """What `reconcile` finds: the result of the call, None when it has not happened.

        Raises ToolFailed when that cannot be told, also where the tool has no `reconcile`.
        """
        if self.reconcile is None:
            raise ToolFailed(f"Tool {self.name!r} has no reconcile.")
        result = await self._bounded("reconcile of ", self.reconcile, self._validated(args))
        return None if result is None else as_text(result)

    async def undo(self, args: JsonObject, result: str) -> str:
        """Compensate a done call. Raises as `invoke` does; ToolFailed without a compensate."""
        if self.compensate is None:
            raise ToolFailed(f"Tool {self.name!r} has no compensate.")
        takes = inspect.signature(self.compensate).parameters
        fields = self.args_model.model_fields
        more = {"result": result} if "result" in takes and "result" not in fields else {}
        undone = await self._bounded("compensate of ", self.compensate, self._validated(args), more)
        return as_text(undone)

    def leaves_machine(self, args: JsonObject) -> bool:
        """Whether a call goes out to the world: declared so, or an argument is a URL or address."""
        if self.egress is not None:
            return self.egress
        return any(isinstance(leaf, str) and _leads_out(leaf) for _, leaf in leaves(args))

    async def _bounded(
        self, part: str, fn: AnyCallable, call: BaseModel, more: Mapping[str, str] | None = None
    ) -> object:
        limit = asyncio.timeout(self.timeout)
        what = f"{part}tool {self.name!r}"
        what = what[0].upper() + what[1:]
        try:
            async with limit:
                return await self._apply(fn, call, more or {})
        except TimeoutError as error:
            # One that the tool raised itself leaves open just as much whether it acted.
            why = f"gave no result in {self.timeout:g} s" if limit.expired() else str(error)
            raise ToolTimeout(f"{what}: {why or 'timed out'}.") from error
        except Exception as error:
            if is_control_flow(error):
                raise
            raise ToolFailed(f"{what}: {type(error).__name__}: {error}") from error

    def _validated(self, args: JsonObject) -> BaseModel:
        try:
            return self.args_model.model_validate(args)
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(str(part) for part in fault['loc']) or 'arguments'}: {fault['msg']}"
                for fault in error.errors(include_url=False, include_input=False)
            )
            raise BadOutput(f"The arguments do not fit tool {self.name!r}: {faults}.") from error

    async def _apply(self, fn: AnyCallable, call: BaseModel, more: Mapping[str, str]) -> object:
        fields = {name: getattr(call, name) for name in type(call).model_fields}
        positional, named = ((call,), dict(more)) if self.takes_model else ((), {**fields, **more})
        if inspect.iscoroutinefunction(fn):
            return await fn(*positional, **named)
        result = await asyncio.to_thread(fn, *positional, **named)
        # An async function inside a plain decorator looks like a sync one until it is called.
        return await result if inspect.isawaitable(result) else result


AnyTool = Tool[..., object]


def leaves(value: JsonValue, path: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Path and value of every scalar in a JSON value, e.g. `items.0.id`."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from leaves(inner, f"{path}.{n}")
    else:
        yield path, value


def _leads_out(text: str) -> bool:
    if _ADDRESS.search(text):
        return True
    try:
        return ip_address(text.strip().strip("[]").partition("%")[0]).version == 6
    except ValueError:
        return False


def as_text(result: object) -> str:
    """A tool's result as the text a model reads: text as it is, everything else as JSON.

    Never raises, since a write has happened by then: what has no form in JSON or UTF-8 is shown as
    `str` shows it, with what cannot be encoded replaced.
    """
    if isinstance(result, str):
        text = result
    else:
        try:
            plain = TypeAdapter(object).dump_python(result, mode="json", fallback=str)
            text = json.dumps(plain, ensure_ascii=False)
        except (ValueError, RecursionError):
            text = str(result)
    return text.encode("utf-8", "replace").decode("utf-8")


@overload
def tool(fn: Callable[P, R_co], /) -> Tool[P, R_co]: ...
@overload
def tool(
    *,
    effect: Effect = "write",
    stakes: Stakes = "low",
    name: str | None = None,
    timeout: float = 30.0,
    preview: Preview | None = None,
    sinks: Sequence[str] | None = None,
    content: Sequence[str] = (),
    egress: bool | None = None,
    returns: Returns = "records",
    idempotency_key: Key | None = None,
    reconcile: Reconcile | None = None,
    compensate: Compensate | None = None,
    guards: Sequence[object] = (),
    reveals: Sequence[str] = (),
    writes: Sequence[str] = (),
) -> Callable[[Callable[P, R_co]], Tool[P, R_co]]: ...
def tool(
    fn: Callable[P, R_co] | None = None,
    /,
    *,
    effect: Effect = "write",
    stakes: Stakes = "low",
    name: str | None = None,
    timeout: float = 30.0,
    preview: Preview | None = None,
    sinks: Sequence[str] | None = None,
    content: Sequence[str] = (),
    egress: bool | None = None,
    returns: Returns = "records",
    idempotency_key: Key | None = None,
    reconcile: Reconcile | None = None,
    compensate: Compensate | None = None,
    guards: Sequence[object] = (),
    reveals: Sequence[str] = (),
    writes: Sequence[str] = (),
) -> Tool[P, R_co] | Callable[[Callable[P, R_co]], Tool[P, R_co]]:
    """Make a function a tool. It takes one pydantic model, or annotated parameters.

    A tool that declares nothing is a low-stakes write: it is proposed, not run, and the approval
    policy decides. `stakes="high"` asks a person, always. The docstring's first line is what models
    read; the rest is in `Tool`. Raises Misconfigured for a parameter without a type, for `*args` or
    `**kwargs`, and for a sink or a content that is no argument.
    """

    def make(fn: Callable[P, R_co]) -> Tool[P, R_co]:
        tool_name = name or fn.__name__
        args_model, takes_model = _args_model(fn, tool_name)
        doc = (inspect.getdoc(fn) or "").strip().split("\n", 1)[0]
        _only_arguments(tool_name, args_model, sinks=sinks or (), content=content)
        return Tool(
            name=tool_name,
            description=doc,
            effect=effect,
            stakes=stakes,
            args_model=args_model,
            takes_model=takes_model,
            fn=fn,
            timeout=timeout,
            preview=preview,
            sinks=None if sinks is None else tuple(sinks),
            content=tuple(content),
            egress=egress,
            returns=returns,
            idempotency_key=idempotency_key,
            reconcile=reconcile,
            compensate=compensate,
            guards=tuple(guards),
            reveals=tuple(reveals),
            writes=tuple(writes),
        )

    return make if fn is None else make(fn)


def _only_arguments(
    name: str, args_model: type[BaseModel], *, sinks: Sequence[str], content: Sequence[str]
) -> None:
    for part, given in (("sinks", sinks), ("content", content)):
        strange = [arg for arg in given if arg not in args_model.model_fields]
        if strange:
            raise Misconfigured(
                f"Tool {name!r} has no argument {strange[0]!r}, which `{part}` names.",
                hint=f"Its arguments: {', '.join(args_model.model_fields) or 'none'}.",
            )


def _args_model(fn: AnyCallable, name: str) -> tuple[type[BaseModel], bool]:
    parameters = inspect.signature(fn).parameters
    hints = get_type_hints(fn, include_extras=True)
    untyped = [
        p.name
        for p in parameters.values()
        if p.name not in hints or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if untyped:
        raise Misconfigured(
            f"Tool {name!r} has parameters without a type: {', '.join(untyped)}.",
            hint="Annotate each one, or take one pydantic model.",
        )
    only = next(iter(parameters)) if len(parameters) == 1 else None
    if only and isinstance(hints[only], type) and issubclass(hints[only], BaseModel):
        return hints[only], True
    fields = {
        p.name: (hints[p.name], ... if p.default is p.empty else p.default)
        for p in parameters.values()
    }
    # create_model's signature cannot say "any fields"; each one is (type, default) as it wants.
    make = cast("Callable[..., type[BaseModel]]", create_model)
    hidden = [field for field in fields if field.startswith("_")]
    try:
        if hidden:
            raise NameError(f"{hidden[0]} begins with an underscore.")
        return make(name, **fields), False
    except (NameError, PydanticUserError) as error:
        raise Misconfigured(
            f"Tool {name!r} has a parameter that no model can fill: {error}",
            hint="Rename it, or give it a plain type.",
        ) from error
