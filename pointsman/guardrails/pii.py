"""Personal data by its shape and check digits: e-mail, card, IBAN, phone, ids, addresses."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Literal, get_args

from pointsman.errors import Misconfigured
from pointsman.guardrails import values
from pointsman.guardrails.canonical import Canonical
from pointsman.guardrails.check import PLACES, Action, Place
from pointsman.guardrails.national_ids import COUNTRIES, id_rules, is_id
from pointsman.guardrails.phones import MAX_LOOKED_UP, SHAPE, phones
from pointsman.guardrails.rules import Found, Rule, RuleSet, version_of

PiiType = Literal["email", "card", "iban", "phone", "ssn", "ip", "id", "url", "crypto"]
REGIONS = ("US", "GB")
_TYPES: tuple[PiiType, ...] = ("email", "card", "iban", "phone", "ssn", "ip", "id")

_CARDS = re.compile(
    r"4(?:\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}"  # American Express, Diners
    r"|(?:6011|64[4-9]\d|65\d{2}|62\d{2}|81\d{2})\d{12}|62\d{14,17}"  # Discover, UnionPay
    r"|35\d{14}|(?:2131|1800)\d{11}"  # JCB
    r"|(?:50|5[6-8]|6[0-9])\d{14}"  # Maestro
)
_OLD_CARDS = re.compile(r"4\d{12}|(?:50|5[6-8]|6[0-9])\d{10,17}")
"""Lengths of Visa and Maestro cards that other numbers have as often."""
_PREFIX = re.compile(r"4|5[0-8]|6|3[0-9]|2[1-7]|1800|81")
_CARD_SAID = re.compile(
    r"\b(?:cards?|cc|credit|debit|cvv|cvc|visa|master ?card|amex|american express|maestro|diners"
    r"|discover|jcb|pan|kart[ea]|carte|tarjeta|carta)\b",
    re.IGNORECASE,
)
_ANY = re.compile(r"[1-9]\d{11,18}|0\d{11,15}")
_OTHER_SAID = re.compile(
    r"\b(?:order|invoice|tracking|shipment|parcel|ref|reference|serial|imei|isbn|ean|upc|gtin|sku"
    r"|ticket|case|batch|timestamp|transaction|id|phone|tel|account)\b",
    re.IGNORECASE,
)
_GROUP = re.compile(r"\d+")
_BASE36 = str.maketrans({c: str(int(c, 36)) for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
_FILES = re.compile(r"(?i)\.(?:png|jpe?g|gif|svg|webp|ico|css|[jt]s|json|html|xml|ya?ml|txt|md)")
_AUTHORITY = re.compile(r"\w://[^\s/?#@]*$")
_VERSION = re.compile(
    r"\b(?:v|ver|version|release|build|section|chapter|clause|rev)\.?[ :=]?$", re.IGNORECASE
)
_SSN_SAID = re.compile(r"\b(?:ssn|social security)\b", re.IGNORECASE)


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


def _no_file(value: str) -> bool:
    """`icon@2x.png` is a file."""
    return not _FILES.fullmatch(value, value.rindex("."))


def _bitcoin(value: str) -> bool:
    from stdnum import bitcoin

    return bitcoin.is_valid(value)


_RULES: dict[PiiType, tuple[Rule, ...]] = {
    "email": (
        Rule(
            "email",
            r"[\pL\pN_%+](?:[\pL\pM\pN._%+'-]*[\pL\pM\pN_%+-])?"
            r"@(?:[\pL\pN][\pL\pM\pN-]*\.)+(?:xn--[a-z0-9-]+|\pL[\pL\pM]{1,23})",
            "EMAIL",
            _no_file,
            str.casefold,
        ),
    ),
    "ssn": (
        Rule("ssn", r"\b(\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4})\b", "SSN", _ssn),
        Rule("ssn-bare", r"\b\d{9}\b", "SSN", _ssn, confidence=0.8),
    ),
    "ip": (
        Rule("ip", r"\b(?:\d{1,3}\.){3}\d{1,3}\b", "IP", _public_ip),
        Rule(
            "ip",
            r"(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?",
            "IP",
            _ipv6,
            str.casefold,
        ),
    ),
    "card": (Rule("card", r"\d(?:[ .-]{0,2}\d){11,}", "CARD"),),
    "iban": (Rule("iban", r"(?i)\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,36}", "IBAN"),),
    "phone": (Rule("phone", SHAPE, "PHONE"),),
    "id": (),
    "url": (
        Rule("url", r"(?i)\b(?:https?://|www\.)[^\s<>\"'`{}|\\^]{3,}", "URL", cut=values.cut),
    ),
    "crypto": (
        Rule("crypto", r"\b(?:[13][a-km-zA-HJ-NP-Z1-9]{25,34}|bc1[a-z0-9]{11,71})\b", "CRYPTO",
             _bitcoin),
        Rule("crypto", r"\b0x[0-9a-fA-F]{40}\b", "CRYPTO", key=str.lower),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Pii:
    """Finds personal data that has a shape of its own.

    `types`: e-mail addresses; payment cards (prefix and Luhn); IBANs (length and mod 97); phone
    numbers (the numbering plans, without a `+` those of `regions`, ISO 3166); US social security
    numbers; IP addresses; national ids of `countries` (check digits, see `national_ids`). Off by
    default: web addresses (`url`), Bitcoin and Ethereum addresses (`crypto`).

    **Names, postal addresses, dates of birth and the like are not recognised**: they have no shape.
    A recogniser that is a model can be added as a check of its own, with the extra `presidio`.
    Raises Misconfigured for a type or country that is not known.
    """

    types: tuple[PiiType, ...] = _TYPES
    regions: tuple[str, ...] = REGIONS
    countries: frozenset[str] = COUNTRIES
    action: Action = "redact"
    shadow: bool = False
    places: frozenset[Place] = PLACES
    name: str = "pii"

    def __post_init__(self) -> None:
        known = get_args(PiiType)
        for unknown in (t for t in self.types if t not in known):
            raise Misconfigured(
                f"Pii(types=...): there is no type {unknown!r}.", hint=f"Use {', '.join(known)}."
            )
        for unknown in sorted(self.countries - COUNTRIES):
            raise Misconfigured(
                f"Pii(countries=...): ids of {unknown!r} are not known.",
                hint=f"Use {', '.join(sorted(COUNTRIES))}.",
            )

    @property
    def version(self) -> str:
        """12 hex digits over the rules, the regions and the numbering plans' version."""
        return self._version

    @cached_property
    def _version(self) -> str:
        from importlib.metadata import version

        plans = [version("phonenumberslite")] if "phone" in self.types else []
        return version_of(_rules(self.types, self.countries), *self.regions, *plans)

    def find(self, text: Canonical) -> list[Found]:
        """Every span that is personal data by shape and check digits. Spans may overlap."""
        return _find(text.text, _set(self.types, self.countries), self.regions)


