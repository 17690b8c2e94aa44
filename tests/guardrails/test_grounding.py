"""The grounding guard: figures, ids, dates and addresses must have been given by somebody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Ungrounded
from pointsman.guardrails.grounding import GroundingGuard, facts
from pointsman.nodes.event import Judged, Span
from pointsman.nodes.message import Answer, Source
from tests.guardrails.bench import Bench, Inner, ask


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("1,042.50", "1042.5"),
        ("1.042,50", "1042.5"),
        ("1042.5", "1042.5"),
        ("$1,042.50", "1042.5"),
        ("1,042", "1042"),
        ("1.042", "1042"),
        ("1,234,567", "1234567"),
        ("20.00", "20"),
        ("20", "20"),
        ("007", "7"),
        ("0", "0"),
        ("0.50", "0.5"),
        ("0.125", "0.125"),
        ("99,9", "99.9"),
        ("1'042.50", "1042.5"),
        ("1\u202f042,50", "1042.5"),
        ("\uff11\uff10\uff14\uff12.\uff15\uff10", "1042.5"),
        ("1\u200b042", "1042"),
        ("\u0661\u0660\u0664\u0662", "1042"),
    ],
)
def test_a_number_has_one_normal_form(text: str, normal: str) -> None:
    """Separators of thousands, trailing zeros and currency signs make no other number."""
    assert [value for kind, value in facts(text) if kind == "number"] == [normal]


@given(st.integers(0, 10**9), st.integers(0, 99))
def test_all_spellings_of_an_amount_are_one_fact(whole: int, cents: int) -> None:
    """English, continental and plain spelling with two decimals."""
    english = f"{whole:,}.{cents:02}"
    spellings = (english, english.translate(str.maketrans(",.", ".,")), f"{whole}.{cents:02}")
    assert len({tuple(facts(f"it is {spelled} in all")) for spelled in spellings}) == 1


@given(st.text(max_size=80))
def test_any_text_has_facts(text: str) -> None:
    """Reading a text for facts never raises."""
    list(facts(text))


def test_kinds_are_told_apart() -> None:
    """Ids, dates and addresses are facts as a whole; marks of a list are none."""
    text = "1. INV-1042 of 2024-03-05\n2) see https://x.example/a?b=1. or ana@x.example, 3 items"
    assert list(facts(text)) == [
        ("id", "inv-1042"), ("date", "2024-03-05"), ("link", "https://x.example/a?b=1"),
        ("link", "ana@x.example"), ("number", "3"),
    ]  # fmt: skip


def gives(text: str, by: Source = "model") -> Inner:
    """An answer over one request and one tool result."""
    evidence = ("Where is INV-1042?", '{"usd": 1042.5, "day": "2024-03-05"}')
    return Inner(Answer(text=text, by=by, evidence=evidence))


async def test_an_answer_from_its_evidence_passes() -> None:
    """The same facts in other spellings."""
    inner = gives("inv-1042 of 2024-03-05 is $1,042.50.")
    reply = await GroundingGuard().wrap(inner)(ask(), Bench().run())
    assert reply.payload is inner.gives


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("INV-1043 is on its way.", "id"),
        ("It came on 2024-03-06.", "date"),
        ("That is $1,043.50.", "number"),
        ("See https://refunds.example/.", "link"),
    ],
)
async def test_a_fact_that_nobody_gave_is_an_error(text: str, kind: str) -> None:
    """Ungrounded names the kind, not the fact, and the verdict is recorded."""
    bench = Bench()
    with pytest.raises(Ungrounded, match=kind) as caught:
        await GroundingGuard().wrap(gives(text))(ask(), bench.run())
    assert "1043" not in str(caught.value)
    assert bench.judged == [("block", "ungrounded", 1)]


@pytest.mark.parametrize("by", ["rules", "fallback", "person"])
async def test_only_a_models_answer_is_judged(by: Source) -> None:
    """Rules and people may say what they know."""
    inner = gives("INV-9999", by)
    reply = await GroundingGuard().wrap(inner)(ask(), Bench().run())
    assert reply.payload is inner.gives


@pytest.mark.parametrize(
    "text",
    [
        "It is \uff11\uff10\uff14\uff13 dollars.",
        "INV-1\u200b043",
        "\u0661\u0660\u0664\u0663",
        "10\u03364\u03363",
    ],
)
async def test_a_figure_in_disguise_is_a_figure(text: str) -> None:
    """Full-width, Arabic, with invisible or combining characters: still nobody gave it."""
    with pytest.raises(Ungrounded):
        await GroundingGuard().wrap(gives(text))(ask(), Bench().run())


@pytest.mark.parametrize("letter", ["\u0430", "\uff41", "a\u200b"])
async def test_an_address_must_be_the_very_one(letter: str) -> None:
    """A look-alike reads the same and leads elsewhere."""
    given = "See https://pay.example/a"
    good = Inner(Answer(text=given, evidence=(given,)))
    assert (await GroundingGuard().wrap(good)(ask(), Bench().run())).payload is good.gives
    bad = Inner(Answer(text=given.replace("pay", f"p{letter}y"), evidence=(given,)))
    with pytest.raises(Ungrounded, match="link"):
        await GroundingGuard().wrap(bad)(ask(), Bench().run())


async def test_a_day_may_be_told_in_words() -> None:
    """The year and the day of a date in the evidence are known, and so is the date of a time."""
    evidence = ("paid 2024-03-05T14:30:00Z",)
    inner = Inner(Answer(text="Paid on 5 March 2024 (2024-03-05) at 14:30.", evidence=evidence))
    assert (await GroundingGuard().wrap(inner)(ask(), Bench().run())).payload is inner.gives


async def test_the_verdict_says_where() -> None:
    """The span in the answer, the version of the rules, and never the figure."""
    bench = Bench()
    with pytest.raises(Ungrounded):
        await GroundingGuard().wrap(gives("It is \uff11\uff10\uff14\uff13."))(ask(), bench.run())
    (event,) = [e for e in bench.events if isinstance(e, Judged)]
    assert event.spans == (Span(at="answer.text", start=6, end=10),)
    assert len(event.policy_version) == 12
