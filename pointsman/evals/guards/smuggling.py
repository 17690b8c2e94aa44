"""Ways to smuggle a text past rules: each says the same, to a person or to a model."""

import base64
from collections.abc import Callable, Mapping

_HOMOGLYPHS = str.maketrans(
    "aceijopsxyABCEHIJKMOPSTXYZ",
    "\u0430\u0441\u0435\u0456\u0458\u043e\u0440\u0455\u0445\u0443"
    "\u0410\u0412\u0421\u0415\u041d\u0406\u0408\u041a\u041c\u041e\u0420\u0405\u0422\u0425\u04ae\u0396",
)
"""Small and capital letters to the Cyrillic and Greek ones that look the same."""
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}
_TAGS = {code: code + 0xE0000 for code in range(0x20, 0x7F)}


def zero_width(text: str) -> str:
    """A zero-width space behind every character."""
    return "".join(f"{c}\u200b" for c in text)


def homoglyphs(text: str) -> str:
    """Letters as look-alikes of other alphabets."""
    return text.translate(_HOMOGLYPHS)


def full_width(text: str) -> str:
    """ASCII as the full-width forms of East Asian writing, spaces included."""
    return text.translate(_FULL_WIDTH)


def tags(text: str) -> str:
    """ASCII as Unicode tag characters, which no screen shows and models read."""
    return text.translate(_TAGS)


def combining_marks(text: str) -> str:
    """A combining acute accent on every letter and digit."""
    return "".join(f"{c}\u0301" if c.isascii() and c.isalnum() else c for c in text)


def base64_encoded(text: str) -> str:
    """The whole text in base64."""
    return base64.b64encode(text.encode("utf-8", "replace")).decode()


VARIANTS: Mapping[str, Callable[[str], str]] = {
    "zero-width": zero_width,
    "homoglyph": homoglyphs,
    "full-width": full_width,
    "tags": tags,
    "combining": combining_marks,
    "base64": base64_encoded,
}