def find_pii(text: str) -> list[Found]:
    """What `Pii()` finds in a canonical text, national ids left out."""
    types = tuple(t for t in _TYPES if t != "id")
    return _find(text, _set(types, COUNTRIES), REGIONS)


@lru_cache(maxsize=64)
def _set(types: tuple[PiiType, ...], countries: frozenset[str]) -> RuleSet:
    return RuleSet(_rules(types, countries))


def _rules(types: tuple[PiiType, ...], countries: frozenset[str]) -> tuple[Rule, ...]:
    ids = id_rules(countries) if "id" in types else []
    return (*(rule for t in types for rule in _RULES[t]), *ids)


def _find(text: str, rules: RuleSet, regions: tuple[str, ...]) -> list[Found]:
    found: list[Found] = []
    numbers: list[Found] = []
    for hit in rules.find(text):
        match hit.rule:
            case "card":
                found.extend(_cards(text, hit))
            case "iban":
                found.extend(_ibans(text, hit))
            case "phone":
                numbers.append(hit)
            case _ if _is_one(text, hit):
                found.append(hit)
            case _:
                pass
    if not numbers:
        return found
    covered = bytearray(len(text))
    for one in found:
        covered[one.start : one.end] = b"\1" * (one.end - one.start)
    for n, hit in enumerate(numbers):
        if not any(covered[hit.start : hit.end]):
            found.extend(phones(text, hit, regions, look_up=n < MAX_LOOKED_UP))
    return found


