"""One spelling for matching: smuggled and look-alike characters become what they stand for.

Only rules read the canonical text. What is shown, stored or sent is the original, of which the
spans that a rule found are replaced.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_PLAIN = re.compile(r"[\t\n\r\x20-\x7e]+")
_TAGS = 0xE0000
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Blank characters that are no format characters (category Cf) and no white space."""

# Pairs of the Unicode confusables table (UTS 39) that stand for one ASCII character.
_LOOK_ALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0423\u0406\u0408"
    "\u0405\u051a\u051c\u043a\u043c\u0442\u0432\u043d"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
    "\u03b1\u03bf\u03bd\u03c1\u03c5\u03b9\u03ba"
    "\u0131\u0261\u0251\u0585\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u3002\u2028\u2029",
    "aeopcyxijshdqwABEKMHOPCTXYIJSQWkmtbhABEZHIKMNOPTYXaovpuikigao-------.\n\n",
)


@dataclass(frozen=True, slots=True)
class Canonical:
    """A text in canonical form, with the way back to the original's characters."""

    text: str
    origin: Sequence[int]
    """For each character of `text`, and for its end, the index in the original."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original's span behind `text[start:end]`, invisible characters behind it included."""
        first, last = self.origin[start], self.origin[end - 1]
        return first, max(self.origin[end], last + 1)


def canonical(text: str) -> Canonical:
    """Any text in canonical form, in linear time.

    Unicode tag characters become ASCII, invisible ones go, compatibility forms are decomposed
    (NFKD), marks on ASCII characters go, decimal digits of any script and common Cyrillic and Greek
    look-alikes become ASCII. A lone surrogate becomes U+FFFD.
    """
    if _PLAIN.fullmatch(text) or not text:
        return Canonical(text, range(len(text) + 1))
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
    return Canonical("".join(parts), origin)


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
    return character.translate(_LOOK_ALIKES)
