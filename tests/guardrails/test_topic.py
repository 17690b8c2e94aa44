"""Topics by their words: forbidden ones are found, and a text about none of the allowed ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Misconfigured
from pointsman.guardrails.canonical import canonical
from pointsman.guardrails.topic import Topics

TOPICS = Topics(
    forbidden={"legal": ("lawsuit*", "sue", "my lawyer"), "medical": ("diagnos*", "dose of")},
    allowed={"billing": ("invoice*", "refund*", "charge*"), "orders": ("order*", "parcel")},
)


def rules(check: Topics, text: str) -> list[str]:
    """The rules that found something."""
    return [one.rule for one in check.find(canonical(text))]


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("Can I sue you over this invoice?", ["topic-legal"]),
        ("My  Lawyer prepares LAWSUITS about my order", ["topic-legal", "topic-legal"]),
        ("Which dose of it, and when is my order due?", ["topic-medical"]),
        ("Where is the refund for my parcel?", []),
        ("I pursue the issue of my charges", []),
        ("Hello there, thanks!", []),
        ("Tell me how tall the highest mountain is", ["topic-other"]),
    ],
)
def test_topics_are_found_by_their_words(text: str, hits: list[str]) -> None:
    """Words of a forbidden topic are found; a longer text with no allowed word is another topic."""
    assert rules(TOPICS, text) == hits


def test_more_words_make_it_surer() -> None:
    """The confidence grows with the different phrases of a topic that are found."""
    one = TOPICS.find(canonical("I may sue, sue and sue about the order"))
    two = TOPICS.find(canonical("I may sue: my lawyer knows the order"))
    assert {f.confidence for f in one} == {0.5}
    assert {f.confidence for f in two} == {0.75}


def test_a_topic_may_ask_for_several_words() -> None:
    """With least=2 one word is not enough, nor is the same word twice."""
    strict = Topics(forbidden={"legal": ("sue", "lawyer")}, least=2)
    assert rules(strict, "I sue, I sue") == []
    assert rules(strict, "I sue by a lawyer") == ["topic-legal"] * 2


def test_one_phrase_may_belong_to_two_topics() -> None:
    """Both are found, whatever case each was written in."""
    both = Topics(forbidden={"a": ("Claim",), "b": ("claim",), "c": ("claim*",)})
    assert sorted(rules(both, "my claim")) == ["topic-a", "topic-b", "topic-c"]


@pytest.mark.parametrize(
    "topics",
    [
        {},
        {"forbidden": {"legal": ()}},
        {"forbidden": {"legal": ("",)}},
        {"forbidden": {"legal": "sue"}},
        {"allowed": {"legal": ("*",)}},
        {"allowed": {"legal": ("sue",)}, "least": 0},
    ],
)
def test_topics_without_words_are_refused(topics: dict[str, object]) -> None:
    """A topic that nothing can be found of is a mistake."""
    with pytest.raises(Misconfigured):
        Topics(**topics)  # pyright: ignore[reportArgumentType]


def test_equal_topics_are_equal() -> None:
    """Equal topics have one hash and one version; another phrase changes the version."""
    again = Topics(forbidden=dict(TOPICS.forbidden), allowed=dict(TOPICS.allowed))
    assert (again, hash(again), again.version) == (TOPICS, hash(TOPICS), TOPICS.version)
    assert Topics(forbidden={"legal": ("sue",)}).version != TOPICS.version


@given(st.text(alphabet="sue lawyr\nordİ.-", max_size=60))
def test_any_text_is_read(text: str) -> None:
    """No text raises, and every span holds text."""
    plain = canonical(text)
    for one in TOPICS.find(plain):
        assert 0 <= one.start < one.end <= len(plain.text)