def _is_one(text: str, hit: Found) -> bool:
    before = text[max(0, hit.start - 60) : hit.start]
    if hit.rule == "email":
        # `//user:password@host` and `git@host:path` are no mail addresses.
        remote = hit.key.startswith("git@") and text.startswith(":", hit.end)
        return not remote and not _AUTHORITY.search(before)
    if not _stands_alone(text, hit):
        return False
    if hit.rule == "ssn-bare":
        return _SSN_SAID.search(before) is not None
    if hit.rule.startswith("id-"):
        return is_id(text, hit)
    return hit.rule != "ip" or not _VERSION.search(before)


def _stands_alone(text: str, hit: Found) -> bool:
    """Not part of a longer number, word or version."""
    if hit.rule in {"url", "crypto"}:
        return True
    before, after = text[hit.start - 1 : hit.start], text[hit.end : hit.end + 2]
    joined = after[:1] in {"-", ".", ":"} and after[1:].isalnum()
    return not (before.isalnum() or before in {"-", ".", ":", "_"} or after[:1].isalnum() or joined)


def _cards(text: str, run: Found) -> Iterator[Found]:
    """Cards in a run of digits: they begin and end where groups of digits do, and check (Luhn)."""
    before = text[run.start - 1 : run.start]
    if before.isalnum() or before in {"+", "_"} or text[run.end : run.end + 1].isalnum():
        return
    said = _CARD_SAID.search(text, max(0, run.start - 60), min(len(text), run.end + 30)) is not None
    shapes = _card_shapes(text, run, said=said)
    groups = [group.span() for group in _GROUP.finditer(text, run.start, run.end)]
    digits = "".join(text[start:end] for start, end in groups)
    at = [0, *accumulate(end - start for start, end in groups)]
    first = 0
    while first < len(groups):
        taken = first
        for k in _card_ends(at, first) if said or _PREFIX.match(digits, at[first]) else ():
            (start, _), (_, end) = groups[first], groups[k]
            fraction = k == first and text[start - 1 : start] == "."
            number = digits[at[first] : at[k + 1]]
            if not fraction and any(s.fullmatch(number) for s in shapes) and _luhn(number):
                taken = k
                yield Found("card", "CARD", start, end, number)
                break
        first = taken + 1


def _card_ends(at: list[int], first: int) -> list[int]:
    """The groups a number of 12 to 19 digits can end with that begins at a group; longest first."""
    near = range(first, min(first + 19, len(at) - 1))
    return [k for k in reversed(near) if 12 <= at[k + 1] - at[first] <= 19]


def _card_shapes(text: str, run: Found, *, said: bool) -> list[re.Pattern[str]]:
    """The shapes that count here: any number where a card is spoken of and nothing else."""
    other = _OTHER_SAID.search(text, max(0, run.start - 60), run.start)
    return [_CARDS, *([] if other and not said else [_OLD_CARDS]), *([_ANY] if said else [])]


def _luhn(digits: str) -> bool:
    from stdnum import luhn

    return luhn.is_valid(digits) and len(set(digits)) > 1


def _ibans(text: str, run: Found) -> Iterator[Found]:
    """The IBAN at the start of a run: the one length that fits its country and checks (mod 97)."""
    from stdnum import iban

    ends = [i for i in range(run.start, run.end) if text[i].isalnum()]
    for last in reversed(ends[14:34]):
        if text[last + 1 : last + 2].isalnum():
            continue
        number = re.sub(r"[ -]", "", text[run.start : last + 1]).upper()
        # The check digits first: they are cheap, and turn away 96 of 97.
        value = int((number[4:] + number[:4]).translate(_BASE36))
        if value % 97 == 1 and iban.is_valid(number, check_country=False):
            yield Found("iban", "IBAN", run.start, last + 1, number)
            return
