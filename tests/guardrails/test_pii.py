"""Personal data: found by shape and check digits; ids, dates and amounts are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.guardrails.pii import find_pii


def hits(text: str) -> list[tuple[str, str]]:
    """(rule, what was found)."""
    return [(f.rule, text[f.start : f.end]) for f in find_pii(text)]


@pytest.mark.parametrize(
    ("text", "rule", "value"),
    [
        ("write to ana.b+x@mail.example.org.", "email", "ana.b+x@mail.example.org"),
        ("<josé@correo.example>", "email", "josé@correo.example"),
        ("card 4111 1111 1111 1111 12/25 123", "card", "4111 1111 1111 1111"),
        ("card 4111-1111-1111-1111", "card", "4111-1111-1111-1111"),
        ("amex 378282246310005", "card", "378282246310005"),
        ("IBAN GB82 WEST 1234 5698 7654 32 and more", "iban", "GB82 WEST 1234 5698 7654 32"),
        ("to de89370400440532013000", "iban", "de89370400440532013000"),
        ("call (415) 555-2671 now", "phone", "(415) 555-2671"),
        ("+44 20 7946 0958", "phone", "+44 20 7946 0958"),
        ("my phone number is 4155552671", "phone", "4155552671"),
        ("ssn 536-90-4399", "ssn", "536-90-4399"),
        ("from 203.0.113.7, I think", "ip", "203.0.113.7"),
        ("from 2001:db8::8a2e:370:7334", "ip", "2001:db8::8a2e:370:7334"),
    ],
)
def test_personal_data_is_found_as_a_whole(text: str, rule: str, value: str) -> None:
    """Exactly the value, by the rule of its kind."""
    assert hits(text) == [(rule, value)]


@pytest.mark.parametrize(
    "text",
    [
        "INV-1042, PX-2231, SO-3046 and DV-7004",
        "INV-10424155552671 and PX-4155552671",
        "2024-03-05, 05/03/2024, 5.3.2024 and 2024-03-05 10:30:00",
        "2024-03-05 2024-03-06 2024-03-07",
        "from 2024-03-05 to 2024-04-01 at 10:30:15",
        "$1,042.50, 1.042,50 EUR, 12 000 000 USD and 99.95",
        "order 4155552671 of 12 boxes",
        "card 4111 1111 1111 1112",
        "IBAN GB82 WEST 1234 5698 7654 33",
        "GB82WEST12345698765432X is no IBAN",
        "000-12-3456",
        "version 1.2.3 and 300.1.2.3, at 127.0.0.1 or 0.0.0.0",
        "std::vector, 10:30:15 and a::b",
        "[EMAIL_1] [CARD_1] [PHONE_12]",
        "serial 1234567890123456",
    ],
)
def test_ids_dates_and_amounts_are_no_personal_data(text: str) -> None:
    """What support messages are full of passes."""
    assert hits(text) == []


def test_one_value_has_one_key_however_it_is_written() -> None:
    """Spaces, dashes and case do not make another card, IBAN, e-mail or phone number."""
    for one, other in (
        ("4111 1111 1111 1111", "4111111111111111"),
        ("GB82 WEST 1234 5698 7654 32", "gb82west12345698765432"),
        ("Ana@Example.org", "ana@example.org"),
        ("+1 415 555 2671", "(415) 555-2671"),
    ):
        assert [f.key for f in find_pii(one)] == [f.key for f in find_pii(other)] != []


@given(st.text("0123456789 -.()+/:@abAB", max_size=80))
def test_every_span_lies_inside_the_text(text: str) -> None:
    """Soups of digits and signs never raise, and spans are never empty or outside."""
    for found in find_pii(text):
        assert 0 <= found.start < found.end <= len(text)


@given(st.integers(1, 12), st.integers(1, 28), st.integers(1990, 2039))
def test_no_date_is_personal_data(month: int, day: int, year: int) -> None:
    """No date in the usual spellings is taken for a number of anything."""
    iso, us = f"{year}-{month:02}-{day:02}", f"{month}/{day}/{year}"
    assert hits(f"{iso} {us} {day:02}.{month:02}.{year} {year}/{month}/{day}") == []


def test_very_many_numbers_are_found_all_the_same() -> None:
    """Past the numbers that are looked up, the shape alone decides: none is left out."""
    numbers = [f"+44 20 7946 {n:04}" for n in range(300)]
    assert [value for _, value in hits(", ".join(numbers))] == numbers
