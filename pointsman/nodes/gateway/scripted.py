"""ScriptedTransport: a model whose answers you write, for tests of teams.

    model = ScriptedTransport(["billing", tool_reply(ToolCall(id="1", name="refund")), "Done."])
    transports = Transports({"scripted": lambda: model})  # for models={"fast": ("scripted",)}
    ...
    assert model.requests[0].choices == ("billing", "shipping")

Answers are given in order, or made by a function of the request. An answer is a text (checked
against the shape the request asks for, as any model's is), a ModelReply (given as it stands), or an
exception (raised). No network, no clock.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator

from pointsman.errors import Misconfigured
from pointsman.nodes.gateway.shape import shaped
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Read, Usage
from pointsman.nodes.message import ToolCall

Scripted = ModelReply | str | Exception
Script = Callable[[ModelRequest], Scripted | Awaitable[Scripted]]


class ScriptedTransport:
    """Gives the scripted answers and remembers every request it saw."""

    def __init__(self, answers: Iterable[Scripted] | Script) -> None:
        self.requests: list[ModelRequest] = []
        """Every request, in the order they came."""
        self.models: list[str] = []
        """The model each of them was for."""
        self.closed = False
        self._script: Script = answers if callable(answers) else _in_order(iter(answers))

    async def send(
        self, model: str, request: ModelRequest, timeout: float, read: Read | None = None
    ) -> ModelReply:
        """The next answer, and its text to `read`.

        Raises the exception that is scripted, BadOutput for a text that is not in the shape asked
        for, Misconfigured when the script is used up.
        """
        self.requests.append(request)
        self.models.append(model)
        answer = self._script(request)
        if inspect.isawaitable(answer):
            answer = await answer
        match answer:
            case Exception():
                raise answer
            case str():
                text = shaped(request, answer, model=model)
                reply = ModelReply(model=model, text=text, usd=0.0)
            case ModelReply():
                reply = answer
        if read is not None and reply.text:
            read(reply.text)
        return reply

    async def aclose(self) -> None:
        """Note that it was closed."""
        self.closed = True


def text_reply(text: str, *, usd: float | None = 0.0, usage: Usage | None = None) -> ModelReply:
    """An answer in text, or the JSON of an output schema."""
    return ModelReply(model="scripted", text=text, usd=usd, usage=usage or Usage())


def tool_reply(*calls: ToolCall, text: str = "", usd: float | None = 0.0) -> ModelReply:
    """An answer that calls tools. Each call's id must be unique in its transcript."""
    return ModelReply(model="scripted", text=text, tool_calls=calls, usd=usd)


def choice_reply(
    choice: str, *, probabilities: Iterable[tuple[str, float]] = (), usd: float | None = 0.0
) -> ModelReply:
    """A choice, with the probability of each where given."""
    ranked = tuple(sorted(probabilities, key=lambda pair: -pair[1]))
    return ModelReply(model="scripted", text=choice, probabilities=ranked, usd=usd)


def _in_order(answers: Iterator[Scripted]) -> Script:
    def script(request: ModelRequest) -> Scripted:
        try:
            return next(answers)
        except StopIteration:
            return Misconfigured(
                f"The script has no answer left for a call with purpose {request.purpose!r}.",
                hint="Give ScriptedTransport more answers, or a function of the request.",
            )

    return script
