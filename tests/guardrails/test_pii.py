"""Personal data: found by shape and check digits; ids, dates and amounts are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Misconfigured
from pointsman.guardrails.canonical import canonical
from pointsman.guardrails.check import look
from pointsman.guardrails.pii import Pii, PiiType, find_pii


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


@pytest.mark.parametrize(
    ("text", "rule", "value"),
    [
        ("paid with cc 4047737215142 today", "card", "4047737215142"),
        ("'ana@shop.example'", "email", "ana@shop.example"),
        ("mail me: ana@xn--bcher-kva.xn--p1ai", "email", "ana@xn--bcher-kva.xn--p1ai"),
        ("social security no. 536904399", "ssn-bare", "536904399"),
        ("Phone:\n60-56-85-91\n", "phone", "60-56-85-91"),
        ("930.167.3943 fax", "phone", "930.167.3943"),
        ("DNI 12345678Z", "id-es", "12345678Z"),
        ("X-1234567-L is the NIE", "id-es2", "X-1234567-L"),
        ("codice fiscale RSSMRA85T10A562S", "id-it", "RSSMRA85T10A562S"),
        ("CPF 529.982.247-25", "id-br", "529.982.247-25"),
        ("AHV 756.9217.0769.85", "id-ch", "756.9217.0769.85"),
        ("NHS number: 943 476 5919", "id-gb", "943 476 5919"),
        ("his Aadhaar 2341 2341 2346", "id-in", "2341 2341 2346"),
        ("pesel 44051401359", "id-pl", "44051401359"),
        ("HETU 131052-308T", "id-fi", "131052-308T"),
        ("personnummer 880320-0016", "id-se", "880320-0016"),
    ],
)
def test_numbers_that_need_a_word_or_a_check_digit(text: str, rule: str, value: str) -> None:
    """Found with its check digits, and where the shape is common, with its name before it."""
    found = Pii().find(canonical(text))
    assert (rule, value) in [(f.rule, text[f.start : f.end]) for f in found]


@pytest.mark.parametrize(
    "text",
    [
        "order 4047737215142, tracking 503802053770",
        "a float 0.4111111111111111 and 4.4111111111111111",
        "+4111111111111111",
        "zeros 0000000000000000",
        "icon@2x.png and logo@3x.jpeg",
        "git@code.example.com:shop/shop.git",
        "postgres://shop:s3cr3t@db.example.com/shop",
        "version 1.2.3.4 and v10.20.30.40",
        "number 536904399",
        "DNI 12345678A",
        "9434765919 pieces",
        "44051401359",
        "CPF 529.982.247-24",
    ],
)
def test_look_alikes_are_no_personal_data(text: str) -> None:
    """Fractions, files, remotes, versions, and numbers without their check digits or their name."""
    assert Pii().find(canonical(text)) == []


@pytest.mark.parametrize(
    ("types", "text", "value"),
    [
        (("url",), "see https://shop.example/a?b=c).", "https://shop.example/a?b=c"),
        (
            ("crypto",),
            "to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        ),
        (("crypto",), "to 0x" + "52908400098527886e0f7030069857d2e4169ee7", None),
        (("email",), "ana@shop.example or 4111 1111 1111 1111", "ana@shop.example"),
    ],
)
def test_only_the_types_that_were_asked_for_are_found(
    types: tuple[PiiType, ...], text: str, value: str | None
) -> None:
    """Web and crypto addresses only when they are; the default leaves them."""
    found = Pii(types=types).find(canonical(text))
    assert [text[f.start : f.end] for f in found] == [value or text[3:]]
    assert "url" not in {f.rule for f in Pii().find(canonical(text))}


def test_countries_and_regions_can_be_chosen() -> None:
    """Ids of other countries are not looked for; a region's national numbers are."""
    spain, none = Pii(countries=frozenset({"ES"})), Pii(countries=frozenset())
    text = canonical("CPF 529.982.247-25, DNI 12345678Z")
    assert [f.rule for f in spain.find(text)] == ["id-es"]
    assert none.find(text) == []
    german = canonical("(030) 901820")
    assert [f.rule for f in Pii(regions=("DE",)).find(german)] == ["phone"]
    assert len({spain.version, none.version, Pii().version, Pii(regions=("DE",)).version}) == 4


def test_what_is_not_known_is_refused() -> None:
    """A type or country that does not exist is a mistake, not a guard that finds nothing."""
    with pytest.raises(Misconfigured, match="no type 'name'"):
        Pii(types=("name",))  # pyright: ignore[reportArgumentType]
    with pytest.raises(Misconfigured, match="'XX'"):
        Pii(countries=frozenset({"XX"}))


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_every_span_lies_inside_any_text(text: str) -> None:
    """No text raises, lone surrogates included; spans lead back into the original."""
    text = f"card {text} iban {text}"
    plain = canonical(text)
    for found in look(Pii(types=(*Pii().types, "url", "crypto")), plain):
        start, end = plain.span(found.start, found.end)
        assert 0 <= start < end <= len(text)
