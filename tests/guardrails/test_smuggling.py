"""What is found in a plain text is found in it in disguise, and taken out with the disguise."""

import base64
from collections.abc import Callable

import pytest

from pointsman.guardrails.canonical import canonical
from pointsman.guardrails.check import Check, look
from pointsman.guardrails.pii import Pii
from pointsman.guardrails.secrets import Secrets

_A = "A1b2C3d4E5f6G7h8J9k0L1m2N3p4Q5r6S7t8U9v0"
# Put together at run time, so that no scanner takes this file for a leak.
PLAIN = (
    "my password is hunter22, please keep it",
    "DB_PASSWORD=Xy7-kk2q",
    '{"api_key": "k3y-f0r-you"}',
    "postgres://shop:s3cr3tpw@db.example.com/shop",
    "here: AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + _A[:36],
    "sk_live_" + _A[:24],
    "token: " + _A,
    "Authorization: Bearer " + _A,
    "-----BEGIN PRIVATE KEY-----\nMIIEvQ" + _A + "\n-----END PRIVATE KEY-----",
    "write to ana.b+x@mail.example.org soon",
    "card 4111 1111 1111 1111 12/25",
    "IBAN GB82 WEST 1234 5698 7654 32",
    "to de89370400440532013000",
    "call (415) 555-2671 now",
    "ssn 536-90-4399",
    "from 203.0.113.7, I think",
    "codice fiscale RSSMRA85T10A562S",
)
_CYRILLIC = str.maketrans(
    "aeopcxyijsABEKMHOPCTXS",
    "\u0430\u0435\u043e\u0440\u0441\u0445\u0443\u0456\u0458\u0455"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0405",
)
_CHEROKEE = str.maketrans(
    "ABCDEGHKLMPRSTVWZ",
    "\u13aa\u13f4\u13df\u13a0\u13ac\u13c0\u13bb\u13e6\u13de\u13b7\u13e2\u13a1\u13da\u13a2\u13d9\u13d4"
    "\u13c3",
)


def _shifted(by: int) -> Callable[[str], str]:
    return lambda text: "".join(chr(ord(c) + by) if "!" <= c <= "~" else c for c in text)


def _bold(text: str) -> str:
    return "".join(
        chr(ord(c) - ord("A") + 0x1D5D4) if "A" <= c <= "Z"
        else chr(ord(c) - ord("a") + 0x1D5EE) if "a" <= c <= "z"
        else chr(ord(c) - ord("0") + 0x1D7EC) if "0" <= c <= "9"
        else c
        for c in text
    )  # fmt: skip


WAYS: dict[str, Callable[[str], str]] = {
    "zero-width": "\u200b".join,
    "word-joiner": "\u2060".join,
    "soft-hyphen": "\u00ad".join,
    "cyrillic": lambda t: t.translate(_CYRILLIC),
    "cherokee": lambda t: t.translate(_CHEROKEE),
    "full-width": _shifted(0xFEE0),
    "tags": _shifted(0xE0000),
    "bold": _bold,
    "struck": lambda t: "".join(f"{c}\u0336" if c.isalnum() else c for c in t),
    "selectors": "\ufe0f".join,
    "base64": lambda t: base64.b64encode(t.encode()).decode(),
    "base64url": lambda t: base64.urlsafe_b64encode(t.encode()).decode().rstrip("="),
    "base64-twice": lambda t: base64.b64encode(base64.b64encode(t.encode())).decode(),
    "base64-hidden": lambda t: "\u200b".join(base64.b64encode(t.encode()).decode()),
    "full-width-in-base64": lambda t: base64.b64encode(_shifted(0xFEE0)(t).encode()).decode(),
    "hex": lambda t: t.encode().hex(),
    "percent": lambda t: "".join(f"%{b:02X}" for b in t.encode()),
    "entities": lambda t: "".join(f"&#{ord(c)};" for c in t),
    "escapes": lambda t: "".join(f"\\u{ord(c):04x}" for c in t),
}


def redacted(check: Check, text: str) -> str:
    """The text without what was found; what overlaps counts as one."""
    plain = canonical(text)
    out, at = "", 0
    for start, end in sorted(plain.span(f.start, f.end) for f in look(check, plain)):
        out += text[at:start] + ("*" if start >= at else "")
        at = max(at, end)
    return out + text[at:]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("check", [Secrets(), Pii()], ids=["secrets", "pii"])
def test_the_same_rules_find_a_text_in_disguise(check: Check, way: str) -> None:
    """For every plain text and every way to smuggle it, no rule is lost."""
    for plain in PLAIN:
        rules = {f.rule for f in look(check, canonical(f"so {plain} ok"))}
        disguised = {f.rule for f in look(check, canonical(f"so {WAYS[way](plain)} ok"))}
        assert rules <= disguised, plain


def test_every_plain_text_is_found_by_a_rule() -> None:
    """The list above tests something: each of its texts has a finding."""
    for plain in PLAIN:
        assert look(Secrets(), canonical(plain)) or look(Pii(), canonical(plain)), plain


@pytest.mark.parametrize("way", WAYS)
def test_redaction_takes_a_smuggled_value_out_whole(way: str) -> None:
    """What is left is what is left of the plain text, nothing of the disguise with it."""
    value = "ana.b+x@mail.example.org"
    assert redacted(Pii(), f"to {value}, thanks") == "to *, thanks"
    assert redacted(Pii(), f"to {WAYS[way](value)}, thanks") == "to *, thanks"
