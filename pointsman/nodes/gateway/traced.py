"""What the span of one call to one model says."""

from collections.abc import Callable

from pointsman.nodes import conventions as names
from pointsman.nodes import telemetry, transcribed
from pointsman.nodes.gateway.providers import provider_of
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest
from pointsman.nodes.run import Run

Address = Callable[[str], tuple[str, int] | None]
"""Host and port of a model's server, where they are known."""

EMBED = "embed"
"""Purpose of a request whose answer is a vector."""


def kind_of(purpose: str) -> names.Operation:
    """The conventions' operation for a request of this purpose."""
    return "embeddings" if purpose == EMBED else "chat"


def asking(
    model: str, request: ModelRequest, run: Run, address: Address | None, *, beside: bool
) -> telemetry.span:
    """The span of a call. `beside`: another model is asked at once."""
    kind = kind_of(request.purpose)
    attributes: dict[str, telemetry.Value] = {
        names.PROVIDER: names.provider_name(provider_of(model)),
        names.REQUEST_MODEL: model,
        names.CONVERSATION: run.thread,
        names.AGENT: run.specialist,
        names.RUN: run.id,
    }
    if kind == "chat":
        attributes[names.MAX_TOKENS] = request.max_tokens
        attributes[names.TEMPERATURE] = request.temperature
        attributes[names.OUTPUT_TYPE] = "json" if request.output_schema else "text"
    if beside:
        attributes[names.HEDGE] = True
    at = None if address is None else address(model)
    if at is not None:
        attributes[names.SERVER_ADDRESS], attributes[names.SERVER_PORT] = at
    return telemetry.operation(kind, attributes)


def answered(span: "telemetry.Span", request: ModelRequest, reply: ModelReply, run: Run) -> None:
    """Put an answer onto its call's span: model, tokens, price, and content where that is asked
    for."""
    usage = reply.usage
    said: dict[str, telemetry.Value] = {
        names.RESPONSE_MODEL: reply.model,
        names.INPUT_TOKENS: usage.input_tokens,
    }
    if request.purpose != EMBED:
        said[names.OUTPUT_TOKENS] = usage.output_tokens
        said[names.CACHE_READ_TOKENS] = usage.cached_tokens
    if reply.finish:
        said[names.FINISH_REASONS] = (reply.finish,)
    if reply.usd is not None:
        said[names.USD] = reply.usd
    span.set_attributes(said)
    if request.purpose != EMBED:
        telemetry.content(span, run.shown, transcribed.conversation(request.turns, reply))
