"""The hold-back: what streams is filtered as the whole text would be, however it is cut."""

from dataclasses import replace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Misconfigured
from pointsman.guardrails.check import Action
from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.holdback import Holdback
from pointsman.guardrails.reading import Reading
from pointsman.nodes.message import Answer
from pointsman.nodes.vault import Numbers
from tests.guardrails.test_content import KEY, MAIL, SMUGGLED, VALUE, WORDS, Finds

CHECKS = ContentFilter().all_checks
FILLER = st.sampled_from(["\n", " word", " and so on,", " x" * 300, "lorem ipsum dolor " * 40])


def whole(text: str) -> str:
    """The text as the filter leaves it in one piece."""
    reading, numbers = Reading(CHECKS).read(Answer(text=text)), Numbers()
    for one in reading.hidden:
        numbers.number(one.label, one.key)
    return cast("Answer", reading.redacted(Answer(text=text), numbers.given)).text


def streamed(text: str, cuts: list[int], holdback: Holdback) -> str:
    """What leaves when the text comes in pieces of these lengths, over and over."""
    out, at, n = "", 0, 0
    while at < len(text):
        size = cuts[n % len(cuts)] if cuts else len(text)
        out += holdback.feed(text[at : at + size])
        at, n = at + size, n + 1
    return out + holdback.finish()


TEXTS = st.lists(st.tuples(WORDS | FILLER, VALUE, st.booleans()), max_size=6).map(
    lambda parts: "".join(
        f"{words}\n{value.translate(SMUGGLED) if smuggled else value}\n"
        for words, value, smuggled in parts
    )
)
CUTS = st.lists(st.integers(1, 700), max_size=8)


@given(TEXTS, CUTS)
def test_a_stream_is_redacted_as_the_whole_text_is(text: str, cuts: list[int]) -> None:
    """With the default checks, whose findings are decided by less than the limit."""
    assert streamed(text, cuts, Holdback(CHECKS)) == whole(text)


@given(st.text(max_size=200) | TEXTS, CUTS, CUTS, st.integers(2, 64))
def test_how_it_is_cut_changes_nothing(
    text: str, cuts: list[int], others: list[int], limit: int
) -> None:
    """Any text, any limit, even one that is far too short: the same comes out, if it is right or
    not."""
    one, other = Holdback(CHECKS, limit=limit), Holdback(CHECKS, limit=limit)
    assert streamed(text, cuts, one) == streamed(text, others, other)
    assert one.stopped == other.stopped


@given(st.integers(0, 60), st.integers(2, 200), CUTS, st.integers(8, 40))
def test_a_finding_longer_than_the_limit_never_leaves(
    before: int, length: int, cuts: list[int], limit: int
) -> None:
    """It is redacted, or the stream stops before it; either way none of it is seen."""
    text = "a" * before + "9" * length + "b" * 30
    holdback = Holdback([Finds("9+")], limit=limit)
    out = streamed(text, cuts, holdback)
    assert "9" not in out
    if holdback.stopped is None:
        assert out == f"{'a' * before}[TEXT_1]{'b' * 30}"
    else:
        assert length > limit
        assert out == "a" * before


@given(CUTS)
def test_a_private_key_never_leaves(cuts: list[int]) -> None:
    """It is longer than the limit, and known by how it begins."""
    lines = "\n".join(
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj" for _ in range(26)
    )
    key = f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----"
    text = f"Here it is:\n{key}\nUse it well."
    out = streamed(text, cuts, Holdback(CHECKS))
    assert "MIIEvQ" not in out
    assert out.startswith("Here it is:\n")


def test_text_leaves_while_it_streams() -> None:
    """What is older than the limit and half of it again has left."""
    holdback = Holdback(CHECKS, limit=100)
    out = "".join(holdback.feed("all is well ") for _ in range(200))
    assert len(out) >= 200 * 12 - 150
    assert out + holdback.finish() == "all is well " * 200


def test_without_a_limit_everything_is_held() -> None:
    """Nothing leaves before the end; then it is as the whole text."""
    holdback = Holdback(CHECKS, limit=None)
    text = f"{'word ' * 500}{MAIL}"
    assert "".join(holdback.feed(text[n : n + 7]) for n in range(0, len(text), 7)) == ""
    assert holdback.finish() == whole(text)


@pytest.mark.parametrize("action", ["block", "escalate"])
@pytest.mark.parametrize("limit", [100, None])
def test_what_blocks_stops_the_stream(action: Action, limit: int | None) -> None:
    """Nothing from the finding on leaves, however much comes after it."""
    checks = [Finds("9{4}", action)]
    holdback = Holdback(checks, limit=limit)
    out = streamed(f"{'word ' * 100}9999{' more' * 100}", [13], holdback)
    assert out == "word " * 100
    assert holdback.stopped is not None
    assert holdback.stopped.rule == "finds"
    assert holdback.feed("again") + holdback.finish() == ""


@pytest.mark.parametrize(
    "check", [Finds("9{4}", "record"), Finds("9{4}", "off"), replace(Finds("9{4}"), shadow=True)]
)
def test_what_is_only_recorded_passes(check: Finds) -> None:
    """As it is."""
    assert streamed("code 9999", [2], Holdback([check])) == "code 9999"


def test_values_can_be_numbered_by_a_vault() -> None:
    """`take` and `end` give the values and leave the numbers to the caller."""
    holdback = Holdback(CHECKS, limit=20)
    parts = [holdback.take(f"key {KEY} for {MAIL}" + " and" * 20), holdback.end()]
    hidden = [one for part in parts for one in part.hidden]
    assert [(one.label, one.value) for one in hidden] == [("SECRET", KEY), ("EMAIL", MAIL)]
    numbers = {("SECRET", hidden[0].key): 7, ("EMAIL", hidden[1].key): 8}
    assert "".join(p.redacted(numbers) for p in parts).startswith(
        "key [SECRET_7] for [EMAIL_8] and"
    )


def test_a_limit_that_holds_nothing_is_refused() -> None:
    """One character is no bound for anything."""
    with pytest.raises(Misconfigured, match="limit=1"):
        Holdback(CHECKS, limit=1)
