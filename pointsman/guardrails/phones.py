"""Phone numbers: by the numbering plans of libphonenumber, or where a word says that it is one."""

import re
from collections.abc import Iterator, Sequence

from pointsman.guardrails.rules import Found

MAX_LOOKED_UP = 200
"""So many numbers of a text are looked up in the numbering plans; the rest go by their shape."""

_GROUPS = 10
"""Of so many groups of digits two numbers may consist that stand side by side."""

SHAPE = r"(?:\+|\b00)?\(?\d(?:[ ().\-/]{0,3}\d){6,17}"

_SPOKEN = re.compile(
    r"\b(?:tele)?(?:phone|tel|call|dial|ring|mobile|cell|fax|handy|mobil|telefon\w?|telephone"
    r"|whats ?app|signal|sms|text|messages? to|answering at|desk|hotline|landline|extension"
    r"|contact|reach)"
    r"(?:\W{1,3}(?:number|no|nr|is|was|at|on|me|us|him|her|them|back|to|under|my|number is))"
    r"{0,4}\W{0,4}$",
    re.IGNORECASE,
)
_NAMED = re.compile(r"[ \t,-]{0,3}\(?(?:office|mobile|fax|cell|desk|landline)\b", re.IGNORECASE)
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
_DATE = re.compile(
    r"(?<!\d)(?<!\d[-/.])(?:"
    rf"{_YEAR}([-/.]){_MONTH}\1{_DAY}"
    rf"|{_DAY}([-/.]){_MONTH}\2(?:{_YEAR}|\d\d)|{_MONTH}([-/.]){_DAY}\3(?:{_YEAR}|\d\d)"
    r")(?![-/.]?\d)"
)


def phones(text: str, run: Found, regions: Sequence[str], *, look_up: bool) -> Iterator[Found]:
    """Phone numbers in a run of digits (`SHAPE`)."""
    before = text[run.start - 1 : run.start]
    if before.isalnum() or before in {"-", "_", "#", "$", "\u20ac", "\u00a3"}:
        return
    written = text[run.start : run.end]
    # A date ends a number as a line end does; the same length keeps the indices.
    piece = _DATE.sub(lambda date: "\n" * len(date.group()), written)
    digits = sum(map(str.isdigit, piece))
    if digits < 7:
        return
    if piece.strip(" ()").isdigit() and not _spoken(text, run):
        return
    unknown = not look_up
    # Digits one by one, as in a table, are no number unless a word says so.
    look_up = look_up and len(piece.split()) <= _GROUPS
    hits = list(_planned(piece, run.start, regions)) if look_up else []
    yield from hits
    if hits or digits > 15 or "\n" in piece:
        return
    abroad = piece.startswith("+") and digits >= 9
    if abroad or unknown or _spoken(text, run):
        number = "".join(c for c in piece if c.isdigit())
        yield Found("phone", "PHONE", run.start, run.end, number, 0.6)


def _spoken(text: str, run: Found) -> bool:
    before = text[max(0, run.start - 60) : run.start]
    return _SPOKEN.search(before) is not None or _NAMED.match(text, run.end) is not None


def _planned(piece: str, start: int, regions: Sequence[str]) -> Iterator[Found]:
    from phonenumbers import PhoneNumberFormat, PhoneNumberMatcher, format_number

    # With its country's code a number is the same in every region.
    for region in regions[:1] if piece.startswith("+") else regions:
        hits = list(PhoneNumberMatcher(piece, region, max_tries=20))
        for hit in hits:
            number = format_number(hit.number, PhoneNumberFormat.E164)
            yield Found("phone", "PHONE", start + hit.start, start + hit.end, number, 0.9)
        if hits:
            return
