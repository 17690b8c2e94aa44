"""Whether a value stands in a text: whole tokens, letter for letter."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from pointsman.guardrails.literal import Needle, Text

TOKENS = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8)
WORDS = st.text(string.ascii_letters + string.digits + " .,:;!?()[]{}\"'\n\t$€", max_size=40)
AROUND = st.sampled_from([" ", "\n", " (", '"', "$", "[", "\u201c", "\u00a0"])
BEHIND = st.sampled_from([" ", "\n", ") ", '"', ". ", ", ", "! ", "? ", "; ", ": ", "%", "...", ""])
GLUE = st.text(string.ascii_letters + string.digits + "-_/@+", min_size=1, max_size=4)


def stands(value: JsonValue, text: str) -> bool:
    """Whether the very value is in the text."""
    return Needle(value).stands_in(Text(text))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (49.9, "pay $49.90 back"),
        (49.9, "49,90 €"),
        (49.9, "(49.9)"),
        (49.9, "US$49.90, please"),
        (1042.5, "1,042.50"),
        (1042.5, "1.042,50"),
        (1042.5, "1'042.50"),
        (1042.5, "1\u2019042.50"),
        (1234567, "1.234.567"),
        (1234567, "12,34,567"),
        (1042, "1,042"),
        (1.042, "1.042"),
        (0.5, ".5"),
        (0.234, "0,234"),
        (-5, "-5"),
        (-5, "\u22125"),
        (5, "+5"),
        (5, "5%"),
        (5, "no. 5."),
        (5, "#5"),
        (5, '{"usd":5,"to":"x"}'),
        (5.0, "5"),
        (0, "0.00"),
        (1e22, "10000000000000000000000"),
        (50, "\u06f5\u06f0"),
        (50, "\uff15\uff10"),
        ("49.90", "49.9"),
        ("5", "5.00"),
        ("INV-1", "is inv-1."),
        ("INV-1", "is (INV-1), paid"),
        ("INV-1", "INV\u20111"),
        ("INV-10", "INV-\u200b10"),
        ("Anna  Berg", "for anna\nberg!"),
        ("Müller", "Mu\u0308ller"),
        ("O'Brien", "for O\u2019Brien"),
        ("a@x.org", "to <a@x.org>"),
        ("a@x.org", "to a@x.org."),
        ("https://x.org/a?b=1", "see https://x.org/a?b=1, now"),
        ("Acme Inc.", "from Acme Inc. now"),
        ("#42", "order #42"),
        ("C++", "in C++."),
        ("東京", "「東京」"),
    ],
)
def test_what_stands_in_a_text(value: JsonValue, text: str) -> None:
    """Numbers however they are written, words without case, in any punctuation."""
    assert stands(value, text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "INV-1005"),
        (5, "15 or 51"),
        (5, "5.50"),
        (5, "5,50"),
        (5, "5k"),
        (5, "5USD"),
        (5, "INV-5"),
        (5, "-5"),
        (-5, "5"),
        (5, "3-5"),
        (5, "2026-05-05"),
        (5, "5:30"),
        (5, "https://x.org/?usd=5"),
        (1042, "1.042"),
        (1234, "0,1234"),
        (49, "0049"),
        (1, "1.2.3"),
        (0, "-"),
        (0, ""),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ("0049", "49"),
        ("+49", "49"),
        ("1.50", "1.5.0"),
        ("INV-1", "INV-10"),
        ("INV-1", "AINV-1"),
        ("INV-1", "INV-1-2"),
        ("INV-1", "INV-1--2"),
        ("INV-1", "INV-1.5"),
        ("x.org", "a@x.org"),
        ("x.org", "https://x.org/"),
        ("a@x.org", "a@x.org.evil.com"),
        ("https://x.org", "https://x.org/a"),
        ("https://x.org", "https://x.org@evil.com"),
        ("/etc/passwd", "~/etc/passwd"),
        (".env", "..env"),
        ("C", "C++"),
        ("Brien", "O'Brien"),
        ("", "anything"),
        ("  ", "a  b"),
        ("!", "so!"),
        (True, "true True 1"),
        (False, "false 0"),
        (None, "null None"),
        ([], "[]"),
        ({}, "{}"),
        ("क", "कि"),
        ("p\u0430ypal", "paypal"),
        ("paypal", "p\u0430ypal"),
        ("Muller", "Müller"),
        ("x2", "x\u00b2"),
        ("INV-10", "INV-1 0"),
        ("INV-1\u200b0", "INV-10"),
        ("INV-1\u200b0", "INV-1\u200b0"),
        ("evil", "\U000e0065\U000e0076\U000e0069\U000e006c"),
        ("a\x00b", "ab"),
        ("a", "\x00a\x00b"),
    ],
)
def test_what_does_not(value: JsonValue, text: str) -> None:
    """Parts of a longer token, other letters that look alike, what nobody sees, and nothing."""
    assert not stands(value, text)


@given(TOKENS, WORDS, AROUND, BEHIND, WORDS)
def test_a_value_put_in_as_a_token_is_found(
    value: str, before: str, around: str, behind: str, after: str
) -> None:
    """Whatever stands before and after it."""
    tail = f" {after}" if after else ""
    assert stands(value, f"{before}{around}{value}{behind}{tail}")
    assert stands(value.swapcase(), f"{before}{around}{value}{behind}{tail}")


@given(TOKENS, GLUE, GLUE, st.booleans(), st.booleans())
def test_a_value_inside_a_longer_token_is_never_found(
    value: str, head: str, tail: str, front: bool, back: bool
) -> None:
    """At its front, its end or in the middle, whatever it is glued to."""
    front = front or not back
    longer = (head if front else "") + value + (tail if back else "")
    # A sign makes another token of a number, and no other number of it.
    if value.casefold() in longer.casefold().replace(value.casefold(), "", 1):
        return
    assert not stands(value, f"see {longer}, please")


@given(st.integers(-(10**12), 10**12))
def test_a_whole_number_is_found_however_it_is_grouped(number: int) -> None:
    """Plain, with commas, with apostrophes, with decimals."""
    for written in (f"{number}", f"{number:,}", f"{number:,}".replace(",", "'"), f"{number:,}.00"):
        assert stands(number, f"about {written} USD.")
        assert stands(float(number), f"about {written} USD.")


@given(st.decimals(-(10**9), 10**9, places=2))
def test_an_amount_is_found_in_both_ways_to_write_it(amount: object) -> None:
    """1,042.50 and 1.042,50 are one amount."""
    english = f"{amount:,}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert stands(float(str(amount)), f"€{english}")
    assert stands(float(str(amount)), f"{german} €")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_found_as_json_writes_it(number: float) -> None:
    """Unless that has an exponent, which no person writes."""
    if "e" not in repr(number):
        assert stands(number, f'{{"usd": {number!r}}}')


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_another_number_is_never_found(one: int, other: int) -> None:
    """Only an equal one is."""
    assert stands(one, f"pay {other:,} USD") == (one == other)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("paypal.com", "p\u0430yp\u0430l.com"),
        ("p\u0430ypal.com", "paypal.com"),
        ("DE12\u200b3", "DE123"),
        ("evil", "\U000e0065\U000e0076\U000e0069\U000e006c"),
        ("Muller", "Müller"),
        ("INV-1", "inv-1"),
        (5, "\u2164 5"),
    ],
)
def test_what_resembles_is_wider(value: JsonValue, text: str) -> None:
    """Letters that look alike are one, and what is hidden counts."""
    assert Needle(value).resembles(Text(text))


@pytest.mark.parametrize(
    ("value", "text"), [("INV-1", "INV-10"), (5, "15"), ("", "x"), (True, "1")]
)
def test_what_resembles_is_whole_too(value: JsonValue, text: str) -> None:
    """Parts of longer tokens resemble nothing."""
    assert not Needle(value).resembles(Text(text))


@given(st.text(max_size=30), st.text(max_size=60))
def test_any_text_can_be_looked_for_in_any_text(value: str, text: str) -> None:
    """Nothing raises, and a text with a word in it stands in itself unless part of it is hidden."""
    stands(value, text)
    if any(c.isalnum() for c in value) and Needle(value).stands_in(Text(f" {value} ")):
        assert Needle(value).resembles(Text(f"<{value}>"))


@pytest.mark.parametrize(
    "piece",
    ["word INV-1 5,000.5 ", "é wörd ", ".", "a.", "!", "a!", "a!.", ". ", "\x00", "1", "1.1",
     ",111", "1,", ".111", "1'", "-", "(", "\u200b"],
)  # fmt: skip
def test_a_long_text_is_read_in_linear_time(piece: str) -> None:
    """Half a million characters of every awkward kind: going over them again for each of them would
    not end before the test's time-out."""
    text = Text("x" + piece * (500_000 // len(piece)) + "y")
    assert not Needle("value 49").resembles(text)
    assert not Needle(piece * 20_000 + "z").resembles(text)
