"""The words of texts as PostgreSQL's full-text search keeps them, taken apart here: what a word is
does not depend on the server's locale, dictionaries or extensions."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from typing import Literal

_WORD = re.compile(r"[^\W_]+")
_LONGEST = 200
"""Characters of a word that count."""
_PLACES = 8_000
"""Words of a text that have places of their own; those after them are found, but not as a row of
words (INV-17). PostgreSQL knows 16,383 places."""
_BYTES = 450_000
"""Of a text's different words; PostgreSQL keeps 1 MB for request and answer."""
_MOST = 200
"""Words of one question."""


def words(text: str) -> Iterator[str]:
    """The words of a text in their order, without case and accents."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in plain if unicodedata.category(c) != "Mn")
    for found in _WORD.finditer(plain):
        # Nothing that PostgreSQL cannot store is a letter or a number.
        yield found.group()[:_LONGEST]


def vector(text: str, weight: Literal["A", "B"]) -> str:
    """A tsvector: the words with their places, which begin at 2, so that one that is put behind
    another text's is no neighbour of that one's last word."""
    places: dict[str, list[int]] = {}
    room = _BYTES
    for n, word in enumerate(words(text), start=2):
        there = places.get(word)
        if there is None:
            room -= len(word.encode()) + 6
            if room < 0:
                break
            there = places[word] = []
        if len(there) < 256 and n <= _PLACES + 1:
            there.append(n)
        elif not there:
            there.append(_PLACES + 2)
    return " ".join(
        f"'{word}':{','.join(f'{n}{weight}' for n in there)}" for word, there in places.items()
    )


def question(text: str) -> str:
    """A tsquery that all of a text's words match, each given whole or by how it begins; empty where
    it has none. What a mark divides must stand side by side."""
    parts = (list(words(part)) for part in text.split())
    rows = (" <-> ".join(f"'{w}'" for w in part) + ":*" for part in parts if part)
    return " & ".join(f"({row})" for row in islice(rows, _MOST))
