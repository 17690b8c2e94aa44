"""Many phrases looked for at once (Aho and Corasick 1975): one pass, however many they are."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from importlib import import_module
from typing import Any, Generic, TypeVar

from pointsman.guardrails.canonical import canonical

_T = TypeVar("_T")
LONGEST = 100
"""Characters of a word's end."""

_SPACES = re.compile(r"\s+")
_WIDE = re.compile(r"\s\s+|[^\S ]")


class Phrases(Generic[_T]):
    """Phrases and what each stands for. A `*` at a phrase's end stands for any end of its word."""

    def __init__(self, phrases: Iterable[tuple[str, _T]]) -> None:
        self.whole: dict[str, list[_T]] = {}
        self.stems: dict[str, list[_T]] = {}
        for phrase, stands_for in phrases:
            spelled = " ".join(_lower(canonical(phrase).text).split())
            stem = spelled.endswith("*")
            (self.stems if stem else self.whole).setdefault(spelled.removesuffix("*"), []).append(
                stands_for
            )

    def find(self, text: str) -> Iterator[tuple[int, int, _T]]:
        """(start, end, what it stands for) of each phrase that stands in a canonical text as whole
        words, in any case, with any white space. They may overlap."""
        if not self.whole and not self.stems:
            return
        line, at = _squeezed(_lower(text))
        for last, phrase in self._automaton.iter(line):
            start, end = last + 1 - len(phrase), last + 1
            if not _edge(line, start):
                continue
            if phrase in self.whole and _edge(line, end):
                for one in self.whole[phrase]:
                    yield (*_back(at, start, end), one)
            if phrase in self.stems:
                end = _word_end(line, end)
                for one in self.stems[phrase]:
                    yield (*_back(at, start, end), one)

    @cached_property
    def _automaton(self) -> Any:
        # The package has no types. Its own trie is in C.
        automaton: Any = import_module("ahocorasick").Automaton()
        for phrase in self.whole | self.stems:
            automaton.add_word(phrase, phrase)
        automaton.make_automaton()
        return automaton


def _back(at: Sequence[int], start: int, end: int) -> tuple[int, int]:
    return (at[start], at[end - 1] + 1) if at else (start, end)


def _word_end(text: str, at: int) -> int:
    """Where the word ends that stands at `at`, at most `LONGEST` characters on."""
    most = min(len(text), at + LONGEST)
    while at < most and _letter(text[at]):
        at += 1
    return at


def _lower(text: str) -> str:
    """In lower case, character by character: as long as before."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _squeezed(text: str) -> tuple[str, Sequence[int]]:
    """With every run of white space made one blank, and where each character stood; no places
    where nothing changed."""
    if not _WIDE.search(text):
        return text, ()
    parts: list[str] = []
    at: list[int] = []
    last = 0
    for gap in _SPACES.finditer(text):
        parts += [text[last : gap.start()], " "]
        at += [*range(last, gap.start()), gap.start()]
        last = gap.end()
    return "".join([*parts, text[last:]]), [*at, *range(last, len(text))]


def _edge(text: str, at: int) -> bool:
    """Whether a word may begin or end here. Scripts without blanks have no edges to look for."""
    if at in (0, len(text)):
        return True
    before, after = text[at - 1], text[at]
    return not (_letter(before) and _letter(after))


def _letter(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character == "_"
    return character.isalnum() and not (
        character >= "\u0e00" and unicodedata.category(character) == "Lo"
    )
