"""Text made safe to show."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from pointsman.views.visible import one_line, visible


@given(st.text())
def test_nothing_invisible_is_left(text: str) -> None:
    """No control, format or surrogate character reaches the terminal, but newline, tab, joiners."""
    for char in visible(text):
        assert char in "\n\t\u200c\u200d" or unicodedata.category(char) not in ("Cc", "Cf", "Cs")


@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "S"))))
def test_ordinary_text_is_unchanged(text: str) -> None:
    """Letters, figures, punctuation and symbols of any script stay as they are."""
    assert visible(text) == text


def test_escapes_are_written_out() -> None:
    """An escape sequence and a text that turns the reading direction are shown, not obeyed."""
    assert visible("\x1b[31mred\u202e") == "\\u001b[31mred\\u202e"


@given(st.text(), st.integers(min_value=2, max_value=40))
def test_one_line_is_one_short_line(text: str, width: int) -> None:
    """A cut text has no newline and no more than its width."""
    line = one_line(text, width)
    assert len(line) <= width
    assert "\n" not in line
