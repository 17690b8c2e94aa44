"""Faults at a tool: it raises, it hangs, or it acts and nobody hears of it."""

import asyncio
import inspect
from dataclasses import replace

from pydantic import BaseModel

from pointsman.evals.drill.injector import Injector
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.specialist import AnyTool
from pointsman.nodes.tool import as_text
from pointsman.teams.tickets import action_digest

PRETENDED = "done (a drill: nothing was changed)"


class InjectedFault(Exception):
    """What a struck tool raises, before it acts."""


def faulty(tool: AnyTool, injector: Injector) -> AnyTool:
    """The tool, struck by the injector. Writes are counted when they have acted.

    Where writes are pretended, `reconcile` and `compensate` are too: they go by the book.
    """

    async def struck(*args: object, **named: object) -> object:
        given = _frozen(tool, args, named)
        key = action_digest(tool.name, given)
        place = f"{tool.name} {key[:8]}"
        injector.point(f"before {place}")
        await injector.store(place)
        spot = injector.strike("tool", place)
        kind = "" if spot is None else spot.kind
        if kind == "tool-error":
            raise InjectedFault("a fault of the drill")
        if kind == "tool-timeout":
            await injector.slow()
            raise TimeoutError("a fault of the drill: it hung and did not act")
        write = tool.effect == "write"
        pretends = write and injector.writes == "pretend"
        result = PRETENDED if pretends else await _called(tool, args, named)
        if write:
            injector.acted(tool.name, given, key, as_text(result))
        injector.point(f"after {place}")
        if kind == "tool-late":
            await injector.slow()
            raise TimeoutError("a fault of the drill: its answer was lost")
        return result

    rigged = replace(tool, fn=struck)
    if tool.effect == "write" and injector.writes == "pretend":
        return _pretending(rigged, injector)
    return rigged


def _pretending(tool: AnyTool, injector: Injector) -> AnyTool:
    async def reconcile(*args: object, **named: object) -> str | None:
        results = injector.results_of(action_digest(tool.name, _frozen(tool, args, named)))
        return results[-1] if results else None

    async def compensate(*args: object, **named: object) -> str:
        return PRETENDED

    return replace(
        tool,
        reconcile=reconcile if tool.reconcile is not None else None,
        compensate=compensate if tool.compensate is not None else None,
    )


def _frozen(tool: AnyTool, args: tuple[object, ...], named: dict[str, object]) -> JsonObject:
    """The arguments as the ledger has them."""
    [given] = args or (named,)
    made = given if isinstance(given, BaseModel) else tool.args_model.model_validate(given)
    return tool.frozen(made.model_dump(mode="json"))


async def _called(tool: AnyTool, args: tuple[object, ...], named: dict[str, object]) -> object:
    if inspect.iscoroutinefunction(tool.fn):
        return await tool.fn(*args, **named)
    result = await asyncio.to_thread(tool.fn, *args, **named)
    return await result if inspect.isawaitable(result) else result
