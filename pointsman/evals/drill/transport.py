"""Faults at the door to models: each as the real transport would put it."""

from pydantic import JsonValue

from pointsman.errors import BadOutput, PointsmanError
from pointsman.evals.drill.faults import Spot
from pointsman.evals.drill.injector import Injector
from pointsman.nodes.digest import digest
from pointsman.nodes.gateway.failure import Failed, kind_of, worded
from pointsman.nodes.gateway.providers import Lookup, provider_of
from pointsman.nodes.gateway.transport import Embeds, ModelReply, ModelRequest, Read, Transport
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import ToolCall

NO_TOOL = "tool_that_is_not_there"


class FaultyTransports(Transports):
    """The transports of a team, each struck by the injector. Embeddings are left alone."""

    def __init__(self, inner: Transports, injector: Injector) -> None:
        super().__init__()
        self._inner = inner
        self._injector = injector

    def read_with(self, lookup: Lookup) -> None:
        """See `Transports.read_with`."""
        self._inner.read_with(lookup)

    def of(self, model: str) -> Transport:
        """See `Transports.of`."""
        return FaultyTransport(self._inner.of(model), self._injector)

    def embedder(self, model: str) -> Embeds:
        """See `Transports.embedder`."""
        return self._inner.embedder(model)

    async def aclose(self) -> None:
        """See `Transports.aclose`."""
        await self._inner.aclose()


class FaultyTransport:
    """One transport, struck by the injector. A call that fails here never reaches the provider."""

    def __init__(self, inner: Transport, injector: Injector) -> None:
        self._inner = inner
        self._injector = injector

    async def send(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        """See `Transport.send`."""
        injector = self._injector
        place = f"{model} {request.purpose} {asked(request)}"
        injector.point(f"before {place}")
        await injector.store(place)
        spot = injector.strike("transport", place)
        broken = None if spot is None else await self._struck(spot, model, request)
        if broken is None:
            broken = await self._inner.send(model, request, timeout, read)
        injector.point(f"after {place}")
        return broken

    async def _struck(self, spot: Spot, model: str, request: ModelRequest) -> ModelReply | None:
        """Raises the fault, or gives the broken answer; None where the call goes on, late."""
        match spot.kind:
            case "latency":
                await self._injector.slow()
                return None
            case "timeout":
                await self._injector.slow()
                raise _status(model, 408)
            case "malformed":
                return malformed(spot, model, request)
            case "429":
                raise _status(model, 429, retry_after=round(spot.draw * 0.2, 3))
            case _:
                raise _status(model, 500)

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
        await self._inner.aclose()


def malformed(spot: Spot, model: str, request: ModelRequest) -> ModelReply:
    """An answer that is cut off (raises BadOutput, as for JSON that does not end), calls a tool
    that does not exist, or is empty."""
    if request.tools and spot.draw < 0.5:
        call = ToolCall(id=f"drill-{asked(request)}-{spot.number}", name=NO_TOOL, args={})
        return ModelReply(model=model, tool_calls=(call,), usd=0.0)
    if request.tools or request.choices or request.output_schema is not None:
        raise BadOutput(f"Model {model} gave an answer that was cut off.")
    return ModelReply(model=model, text=" ", usd=0.0)


def asked(request: ModelRequest) -> str:
    """A short name for what is asked: the same text, choices and tools have the same."""
    turns: list[JsonValue] = [turn.model_dump(mode="json") for turn in request.turns]
    tools: list[JsonValue] = [tool.name for tool in request.tools]
    return digest(turns, [*request.choices], tools)[:8]


def _status(model: str, status: int, *, retry_after: float | None = None) -> PointsmanError:
    failed = Failed(model, provider_of(model), status=status, retry_after=retry_after)
    return worded(kind_of(status), failed)
