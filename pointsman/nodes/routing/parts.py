"""Several requests in one message: pieces by its form, and parts by who owns them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MOST = 8
"""Pieces looked at; a longer message keeps its rest in the last."""

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\s*\n+\s*")
_JOINED = re.compile(
    r"\s*,?\s+(?=(?:and|but|also|then|plus|besides|additionally|furthermore)\b)", re.IGNORECASE
)
_WORD = re.compile(r"\w+")
_FEWEST_WORDS = 3
"""A piece with fewer words asks for nothing by itself: it stays with the one before it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a message: whose it is, and its words as they stand in the message."""

    to: str
    text: str


def pieces(text: str) -> tuple[str, ...]:
    """A message cut at the ends of sentences and before words that join clauses, in order.

    Nothing is lost or changed but the space between pieces. One piece: there is nothing to cut.
    """
    cut = [piece for line in _SENTENCE.split(text) for piece in _JOINED.split(line) if piece]
    kept: list[str] = []
    for piece in cut:
        short = len(_WORD.findall(piece)) < _FEWEST_WORDS
        if kept and (short or len(kept) >= MOST or len(_WORD.findall(kept[-1])) < _FEWEST_WORDS):
            kept[-1] = f"{kept[-1]} {piece}"
        else:
            kept.append(piece.strip())
    return tuple(kept)


def parts(cut: Sequence[str], owners: Sequence[str]) -> tuple[Part, ...]:
    """The parts that the pieces make, by who owns each: one for each owner, in the order in which
    they first come. A piece without an owner (empty) goes with the one before it, the first ones
    with the one after. Empty unless there are two owners."""
    named = [owner for owner in owners if owner]
    if len(set(named)) < 2:
        return ()
    current, texts = named[0], dict.fromkeys(named, "")
    for piece, owner in zip(cut, owners, strict=True):
        current = owner or current
        texts[current] = f"{texts[current]} {piece}".strip()
    return tuple(Part(owner, text) for owner, text in texts.items())
