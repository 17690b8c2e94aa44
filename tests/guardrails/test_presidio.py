"""Presidio as a check. Presidio is not installed here: the analyzer is a small real one with the
same call and the same results."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import Misconfigured
from pointsman.guardrails.canonical import canonical
from pointsman.guardrails.check import look
from pointsman.guardrails.content import ContentFilter
from pointsman.guardrails.presidio import PresidioCheck, label_of
from pointsman.nodes.message import Answer, Refusal, Request
from tests.guardrails.bench import Bench, Inner, ask


@dataclass(frozen=True)
class Result:
    """As Presidio's RecognizerResult."""

    entity_type: str
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class Names:
    """Knows names by heart, and how sure it is of each; takes a placeholder for a place."""

    sure: float = 0.85

    def analyze(
        self, text: str, language: str, entities: list[str] | None = None
    ) -> Sequence[Result]:
        """Every name that stands in the text."""
        text.encode("utf-8")
        assert language == "en"
        found = [
            Result(kind, m.start(), m.end(), self.sure)
            for kind, pattern in (
                ("PERSON", r"Ann Smith|Jos[eé] Ruiz|Иван"),
                ("LOCATION", r"Oslo|\[[A-Z]+_\d+\](?: Street)?"),
                ("US_PASSPORT", r"P\d{8}"),
            )
            for m in re.finditer(pattern, text)
        ]
        return [one for one in found if entities is None or one.entity_type in entities]


class Broken:
    """An analyzer with a fault."""

    def analyze(
        self, text: str, language: str, entities: list[str] | None = None
    ) -> Sequence[Result]:
        """Fails."""
        raise RuntimeError(text)


WIDE = "\uff21\uff4e\uff4e \uff33\uff4d\uff49\uff54\uff48"
"""`Ann Smith` in full-width letters."""
CHECK = PresidioCheck(Names())


async def said(text: str, check: PresidioCheck = CHECK) -> str:
    """The message as the specialist gets it behind a filter with this check."""
    inner = Inner(Answer(text="Done."))
    await ContentFilter(checks=(check,)).wrap(inner)(ask(text), Bench().run())
    [got] = inner.got
    assert isinstance(got.payload, Request)
    return got.payload.text


async def test_names_become_placeholders_beside_those_of_the_filter() -> None:
    """Names and places are redacted by the filter as e-mail addresses are, equal ones equally."""
    text = "I am Ann Smith, ann@example.com, of Oslo. Ann Smith!"
    assert await said(text) == "I am [PERSON_1], [EMAIL_1], of [LOCATION_1]. [PERSON_1]!"


async def test_a_placeholder_is_no_name() -> None:
    """What was redacted before is not redacted again; what stands beside it is."""
    assert (
        await said("[PERSON_4] of [LOCATION_2] Street") == "[PERSON_4] of [LOCATION_2][LOCATION_1]"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("José Ruiz", "José Ruiz"),
        (f"to {WIDE}!", WIDE),
        ("A\u200bnn Smith", "A\u200bnn Smith"),
        ("Я Иван.", "Иван"),
        ("x \ud800 Oslo", "Oslo"),
    ],
)  # fmt: skip
def test_spans_are_those_of_the_original(text: str, found: str) -> None:
    """A name with marks, wide letters, hidden characters or in another script is found whole."""
    spelled = canonical(text)
    spans = {spelled.span(one.start, one.end) for one in look(CHECK, spelled)}
    assert {text[start:end] for start, end in spans} == {found}


def test_only_what_is_asked_for_and_sure_enough_counts() -> None:
    """Entities that are not named and scores below the bound are left."""
    text = canonical("Ann Smith, P12345678")
    assert [f.rule for f in CHECK.find(text)] == ["presidio-person"]
    assert PresidioCheck(Names(sure=0.4)).find(text) == []
    passport = PresidioCheck(Names(), entities=("US_PASSPORT",)).find(text)
    assert [(f.rule, f.label, f.confidence) for f in passport] == [
        ("presidio-us_passport", "ID", 0.85)
    ]


def test_labels_are_those_of_the_other_checks() -> None:
    """What `pii` finds too has the same label, so that one placeholder stands for it."""
    entities = ["EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "UK_NHS", "NRP"]
    assert [label_of(e) for e in entities] == ["EMAIL", "CARD", "IBAN", "SSN", "ID", "NRP"]


async def test_an_analyzer_that_raises_stops_the_message() -> None:
    """A fault of the analyzer fails closed, and its text is not told."""
    bench, inner = Bench(), Inner()
    guard = ContentFilter(checks=(PresidioCheck(Broken()),))
    reply = await guard.wrap(inner)(ask("Ann Smith"), bench.run())
    assert isinstance(reply.payload, Refusal)
    assert reply.payload.rule == "guard-error"
    assert inner.got == []


@given(st.text(st.characters(), max_size=60))
def test_any_text_is_taken(text: str) -> None:
    """No text makes the check raise, and every span lies in the canonical text."""
    spelled = canonical(text + "Oslo")
    found = CHECK.find(spelled)
    assert all(0 <= f.start < f.end <= len(spelled.text) for f in found)
    assert any(f.label == "LOCATION" for f in found)


def test_the_version_follows_the_settings() -> None:
    """Other entities, another bound or another revision of the analyzer are another version."""
    checks = [
        CHECK,
        PresidioCheck(Names(), entities=("PERSON",)),
        PresidioCheck(Names(), min_score=0.9),
        replace(CHECK, revision="en_core_web_lg"),
    ]
    assert len({check.version for check in checks}) == len(checks)


@pytest.mark.parametrize("settings", [{"entities": ()}, {"min_score": 2.0}])
def test_settings_that_cannot_be_are_refused(settings: dict[str, object]) -> None:
    """A check that looks for nothing is refused when it is made."""
    with pytest.raises(Misconfigured):
        PresidioCheck(Names(), **settings)  # pyright: ignore[reportArgumentType]
