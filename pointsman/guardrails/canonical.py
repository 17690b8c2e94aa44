"""One spelling for matching: smuggled and look-alike characters become what they stand for.

Only rules read the canonical text. What is shown, stored or sent is the original, of which the
spans that a rule found are replaced. Encoded parts are unwrapped beside it, not in it: see
`Canonical.unwrapped` and `guardrails.check.look`.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from pointsman.guardrails.confusables import LOOK_ALIKES
from pointsman.guardrails.encodings import Segment, segments

_PLAIN = re.compile(r"[\t\n\r\x20-\x7e]+")
_TAGS = 0xE0000
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Blank characters that are no format characters (category Cf) and no white space."""

_LOOK_ALIKES = str.maketrans({c: plain for plain, alike in LOOK_ALIKES.items() for c in alike})
_LATIN = re.compile(
    r"LATIN (?:(?:SMALL|CAPITAL) LETTER|LETTER SMALL CAPITAL) ([A-Z])(?: WITH .+)?"
    r"|(?:NEGATIVE (?:CIRCLED|SQUARED) LATIN CAPITAL|REGIONAL INDICATOR SYMBOL) LETTER ([A-Z])"
)
"""Names of characters that are a letter with a stroke, a hook or a frame, or a small capital."""

DEPTH = 3
"""So many times what was decoded is decoded again."""


@dataclass(frozen=True, slots=True)
class Canonical:
    """A text in canonical form, with the way back to the original's characters."""

    text: str
    origin: Sequence[int]
    """For each character of `text`, and for its end, the index in the original."""
    unwrapped: "tuple[Unwrapped, ...]" = ()
    """The same text with its encoded parts decoded in their places: once, twice, at most `DEPTH`
    times. Empty where nothing is encoded."""
    original: str = ""
    """The text as it was written."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's span behind `text[start:end]`, invisible characters behind it included."""
        first, last = self.origin[start], self.origin[end - 1]
        return first, max(self.origin[end], last + 1)


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A canonical text with encoded parts decoded. An encoded part is whole or not there at all."""

    text: Canonical
    """For `find`: its `origin` leads to the original, as every canonical text's does."""
    starts: Sequence[int]
    ends: Sequence[int]
    """For each character, the span in the canonical text of the character or the encoded part."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span of the canonical text behind `self.text.text[start:end]`."""
        return self.starts[start], self.ends[end - 1]


def canonical(text: str) -> Canonical:
    """Any text in canonical form, in linear time.

    Unicode tag characters become ASCII, invisible ones go, compatibility forms are decomposed
    (NFKD), marks on ASCII characters go, decimal digits of any script and look-alikes (UTS 39)
    become ASCII. A lone surrogate becomes U+FFFD. Runs of base64, base32, hex and escapes are
    unwrapped `DEPTH` times at most; no decoding makes more characters than it reads.
    """
    spelled, origin = _spelled(text)
    return Canonical(spelled, origin, _unwrapped(spelled, origin, text), text)


def _unwrapped(text: str, origin: Sequence[int], original: str) -> tuple[Unwrapped, ...]:
    found: list[Unwrapped] = []
    starts: Sequence[int] = range(len(text))
    ends: Sequence[int] = range(1, len(text) + 1)
    while len(found) < DEPTH and (encoded := segments(text)):
        parts: list[str] = []
        firsts: list[int] = []
        lasts: list[int] = []
        at = 0
        for part in [*encoded, Segment(len(text), len(text), "")]:
            says = _spelled(part.says)[0]
            parts += [text[at : part.start], says]
            firsts += starts[at : part.start]
            lasts += ends[at : part.start]
            if says:
                firsts += [starts[part.start]] * len(says)
                lasts += [ends[part.end - 1]] * len(says)
            at = part.end
        text, starts, ends = "".join(parts), firsts, lasts
        back = [origin[start] for start in starts]
        found.append(Unwrapped(Canonical(text, [*back, origin[-1]], (), original), starts, ends))
    return tuple(found)


def _spelled(text: str) -> tuple[str, Sequence[int]]:
    """The canonical spelling, and for each character and the end its place in the text."""
    if _PLAIN.fullmatch(text) or not text:
        return text, range(len(text) + 1)
    parts: list[str] = []
    origin: list[int] = []
    at, last = 0, ""
    for plain in _PLAIN.finditer(text):
        last = _translate(text, at, plain.start(), last, parts, origin)
        parts.append(plain.group())
        origin.extend(range(plain.start(), plain.end()))
        at, last = plain.end(), parts[-1][-1]
    _translate(text, at, len(text), last, parts, origin)
    origin.append(len(text))
    return "".join(parts), origin


def _translate(
    text: str, start: int, end: int, last: str, parts: list[str], origin: list[int]
) -> str:
    """Append the canonical form of `text[start:end]`; `last` is the character before it."""
    for at in range(start, end):
        for character in _spelling(text[at]):
            if last.isascii() and last and unicodedata.category(character) in {"Mn", "Me"}:
                continue
            parts.append(character)
            origin.append(at)
            last = character
    return last


@lru_cache(maxsize=4096)
def _spelling(character: str) -> str:
    """What one character stands for; empty for an invisible one."""
    return "".join(_plainly(c) for c in unicodedata.normalize("NFKD", character))


def _plainly(character: str) -> str:
    code, category = ord(character), unicodedata.category(character)
    if _TAGS + 0x20 <= code <= _TAGS + 0x7E:
        return chr(code - _TAGS)
    if category == "Cs":
        return "\ufffd"
    hidden = category in {"Cf", "Cc"} and not character.isspace()
    selector = 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF or 0x180B <= code <= 0x180F
    if hidden or selector or character in _FILLERS:
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    alike = character.translate(_LOOK_ALIKES)
    if alike != character:
        return alike
    latin = _LATIN.fullmatch(unicodedata.name(character, ""))
    if latin is None:
        return character
    letter: str = latin[1] or latin[2]
    return letter.lower() if "SMALL" in latin[0] else letter
