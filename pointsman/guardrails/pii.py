"""Personal data by its shape and check digits: e-mail, card, IBAN, phone, US SSN, IP address."""

import ipaddress
import re
from collections.abc import Iterator
from itertools import accumulate

from pointsman.guardrails.rules import Found, Rule, RuleSet

REGIONS = ("US", "GB")
"""Whose national phone numbers are known without a `+`."""
_MAX_PHONES = 200
"""So many numbers of a text are looked up in the numbering plans; the rest go by their shape."""

_CARDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}"  # American Express, Diners
    r"|(?:6011|64[4-9]\d|65\d{2}|62\d{2}|81\d{2})\d{12}|62\d{14,17}"  # Discover, UnionPay
    r"|35\d{14}|(?:2131|1800)\d{11}"  # JCB
    r"|(?:50|5[6-8]|6[0-9])\d{10,17}"  # Maestro
)
_GROUP = re.compile(r"\d+")
_SPOKEN = re.compile(
    r"\b(?:phone|tel|telephone|call|dial|ring|mobile|cell|fax|whats ?app|sms|text)"
    r"(?:\W{1,3}(?:number|no|nr|is|was|at|on|me|us|him|her|them|back|to|under|my)){0,4}\W{0,4}$",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d([-/.])\d\d?\1\d\d?|\d\d?([-/.])\d\d?\2(?:19|20)?\d\d)(?!\d)"
)


def _ssn(value: str) -> bool:
    from stdnum.us import ssn

    return ssn.is_valid(value.replace(" ", "-"))


def _public_ip(value: str) -> bool:
    """An address, and not one that means this machine or any machine."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified)


def _ipv6(value: str) -> bool:
    return any(c.isdigit() for c in value) and value.count(":") > 1 and _public_ip(value)


_SET = RuleSet(
    (
        Rule(
            "email",
            r"[\pL\pN._%+'-]*[\pL\pN_%+-]@(?:[\pL\pN][\pL\pN-]*\.)+\pL{2,24}",
            "EMAIL",
            key=str.casefold,
        ),
        Rule("ssn", r"\b(\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4})\b", "SSN", _ssn),
        Rule("ip", r"\b(?:\d{1,3}\.){3}\d{1,3}\b", "IP", _public_ip),
        Rule(
            "ip",
            r"(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?",
            "IP",
            _ipv6,
            str.casefold,
        ),
        Rule("card", r"\d(?:[ .-]{0,2}\d){11,}", "CARD"),
        Rule("iban", r"(?i)\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,36}", "IBAN"),
        Rule("phone", r"(?:\+|\b00)?\(?\d(?:[ ().\-/]{0,3}\d){6,17}", "PHONE"),
    )
)


def find_pii(text: str) -> list[Found]:
    """Every span of a canonical text that is personal data by shape and check digits."""
    found: list[Found] = []
    phones: list[Found] = []
    for hit in _SET.find(text):
        match hit.rule:
            case "card":
                found.extend(_cards(text, hit))
            case "iban":
                found.extend(_ibans(text, hit))
            case "phone":
                phones.append(hit)
            case _ if _stands_alone(text, hit):
                found.append(hit)
            case _:
                pass
    covered = bytearray(len(text))
    for one in found:
        covered[one.start : one.end] = b"\1" * (one.end - one.start)
    for n, hit in enumerate(phones):
        if not any(covered[hit.start : hit.end]):
            found.extend(_phones(text, hit, look_up=n < _MAX_PHONES))
    return found


def _stands_alone(text: str, hit: Found) -> bool:
    """Not part of a longer number, word or version."""
    if hit.rule == "email":
        return True
    before, after = text[hit.start - 1 : hit.start], text[hit.end : hit.end + 2]
    joined = after[:1] in {"-", ".", ":"} and after[1:].isalnum()
    return not (before.isalnum() or before in {"-", ".", ":", "_"} or after[:1].isalnum() or joined)


def _cards(text: str, run: Found) -> Iterator[Found]:
    """Cards in a run of digits: they begin and end where groups of digits do, and check (Luhn)."""
    from stdnum import luhn

    if text[run.start - 1 : run.start].isalnum() or text[run.end : run.end + 1].isalnum():
        return
    groups = list(_GROUP.finditer(text, run.start, run.end))
    first = 0
    while first < len(groups):
        widths = accumulate(g.end() - g.start() for g in groups[first : first + 19])
        fits = [k for k, width in enumerate(widths) if 12 <= width <= 19]
        taken = first
        for k in reversed(fits):
            digits = "".join(g.group() for g in groups[first : first + k + 1])
            if _CARDS.fullmatch(digits) and luhn.is_valid(digits):
                taken = first + k
                yield Found("card", "CARD", groups[first].start(), groups[taken].end(), digits)
                break
        first = taken + 1


def _ibans(text: str, run: Found) -> Iterator[Found]:
    """The IBAN at the start of a run: the one length that fits its country and checks (mod 97)."""
    from stdnum import iban

    ends = [i for i in range(run.start, run.end) if text[i].isalnum()]
    for last in reversed(ends[14:34]):
        if text[last + 1 : last + 2].isalnum():
            continue
        number = re.sub(r"[ -]", "", text[run.start : last + 1]).upper()
        if iban.is_valid(number, check_country=False):
            yield Found("iban", "IBAN", run.start, last + 1, number)
            return


def _phones(text: str, run: Found, *, look_up: bool) -> Iterator[Found]:
    """Phone numbers in a run of digits, by the numbering plans of libphonenumber."""
    from phonenumbers import PhoneNumberFormat, PhoneNumberMatcher, format_number

    before = text[run.start - 1 : run.start]
    if before.isalnum() or before in {"-", "_", "#", "$", "€", "£"}:
        return
    # A date ends a number as a line end does; the same length keeps the indices.
    piece = _DATE.sub(lambda date: "\n" * len(date.group()), text[run.start : run.end])
    digits = "".join(c for c in piece if c.isdigit())
    spoken = _SPOKEN.search(text[max(0, run.start - 60) : run.start]) is not None
    if len(digits) < 7 or (piece.strip(" ()").isdigit() and not spoken):
        return
    # With its country's code a number is the same in every region.
    regions = REGIONS[:1] if piece.startswith("+") else REGIONS
    for region in regions if look_up else ():
        hits = list(PhoneNumberMatcher(piece, region, max_tries=20))
        for hit in hits:
            number = format_number(hit.number, PhoneNumberFormat.E164)
            yield Found("phone", "PHONE", run.start + hit.start, run.start + hit.end, number)
        if hits:
            return
    abroad = piece.startswith("+") and len(digits) >= 9
    if (spoken or abroad or not look_up) and len(digits) <= 15 and "\n" not in piece:
        yield Found("phone", "PHONE", run.start, run.end, digits)
