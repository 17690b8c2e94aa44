"""What a specialist sees of a conversation that is handed on to it: little, and said so."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pointsman.errors import Misconfigured
from pointsman.nodes.handed import bounded
from pointsman.nodes.message import Frozen, Quote, Request, Turn

CHARACTERS_PER_TOKEN = 4
"""The estimate behind every bound in tokens here: about what English text takes. Other scripts take
more tokens for as many characters."""


@dataclass(frozen=True, slots=True)
class Sees:
    """What goes along with a hand-off to this specialist, beside the request itself.

    Bounds are in tokens, estimated at CHARACTERS_PER_TOKEN. What is beyond one is left out, the
    oldest first, and the specialist is told so. For a message that the router gives to it, it sees
    the thread's window as it is.
    """

    history: Literal["own", "all", "none"] = "own"
    """Of the thread: what the person wrote and what it answered itself; everybody's answers; or
    nothing. The person's words are kept with `own`, since what stands in them may be acted on."""
    history_tokens: int = 3000
    summary: bool = True
    """Whether whoever hands on is asked for a summary of what was said."""
    handed_tokens: int = 6000
    """Of what the others had read and said."""

    def __post_init__(self) -> None:
        for name in ("history_tokens", "handed_tokens"):
            value: int = getattr(self, name)
            if not 0 <= value <= 1_000_000:
                raise Misconfigured(
                    f"Sees({name}={value!r}) is no number of tokens.",
                    hint="Give one from 0 to 1,000,000.",
                )


class Said(Frozen):
    """One turn of a thread and who wrote it; empty where that is not known."""

    turn: Turn
    by: str = ""


def seen(request: Request, said: Sequence[Said], *, name: str, sees: Sees, giver: str) -> Request:
    """The request as `name` sees it when `giver` hands it on. `said`: the thread, oldest first."""
    history, lost = _history(said, name, sees)
    quotes = request.handed
    if lost:
        text = f"The {lost} oldest messages of the conversation are not shown here."
        quotes = (*quotes, Quote(origin="model", source=giver, text=text, cut=True))
    kept = bounded(quotes, characters=sees.handed_tokens * CHARACTERS_PER_TOKEN)
    return request.model_copy(update={"history": history, "handed": kept})


def _history(said: Sequence[Said], name: str, sees: Sees) -> tuple[tuple[Turn, ...], int]:
    """The turns that are shown, and how many were left out for want of room."""
    if sees.history == "none":
        return (), 0
    shown = [one.turn if sees.history == "all" else _own(one, name) for one in said]
    room = sees.history_tokens * CHARACTERS_PER_TOKEN
    first = len(shown)
    while first and (room := room - len(shown[first - 1].content)) >= 0:
        first -= 1
    # A conversation begins with the person: some models refuse another beginning.
    while 0 < first < len(shown) and shown[first].role != "user":
        first += 1
    return tuple(shown[first:]), first


def _own(one: Said, name: str) -> Turn:
    """The turn; in place of another's answer that there was one, so that turns still alternate."""
    if one.turn.role == "user" or one.by == name:
        return one.turn
    return Turn(role="assistant", content=f"[{one.by or 'Another specialist'} answered this]")
