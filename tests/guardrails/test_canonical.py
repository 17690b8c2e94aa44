"""Canonical text: every spelling of a value reads alike, and each character can be traced back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.guardrails.canonical import canonical

ANY = st.text(st.characters(exclude_categories=()), max_size=60)
TAGGED = "".join(chr(0xE0000 + ord(c)) for c in "AKIA")


@pytest.mark.parametrize(
    ("spelled", "reads"),
    [
        ("plain, with\ttabs\r\n", "plain, with\ttabs\r\n"),
        (TAGGED, "AKIA"),
        ("a\u200bd\u2060m\ufeffi\u00adn", "admin"),
        ("\uff21\uff22\uff11\uff12\uff20", "AB12@"),
        ("p\u0430ssw\u043erd", "password"),
        ("\u0391\u039a\u0399\u0391", "AKIA"),
        ("e\u0301\u0336cole", "ecole"),
        ("\u00e9cole", "ecole"),
        ("\u0664\u0661\u0661\u0661", "4111"),
        ("1\u20114\u22122", "1-4-2"),
        ("a\udc80b", "a\ufffdb"),
        ("a\x00b\x7fc", "abc"),
        ("\u202eabc\u3164", "abc"),
        ("", ""),
    ],
)
def test_smuggled_spellings_read_as_what_they_stand_for(spelled: str, reads: str) -> None:
    """Tags, invisible and full-width characters, marks, look-alikes and digits become plain."""
    assert canonical(spelled).text == reads


def test_a_span_leads_back_to_the_original_with_what_hides_behind_it() -> None:
    """The original's span covers the invisible characters within and behind the value."""
    text = "to \uff41\u200b\u0301b\u200b, ok"
    plain = canonical(text)
    at = plain.text.index("ab")
    start, end = plain.span(at, at + 2)
    assert text[:start] == "to "
    assert text[end:] == ", ok"


@given(ANY)
def test_any_text_has_a_canonical_form(text: str) -> None:
    """Lone surrogates, controls, unassigned code points: it never raises, and is encodable."""
    plain = canonical(text)
    plain.text.encode()
    assert canonical(plain.text).text == plain.text


@given(ANY)
def test_spans_are_monotonic_and_inside_the_original(text: str) -> None:
    """Each character has a place; places never go back; neighbours share no part of two."""
    plain = canonical(text)
    assert len(plain.origin) == len(plain.text) + 1
    assert list(plain.origin) == sorted(plain.origin)
    assert plain.origin[-1] == len(text)
    for at in range(len(plain.text)):
        start, end = plain.span(at, at + 1)
        assert 0 <= start < end <= len(text)


@given(ANY)
def test_the_form_grows_linearly(text: str) -> None:
    """No character becomes more than 18 (the longest NFKD expansion of Unicode)."""
    assert len(canonical(text).text) <= 18 * len(text)
