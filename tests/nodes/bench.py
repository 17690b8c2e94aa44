"""A Run for nodes that are tested without a team: the real gateway over a scripted model."""

from collections.abc import Iterable

from pointsman.nodes.event import Event
from pointsman.nodes.gateway.gateway import ModelGateway
from pointsman.nodes.gateway.journal import MemoryJournal
from pointsman.nodes.gateway.scripted import Script, Scripted, ScriptedTransport
from pointsman.nodes.gateway.transports import Transports
from pointsman.nodes.message import Message, Payload, Request
from pointsman.nodes.run import Run


class Bench:
    """One run, the model's requests and the events it recorded."""

    def __init__(self, answers: Iterable[Scripted] | Script = ()) -> None:
        self.model = ScriptedTransport(answers)
        self.events: list[Event] = []
        gateway = ModelGateway(
            chains={"fast": ("scripted",), "strong": ("scripted",)},
            transports=Transports({"scripted": lambda: self.model}),
            journal=MemoryJournal(),
        )
        self.run = Run(
            id="r1",
            team="shop",
            thread="c1",
            tenant="default",
            gateway=gateway,
            emit=self.events.append,
            step="1.0:billing",
            specialist="billing",
        )


def ask(text: str = "hello", **change: object) -> Message:
    """A person's message."""
    payload: Payload = Request(text=text).model_copy(update=change)
    return Message(id="m1", sender="user", receiver="billing", payload=payload)
