"""Whether a value stands in a text, letter for letter and as a whole.

Whole tokens are compared: 5 does not stand in `INV-5`, 15, 5.50 or `5k`, nor `x.org` in `a@x.org`.
Where it is uncertain, a value is not found. Case and the kind of white space do not count.
"""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from math import isfinite

from pydantic import JsonValue

from pointsman.guardrails.canonical import canonical

_MARK = "\x00"
"""Stands at both ends of every token, so that one plain search finds whole tokens only."""
_INNER = r",:;!?'#%="
_APART = (
    r"\s\x00\"`()\[\]{}<>|*"
    r"\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a\u2022\u2026\u00bf\u00a1"  # quotes, bullet, dots
    r"$\u00a3\u00a5\u00a2\u20a0-\u20bf"  # currency signs
    r"\u3001\u3002\u300c\u300d\u300e\u300f\u30fb"  # Chinese and Japanese punctuation
)
_CORE = rf"(?:[^.{_INNER}{_APART}]++|(?<!\.)\.++(?=[^.{_INNER}{_APART}]))++"
_TOKEN = re.compile(rf"{_CORE}(?:[{_INNER}]++{_CORE})*+")
"""What is not kept apart by white space, quotes, brackets or a currency sign. Marks that end a
clause are part of a token only inside it: `a,b` is one token, `a, b.` are two. Linear."""
_SPACE = re.compile(r"\s+")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_NUMBER = re.compile(
    r"""(?P<sign>[-+]?)(?:
      (?P<plain>(?:(?:0|[1-9]\d*)(?:\.\d+)?|\.\d+))               # 49.90
    | (?P<comma_groups>[1-9]\d{0,2}(?:,\d{2,3})*,\d{3}(?:\.\d+)?) # 1,042.50
    | (?P<quote_groups>[1-9]\d{0,2}(?:'\d{3})+(?:\.\d+)?)         # 1'042.50
    | (?P<dot_groups>[1-9]\d{0,2}(?:(?:\.\d{3})+,\d+|(?:\.\d{3}){2,}))  # 1.042,50
    | (?P<decimal_comma>0,\d+|[1-9]\d*,(?:\d{1,2}|\d{4,}))        # 49,90
    )""",
    re.VERBOSE | re.ASCII,
)
_TYPED_SO = str.maketrans("\u2010\u2011\u2212\u2018\u2019", "---''")


@dataclass(frozen=True)
class _Marked:
    """A text with its tokens marked."""

    text: str

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The tokens that are numbers, in normal form."""
        tokens = self.text.split(_MARK)[1::2]
        read = (_reading(t) for t in tokens if t[0] in "0123456789.+-")
        return frozenset(number for number in read if number)


@dataclass(frozen=True)
class Text:
    """A text to look in. Read when first needed, and only once."""

    raw: str

    @cached_property
    def exact(self) -> _Marked:
        """As one sees it."""
        return _Marked(_marked(_visible(self.raw)))

    @cached_property
    def alike(self) -> _Marked:
        """With hidden characters shown, and letters that look alike made one."""
        return _Marked(_marked(canonical(self.raw).text))


@dataclass(frozen=True)
class Needle:
    """A value to look for. 49.9 stands in `$49.90`, 1042.5 in `1,042.50` and in `1.042,50`.

    Truth values, null and texts without a word stand nowhere.
    """

    value: JsonValue

    def stands_in(self, text: Text) -> bool:
        """Whether the text holds this very value. Never for one with invisible characters: who
        cannot see it has not said it."""
        hidden = isinstance(self.value, str) and any(_invisible(c) for c in self.value)
        return not hidden and self._found(self._exact, text.exact)

    def resembles(self, text: Text) -> bool:
        """Whether the text holds this value, or one that only looks the same."""
        return self.stands_in(text) or self._found(self._alike, text.alike)

    @cached_property
    def _exact(self) -> str:
        return _spelled(_visible(self.value)) if isinstance(self.value, str) else ""

    @cached_property
    def _alike(self) -> str:
        return _spelled(canonical(self.value).text) if isinstance(self.value, str) else ""

    @cached_property
    def _number(self) -> str:
        if not isinstance(self.value, str):
            return number_of(self.value)
        # A number written out, such as a Decimal. +49 and 0049 are more than their number.
        plain = _NUMBER.fullmatch(self.value.strip())
        return _reading(plain[0]) if plain and plain["plain"] and plain["sign"] != "+" else ""

    def _found(self, needle: str, marked: _Marked) -> bool:
        return (needle != "" and needle in marked.text) or self._number in marked.numbers


def _spelled(text: str) -> str:
    marked = _marked(text.strip())
    return marked if _MARK in marked else ""


def _marked(text: str) -> str:
    spaced = _SPACE.sub(" ", text.lower().replace(_MARK, "\ufffd"))
    return _TOKEN.sub(f"{_MARK}\\g<0>{_MARK}", spaced)


def _visible(text: str) -> str:
    """The text as one sees it, every letter its own: what does not show goes, digits and dashes are
    as typed on any keyboard. Not `canonical`, which makes different letters one."""
    if text.isascii():
        return text
    return _FOREIGN.sub(
        lambda run: "".join(map(_letter, run.group())), unicodedata.normalize("NFC", text)
    )


@lru_cache(maxsize=4096)
def _letter(character: str) -> str:
    if _invisible(character):
        return ""
    if unicodedata.category(character) == "Nd":
        return str(unicodedata.decimal(character))
    if "\uff01" <= character <= "\uff5e":  # full-width forms of ASCII
        return chr(ord(character) - 0xFEE0)
    return character.translate(_TYPED_SO)


def _invisible(character: str) -> bool:
    return not character.isspace() and unicodedata.category(character) in {"Cf", "Cc", "Cs"}


def _reading(token: str) -> str:
    """A token's number without groups and needless zeros; empty for what is no number.

    `1,042` is 1042, but `1.042` is 1.042 only: read as 1042 it might be a thousand times too much.
    """
    match = _NUMBER.fullmatch(token)
    if match is None:
        return ""
    digits = match[match.lastgroup or "plain"]
    match match.lastgroup:
        case "dot_groups":
            digits = digits.replace(".", "").replace(",", ".")
        case "decimal_comma":
            digits = digits.replace(",", ".")
        case _:
            digits = digits.replace(",", "").replace("'", "")
    return _normal(match["sign"] + digits)


def number_of(value: JsonValue) -> str:
    """A number's normal form; empty for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if isinstance(value, int):
        return str(value)
    return _normal(format(Decimal(repr(value)), "f")) if isfinite(value) else ""


def _normal(digits: str) -> str:
    whole, _, fraction = digits.lstrip("+-").partition(".")
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    number = f"{whole}.{fraction}" if fraction else whole
    return f"-{number}" if digits[0] == "-" and number != "0" else number
