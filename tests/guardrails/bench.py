"""What guard tests share: a run that keeps its events, messages, and an inner node that counts."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pointsman.nodes.event import Event, Judged
from pointsman.nodes.gateway.transport import ModelReply, ModelRequest, Reader
from pointsman.nodes.message import Answer, Message, Payload, Request
from pointsman.nodes.run import Run

SAID = "Where is order INV-1042?"


class NoModels:
    """A gateway for those that must never ask one."""

    async def complete(
        self, request: ModelRequest, run: Run, read: Reader | None = None
    ) -> ModelReply:
        """Refuses."""
        raise AssertionError("a guard asked a model")

    async def settle(self, run: Run, *, keep: bool) -> None:
        """Refuses."""
        raise AssertionError("a guard settled a step")


@dataclass
class Bench:
    """A run and what was recorded in it."""

    events: list[Event] = field(default_factory=list[Event])

    def run(
        self,
        *,
        clock: Callable[[], float] = lambda: 1000.0,
        deadline: float | None = None,
        admitted: tuple[str, ...] = (),
        **change: str,
    ) -> Run:
        """A run of team shop, specialist billing."""
        run = Run(
            id="r1", team="shop", thread="t1", tenant="acme", gateway=NoModels(),
            emit=self.events.append, specialist="billing", clock=clock, deadline=deadline,
            admitted=frozenset(admitted),
        )  # fmt: skip
        return replace(run, **change)

    @property
    def judged(self) -> list[tuple[str, str, int]]:
        """(verdict, rule, count) of what guards recorded."""
        return [(e.verdict, e.rule, e.count) for e in self.events if isinstance(e, Judged)]


class Inner:
    """A node that answers with one payload or raises, and keeps what it was given."""

    def __init__(self, gives: Payload | BaseException | None = None) -> None:
        self.gives = gives or Answer(text="INV-1042 is on its way.", evidence=(SAID,))
        self.got: list[Message] = []

    async def __call__(self, message: Message, run: Run) -> Message:
        self.got.append(message)
        if isinstance(self.gives, BaseException):
            raise self.gives
        return message.reply(self.gives, sender=run.specialist)


def ask(payload: Payload | str = SAID) -> Message:
    """A message of a user to billing."""
    payload = Request(text=payload) if isinstance(payload, str) else payload
    return Message(sender="user", receiver="billing", payload=payload)


def broken_clock() -> float:
    """A clock that does not work."""
    raise OSError("no clock")
