"""Texts as numbers: total, bounded, and arithmetic that is read and never run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.nodes.gateway.traits import (
    BUCKETS,
    LONGEST,
    _arithmetic,
    answer_traits,
    character_grams,
    prompt_traits,
    word_grams,
)


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_has_its_traits(prompt: str, answer: str) -> None:
    """As many numbers for every text, all of them finite."""
    asked, said = prompt_traits(prompt), answer_traits(prompt, answer)
    assert len(asked) == len(prompt_traits(""))
    assert len(said) == len(answer_traits("", ""))
    assert all(abs(value) < 1e6 for value in (*asked, *said))
    grams = {**word_grams(prompt), **character_grams(answer)}
    assert all(0 <= bucket < BUCKETS for bucket in grams)


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        ("3 + 4 = 7", 1, 0),
        ("3 + 4 = 8", 0, 1),
        ("$1,200 x 2 = $2,400 and 10/4 = 2.5", 2, 0),
        ("2 * (3 + 4) = 14, so 14 - 1 = 12", 1, 1),
        ("<<9*2=18>>", 1, 0),
        ("x = 5", 0, 0),
        ("9**9**9**9 = 1", 0, 0),
        ("1/0 = 3", 0, 0),
        ("__import__('os') = 1", 0, 0),
    ],
)
def test_arithmetic_is_checked(text: str, right: int, wrong: int) -> None:
    """Plain sums only; what is no sum counts neither way and is never run."""
    assert _arithmetic(text) == (right, wrong)


def test_only_so_much_of_a_text_is_read() -> None:
    """What lies beyond is not looked at, so that work is bounded."""
    text = "7 + " * (LONGEST // 4) + "1 = 3 " * 10
    assert len(word_grams("ab " * LONGEST)) == len(word_grams("ab " * (LONGEST // 3)))
    assert _arithmetic(text[:LONGEST]) == (0, 0)
