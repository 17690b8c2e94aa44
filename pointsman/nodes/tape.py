"""What a step of a run meets of the world outside it, kept so that the run can be played again.

Model calls, reads and the bounds of a process are met; what a write came to is in the ledger. Live,
a tape keeps what came; a replay's tape gives what came then, and nothing outside is asked.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NoReturn, Protocol

from pydantic import Field, JsonValue

from pointsman import errors
from pointsman.errors import Attempt, Diverged, PointsmanError
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.event import Event
from pointsman.nodes.message import Frozen

Kind = Literal["model", "read", "bound", "memory"]
"""A call through the gateway, a tool that reads (behind its guards), a guard that bounds visits,
and what was recalled of a thread."""


class Met(Frozen):
    """One thing that a step met, and what came of it."""

    kind: Kind
    step: str
    name: str
    """The model call's name in the record, the tool, or the guard."""
    digest: str
    """Of what was asked: the journal's for a model call, tool and arguments for a read."""
    n: int = 0
    """How often the step asked the same before."""
    asked: JsonObject = Field(default_factory=dict)
    """A model's request in parts, a tool's arguments."""
    outcome: Literal["text", "held", "error", "cut"] = "text"
    """`held`: a guard wants a person to look. `cut`: it was stopped from outside before it ended.
    A model's answer is in the journal."""
    text: str = ""
    error: JsonObject = Field(default_factory=dict)
    """The error, as `packed` makes it."""
    events: tuple[Event, ...] = ()
    """What was recorded on the way, of a read."""


Ended = Literal["done", "failed", "ambiguous"]
"""How a write ended."""


class Tape(Protocol):
    """Keeps what one step meets, or plays it."""

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all."""
        ...

    @property
    def plays(self) -> bool:
        """Whether the step is played: nothing outside may be asked."""
        ...

    def keep(self, met: Met, parts: Mapping[str, str] | None = None) -> None:
        """Keep it, with the parts that its request names, by digest."""
        ...

    def played(self, met: Met) -> Met | None:
        """What came then of the same; None: nothing is played, so ask. Raises Diverged."""
        ...

    def wrote(self, key: str, ticket: str) -> tuple[Ended, str] | None:
        """What came then of a write, by the ledger; None: do it."""
        ...

    def cancelled(self, by: str) -> str:
        """Who wants the run cancelled while the step runs; empty: nobody."""
        ...

    def timeout(self, seconds: float) -> asyncio.Timeout:
        """The time-out of a visit."""
        ...

    async def cut(self) -> NoReturn:
        """Be cut off, as something was then."""
        ...


@dataclass(frozen=True)
class NoTape:
    """Keeps nothing and plays nothing: for nodes that run without a team."""

    keeps: bool = False
    plays: bool = False

    def keep(self, met: Met, parts: Mapping[str, str] | None = None) -> None:
        """See `Tape.keep`."""

    def played(self, met: Met) -> Met | None:
        """See `Tape.played`."""
        return None

    def wrote(self, key: str, ticket: str) -> tuple[Ended, str] | None:
        """See `Tape.wrote`."""
        return None

    def cancelled(self, by: str) -> str:
        """See `Tape.cancelled`."""
        return by

    def timeout(self, seconds: float) -> asyncio.Timeout:
        """See `Tape.timeout`."""
        return asyncio.timeout(seconds)

    async def cut(self) -> NoReturn:
        """See `Tape.cut`."""
        raise Diverged("Nothing is played here.")


def packed(error: BaseException) -> JsonObject:
    """An error as JSON: its class, its sentence, and the plain values that it carries."""
    values: JsonObject = {}
    for name, value in vars(error).items():
        if isinstance(value, str | int | float | bool) or value is None:
            values[name] = value
    attempts = getattr(error, "attempts", ())
    held: JsonValue = [[a.model, a.error, a.message] for a in attempts]
    return {
        "error": type(error).__name__, "text": str(error), "values": values, "attempts": held,
    }  # fmt: skip


def unpacked(held: JsonObject) -> Exception:
    """The error again, of its class where it is one of ours, else of a class of that name."""
    name, text = str(held["error"]), str(held["text"])
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, PointsmanError)):
        return type(name, (Exception,), {})(text)
    made = kind.__new__(kind, text)
    values = held["values"]
    vars(made).update(values if isinstance(values, dict) else {})
    attempts = held.get("attempts")
    if isinstance(attempts, list) and attempts:
        told = (one for one in attempts if isinstance(one, list))
        vars(made)["attempts"] = tuple(Attempt(*(str(part) for part in one)) for one in told)
    return made
