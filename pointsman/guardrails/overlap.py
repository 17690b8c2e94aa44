"""What of one text stands in another, letter for letter: runs, found by their grams.

Only letters and digits are compared, without case. The unit is the byte of their UTF-8 form, as a
letter says more in some scripts than in others: 24 bytes are four or five words in English, and
eight characters in Chinese. Time and memory are linear.
"""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pointsman.guardrails.canonical import Canonical, canonical

GRAM = 24
"""Bytes that are compared at once."""
STRIDE = 8
"""One gram in so many is looked up first, the others where one of these is known."""
GAP = 8
"""Bytes that may differ between two runs that count as one: a changed letter, a word put in."""
_NO_LETTER = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Leak:
    """A part of a text that says what the kept text says. Indices of the original text."""

    rule: str
    """`canary`, `prompt-run` or `prompt-share`."""
    start: int
    end: int


@dataclass(frozen=True)
class Kept:
    """A text that must not be told, and what tells it: see `leak.LeakGuard` for the bounds."""

    text: str = field(repr=False)
    canary: str = field(default="", repr=False)
    public: tuple[str, ...] = ()
    run: int = 64
    share: float = 0.3

    def leaks(self, text: str, known: Callable[[], Iterable[str]]) -> list[Leak]:
        """What `text` tells of it: plainly, backwards, in ROT13, or encoded. What stands in a text
        of `known` counts for nothing; it is asked only when there is something to compare."""
        plain = canonical(text)
        found: list[Leak] = []
        for letters, span in _views(plain):
            for rule, first, last in self._found(letters, known):
                found.append(Leak(rule, *plain.span(*span(first, last))))
        return sorted(set(found), key=lambda leak: (leak.start, leak.end, leak.rule))

    def _found(
        self, letters: bytes, known: Callable[[], Iterable[str]]
    ) -> Iterator[tuple[str, int, int]]:
        canary = self._canary
        at = letters.find(canary) if canary else -1
        while at >= 0:
            yield "canary", at, at + len(canary)
            at = letters.find(canary, at + len(canary))
        starts = _starts(letters, self._grams)
        told = {letters[at : at + GRAM] for at in starts}
        if told:
            for text in known():
                told.difference_update(_grams(_letters(canonical(text).text)))
        runs = _runs([at for at in starts if letters[at : at + GRAM] in told])
        long = [run for run in runs if run[1] - run[0] >= min(self.run, self._size)]
        if long:
            yield from (("prompt-run", *run) for run in long)
        elif runs and len(told) >= self.share * len(self._grams):
            yield from (("prompt-share", *run) for run in runs)

    @cached_property
    def _canary(self) -> bytes:
        return _letters(canonical(self.canary).text)

    @cached_property
    def _size(self) -> int:
        return len(_letters(canonical(self.text).text))

    @cached_property
    def _grams(self) -> frozenset[bytes]:
        own = set(_grams(_letters(canonical(self.text).text)))
        for text in self.public:
            own.difference_update(_grams(_letters(canonical(text).text)))
        return frozenset(own)


def _letters(text: str) -> bytes:
    return _NO_LETTER.sub("", text.lower()).encode()


def _places(text: str) -> list[int]:
    """For each byte of a text's letters, the character it comes from."""
    return [
        at for at, c in enumerate(text) for low in c.lower() if low.isalnum() for _ in low.encode()
    ]


def _grams(letters: bytes) -> Iterator[bytes]:
    return (letters[at : at + GRAM] for at in range(len(letters) - GRAM + 1))


def _starts(letters: bytes, grams: frozenset[bytes]) -> list[int]:
    """Where the known grams begin; none where not even one in `STRIDE` is known."""
    places = range(len(letters) - GRAM + 1)
    if not any(letters[at : at + GRAM] in grams for at in places[::STRIDE]):
        return []
    return [at for at in places if letters[at : at + GRAM] in grams]


def _runs(starts: Sequence[int]) -> list[tuple[int, int]]:
    """(begin, end) of what grams that begin at `starts` cover, small gaps closed."""
    runs: list[tuple[int, int]] = []
    for at in starts:
        if runs and at <= runs[-1][1] + GAP:
            runs[-1] = (runs[-1][0], at + GRAM)
        else:
            runs.append((at, at + GRAM))
    return runs


def _views(text: Canonical) -> Iterator[tuple[bytes, Callable[[int, int], tuple[int, int]]]]:
    """The letters of a text as they stand, backwards and in ROT13, and of each text that is encoded
    in it; with the way from their bytes to the canonical text's characters."""
    yield from _turned(text.text)
    for inner in text.unwrapped:
        for letters, span in _turned(inner.text.text):
            yield letters, lambda first, last, s=span, i=inner: i.span(*s(first, last))


def _turned(text: str) -> Iterator[tuple[bytes, Callable[[int, int], tuple[int, int]]]]:
    letters = _letters(text)
    size = len(letters)

    def span(first: int, last: int) -> tuple[int, int]:
        places = _places(text)
        return places[first], places[last - 1] + 1

    yield letters, span
    yield letters.decode()[::-1].encode(), lambda first, last: span(size - last, size - first)
    if any(byte >= 97 for byte in letters):
        yield codecs.encode(letters.decode(), "rot13").encode(), span
