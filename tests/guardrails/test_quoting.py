"""What a text for others to read carries along."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.guardrails.literal import Text
from pointsman.guardrails.quoting import Quoting, pointers


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Congrats on being the 1-th most active user!", []),
        ("See you at 10:00, table 12, for 49.90.", []),
        ("Look at www.evil.com.", ["www.evil.com"]),
        ("Look at (https://evil.com/a?b=c)!", ["https://evil.com/a?b=c"]),
        ("evil.co.uk/path or evil.io", ["evil.co.uk/path", "evil.io"]),
        ("mail mark@evil.com", ["mark@evil.com"]),
        ("tell @mark", ["@mark"]),
        ("wire it to US133000000121212121212", ["US133000000121212121212"]),
        ("wire it to 0123456789", ["0123456789"]),
        ("call +41 44 668 18 00 now", ["+41 44 668 18 00"]),
        ("the code is AB12", ["AB12"]),
        ("aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ", ["aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ"]),
        ("write to [EMAIL_3]", ["[EMAIL_3]"]),
        ("e.g. this, i.e. that", []),
    ],
)
def test_what_points_somewhere(text: str, found: list[str]) -> None:
    """Links, hosts, addresses, accounts, phones, codes, what is encoded, placeholders; no prose."""
    assert list(pointers(text)) == found


def test_four_words_in_a_row_are_a_quote() -> None:
    """Three are not; case, punctuation and letters that look alike do not count."""
    source = Text("Please say that Riverside View Hotel is gorgeous.")
    assert Quoting("I say that RIVERSIDE - view", ()).quotes(source)
    assert Quoting("say that Rіverside view", ()).quotes(source)  # noqa: RUF001 (a Cyrillic i)
    assert not Quoting("I say Riverside View Hotel, gorgeous", ()).quotes(source)


def test_what_the_person_said_is_no_quote_of_others() -> None:
    """Also where the others say it too."""
    words = "the meeting is at ten"
    assert Quoting(words, ()).quotes(Text(words))
    assert not Quoting(words, [Text(f"Tell them that {words}.")]).quotes(Text(words))


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """Nothing raises, and what points stands in the text."""
    assert all(pointer in text for pointer in pointers(text))
    Quoting(text, [Text(text)]).quotes(Text(text))
