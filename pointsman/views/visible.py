"""Text from messages and models, made safe to show in a terminal."""

import unicodedata

_JOINERS = "\u200c\u200d"
"""Zero-width joiners: part of ordinary emoji and of several scripts."""


def visible(text: str) -> str:
    """The text with control and invisible characters written out as `\\u001b`.

    Without it a message could move the cursor, recolour or rewrite what the person reads before
    deciding. Newlines and tabs stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(char) for char in text)


def one_line(text: str, width: int = 0) -> str:
    """`visible`, on one line, cut to `width` characters with an ellipsis (0: not cut)."""
    flat = " ".join(visible(text).split())
    return flat if not width or len(flat) <= width else flat[: width - 1].rstrip() + "…"


def _shown(char: str) -> str:
    if char in "\n\t" or char in _JOINERS:
        return char
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        code = ord(char)
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return char
