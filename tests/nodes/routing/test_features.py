"""What the classifier reads of a text."""

import math
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.nodes.routing.features import LONGEST, grams, weighed, words


def test_a_text_becomes_words_pairs_and_runs() -> None:
    """Each kind of feature is there, counted, under its own letter."""
    found = grams("Pay, PAY now")
    assert found["w:pay"] == 2
    assert found["p:pay pay"] == found["p:< pay"] == found["p:now >"] == 1
    assert found["c:<pay"] == 2
    assert not [name for name in found if name.startswith("c:") and " " in name]


def test_case_width_and_the_typographic_apostrophe_do_not_count() -> None:
    """Forms that a reader takes for the same text give the same features."""
    assert grams("I CAN\u2019T pay") == grams("i can't \uff50\uff41\uff59")


@given(st.text(max_size=300))
def test_every_text_has_features_of_known_kinds(text: str) -> None:
    """Any text is read without an error, and a word is never empty."""
    assert {name[:2] for name in grams(text)} <= {"w:", "p:", "c:"}
    assert all(words(text))


@settings(max_examples=20)
@given(st.text(max_size=200), st.text(max_size=200))
def test_what_stands_past_the_end_is_not_read(text: str, more: str) -> None:
    """A long text gives the features of its first part."""
    long = text.ljust(LONGEST, "x")
    assert grams(long) == grams(long + more)


@given(
    st.dictionaries(st.sampled_from(["w:a", "p:a b", "c:ab", "c:abc", "w:z"]), st.integers(1, 9))
)
def test_words_and_runs_have_length_one_each(counts: dict[str, int]) -> None:
    """Each kind that has a known feature is a unit vector; unknown features are left out."""
    idf = {"w:a": 1.5, "p:a b": 2.0, "c:ab": 1.0, "c:abc": 3.0}
    found = weighed(Counter(counts), idf)
    assert found.keys() == counts.keys() & idf.keys()
    for kind in ({"c"}, {"w", "p"}):
        squares = [value * value for name, value in found.items() if name[0] in kind]
        assert not squares or math.isclose(sum(squares), 1, abs_tol=1e-12)
