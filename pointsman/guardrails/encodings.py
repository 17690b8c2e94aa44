"""Encoded runs of a text and what they say: base64, base32, hex, percent, HTML, backslash escapes.

What is decoded is only read by rules, next to the text as it stands. So a word that happens to
decode costs nothing but the reading.
"""

import base64
import binascii
import html
import re
from collections.abc import Iterator
from typing import NamedTuple

MIN_RUN = 16
"""Characters an encoded run has at least, its padding included: 12 bytes in base64."""

# A run, full lines joined to the one behind them. At most one line is given back for the last part.
_RUN = re.compile(r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/]{60,76}+\r?\n)*[A-Za-z0-9+/_-]{12,}+={0,6}")
_PART = re.compile(r"[A-Za-z0-9]{14,}+={0,6}")
_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})+)")
_BASE32 = re.compile(r"[A-Z2-7]{16,}=*")
_URL_SAFE = str.maketrans("-_", "+/", "=\r\n")
_ESCAPED = {
    "%": re.compile(r"%[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*"),
    "&": re.compile(
        r"&(?:\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
        r"(?:&(?:\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)*"
    ),
    "\\": re.compile(
        r"\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|U[0-9a-fA-F]{8})"
        r"(?:\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|U[0-9a-fA-F]{8}))*"
    ),
}
"""By their first character. Written out twice, so that a scan jumps from one of it to the next."""
_BACKSLASHED = re.compile(r"\\[uxU]([0-9a-fA-F]+)")


class Segment(NamedTuple):
    """What stands encoded at `text[start:end]`."""

    start: int
    end: int
    says: str


def segments(text: str) -> list[Segment]:
    """Every encoded run of a text that decodes to printable text, in order, none overlapping.

    Linear: a run is decoded at most twice as a whole and once in parts, and what comes of it is
    never longer than the run.
    """
    found: list[Segment] = []
    for mark, pattern in _ESCAPED.items():
        if mark in text:
            found += _escapes(pattern, text)
    for start, end in _long_words(text):
        found += _runs(text, start, end)
    found.sort()
    return _apart(found)


def _long_words(text: str) -> Iterator[tuple[int, int]]:
    """Spans of words with room for an encoded run; those on lines of their own are one span."""
    at, first, last = 0, -1, -1
    for word in text.split():
        if len(word) < MIN_RUN and (len(word) < 2 or last < 0):
            continue
        at = text.index(word, at)
        # What is encoded over several lines ends with a shorter one.
        if last >= 0 and text[last:at] in {"\n", "\r\n"}:
            at = last = at + len(word)
            continue
        if first >= 0:
            yield first, last
        first, last = (at, at + len(word)) if len(word) >= MIN_RUN else (-1, -1)
        at += len(word)
    if first >= 0:
        yield first, last


def _apart(found: list[Segment]) -> list[Segment]:
    apart: list[Segment] = []
    for one in found:
        if not apart or one.start >= apart[-1].end:
            apart.append(one)
    return apart


def _escapes(pattern: re.Pattern[str], text: str) -> Iterator[Segment]:
    for match in pattern.finditer(text):
        says = _unescaped(match.group())
        if says is not None and says != match.group():
            yield Segment(match.start(), match.end(), says)


def _unescaped(run: str) -> str | None:
    match run[0]:
        case "%":
            return _readable(bytes.fromhex(run.replace("%", "")))
        case "&":
            return html.unescape(run)
        case _:
            points = [int(digits, 16) for digits in _BACKSLASHED.findall(run)]
            if any(point > 0x10FFFF for point in points):
                return None
            # Two escaped surrogates are one character, as in JSON.
            paired = "".join(map(chr, points)).encode("utf-16", "surrogatepass")
            return paired.decode("utf-16", "replace")


def _runs(text: str, first: int, last: int) -> Iterator[Segment]:
    for match in _RUN.finditer(text, first, last):
        start, end = match.span()
        if end - start < MIN_RUN:
            continue
        says = decoded(match.group())
        if says is not None:
            yield Segment(start, end, says)
            continue
        # A path or a dotted name around the run: its alphabet holds `/`, `-` and `_` too.
        for part in _PART.finditer(text, start, end):
            if part.end() - part.start() < min(MIN_RUN, end - start):
                continue
            says = decoded(part.group())
            if says is not None:
                yield Segment(part.start(), part.end(), says)


def decoded(run: str) -> str | None:
    """What a run of base64, base64url, base32 or hex digits says; None for none of them."""
    body = run.translate(_URL_SAFE)
    as_hex = _HEX.fullmatch(body)
    if as_hex and (says := _readable(bytes.fromhex(as_hex[1]))) is not None:
        return says
    if _BASE32.fullmatch(body):
        try:
            says = _readable(base64.b32decode(body + "=" * (-len(body) % 8)))
        except binascii.Error:
            says = None
        if says is not None:
            return says
    # One digit more than whole bytes need says nothing: what stands before it is read.
    body = body[: len(body) - 1] if len(body) % 4 == 1 else body
    try:
        return _readable(binascii.a2b_base64(body + "=" * (-len(body) % 4)))
    except binascii.Error:
        return None


def _readable(raw: bytes) -> str | None:
    """Bytes as text, where at least nine characters in ten can be printed."""
    if len(raw) >= 8 and raw[1::2].count(0) * 10 >= 9 * len(raw[1::2]):
        text = raw.decode("utf-16-le", "replace")
    else:
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return None
    if not text or text.isprintable():
        return text or None
    shown = sum(c.isprintable() or c in "\t\n\r" for c in text)
    return text if shown * 10 >= 9 * len(text) else None
