"""Tools: typed actions a specialist may use. What is not declared a read is a write."""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Literal, ParamSpec, TypeVar, cast, get_type_hints, overload

from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError, create_model

from pointsman.errors import BadOutput, Misconfigured, ToolFailed, ToolTimeout, is_control_flow
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.gateway.transport import ToolSpec

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
AnyCallable = Callable[..., object]

Effect = Literal["read", "write"]
Stakes = Literal["low", "high"]
Preview = Callable[..., str] | Callable[..., Awaitable[str]]


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
    """Says, for a reviewer, what a call would change; called as the tool is. Changes nothing."""

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
        call = self._validated(args)
        limit = asyncio.timeout(self.timeout)
        try:
            async with limit:
                result = await self._apply(self.fn, call)
        except TimeoutError as error:
            # One that the tool raised itself leaves open just as much whether it acted.
            why = f"gave no result in {self.timeout:g} s" if limit.expired() else str(error)
            raise ToolTimeout(f"Tool {self.name!r}: {why or 'timed out'}.") from error
        except Exception as error:
            if is_control_flow(error):
                raise
            raise ToolFailed(f"Tool {self.name!r}: {type(error).__name__}: {error}") from error
        return as_text(result)

    async def preview_of(self, args: JsonObject) -> str:
        """The preview's text; empty where the tool has none."""
        if self.preview is None:
            return ""
        return as_text(await self._apply(self.preview, self._validated(args)))

    def _validated(self, args: JsonObject) -> BaseModel:
        try:
            return self.args_model.model_validate(args)
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(str(part) for part in fault['loc']) or 'arguments'}: {fault['msg']}"
                for fault in error.errors(include_url=False, include_input=False)
            )
            raise BadOutput(f"The arguments do not fit tool {self.name!r}: {faults}.") from error

    async def _apply(self, fn: AnyCallable, call: BaseModel) -> object:
        fields = {name: getattr(call, name) for name in type(call).model_fields}
        positional, named = ((call,), {}) if self.takes_model else ((), fields)
        if inspect.iscoroutinefunction(fn):
            return await fn(*positional, **named)
        result = await asyncio.to_thread(fn, *positional, **named)
        # An async function inside a plain decorator looks like a sync one until it is called.
        return await result if inspect.isawaitable(result) else result


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
) -> Tool[P, R_co] | Callable[[Callable[P, R_co]], Tool[P, R_co]]:
    """Make a function a tool. It takes one pydantic model, or annotated parameters.

    A tool that declares nothing is a low-stakes write: it is proposed, not run, and the approval
    policy decides. `stakes="high"` asks a person, always. The docstring's first line is what models
    read. Raises Misconfigured for a parameter without a type and for `*args` or `**kwargs`.
    """

    def make(fn: Callable[P, R_co]) -> Tool[P, R_co]:
        tool_name = name or fn.__name__
        args_model, takes_model = _args_model(fn, tool_name)
        doc = (inspect.getdoc(fn) or "").strip().split("\n", 1)[0]
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
        )

    return make if fn is None else make(fn)


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
