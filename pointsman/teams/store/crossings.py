"""What a store keeps of what crosses its border: letters that could not be delivered, payloads that
go by reference, and runs whose result somebody elsewhere waits for."""

from dataclasses import dataclass
from typing import Literal, Protocol

LetterState = Literal["open", "redriven", "dropped"]
Stands = Literal["running", "waiting", "ended"]
MOST_LETTERS = 10_000
"""Open letters of a team that are kept. More than that is an attack, or a sender that is broken."""


@dataclass(frozen=True, slots=True)
class LetterRow:
    """An envelope that was not taken, as it came."""

    id: str
    """The same envelope refused for the same reason again is the same letter."""
    team: str
    came: str
    """By which way: `temporal`, or the broker's subject."""
    why: str
    """The error's class: `Forged`, `UnknownSchema`, `InvalidMessage`."""
    text: str
    """Its sentence."""
    body: str
    """What came, as text, at most MAX_EVENT characters."""
    at: float
    """When it came first, in seconds since the epoch."""
    state: LetterState = "open"
    by: str = ""
    """Who drove it again or dropped it."""
    reason: str = ""
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A run whose result is to be published."""

    run: str
    team: str
    sender: str
    """Who asked, as they signed."""
    event: str
    """The id of the event that asked."""
    told: int = -1
    """The place of the last event of the run that was published."""
    sent: int = 0
    """The attempt whose result was published last; 0 for none."""


class Crossings(Protocol):
    """The part of `Store` that knows them. Every method is one transaction."""

    async def add_letter(self, letter: LetterRow, *, most: int = MOST_LETTERS) -> bool:
        """Keep a letter. One that is there stays as it is, but an ended one that comes again is
        open again. False, and no change, when the team has `most` open ones."""
        ...

    async def letters(
        self, team: str, *, state: LetterState | None = "open", limit: int = 500
    ) -> tuple[LetterRow, ...]:
        """Letters of a team, oldest first."""
        ...

    async def end_letter(self, letter: str, state: LetterState, *, by: str, reason: str) -> bool:
        """Compare-and-set from `open`, noting who and when. False when it was not open."""
        ...

    async def put_payload(self, ref: str, body: str) -> None:
        """Keep a body under its reference. Again: no change."""
        ...

    async def payload(self, ref: str) -> str | None: ...

    async def add_outgoing(self, row: Outgoing) -> None:
        """Note that the result of a run, which is in the store, is to be published. Again: no
        change."""
        ...

    async def outgoing(self, team: str, state: Stands, *, limit: int = 500) -> tuple[Outgoing, ...]:
        """Those whose run is running, or waits, or has ended and whose result was not published
        since. The longest noted first."""
        ...

    async def published(
        self, run: str, *, told: int | None = None, sent: int | None = None
    ) -> None:
        """Note how far the publishing of a run has come. Neither number ever falls."""
        ...
