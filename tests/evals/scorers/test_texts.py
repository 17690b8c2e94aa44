"""Scorers that compare the output with the expected one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue, ValidationError

from pointsman.errors import BadInput
from pointsman.evals.scorers.outcomes import Contains, Status, Tickets
from pointsman.evals.scorers.similarity import difflib_ratio, token_f1
from pointsman.evals.scorers.texts import Exact, Fields, Normalised, Regex, Similarity, same
from pointsman.evals.scorers.values import JsonSchema, Number, numbers
from pointsman.teams.result import Result
from tests.evals.scorers.builders import case, sample, scored, ticket

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("expected", "got", "passes"),
    [
        ("20.00", "20.00", True),
        ("20.00", "20.00 ", False),
        ({"usd": 20}, {"usd": 20.0}, True),
        ({"usd": 20}, {"usd": 20, "why": ""}, False),
        ([1], [True], False),
        (0, False, False),
        ('{"a":1}', {"a": 1}, True),
    ],
)
async def test_exact_is_character_for_character(
    expected: JsonValue, got: JsonValue, passes: bool
) -> None:
    """Texts are equal or not; JSON is compared by value, and true is no 1."""
    assert (await scored(Exact(), case(output=expected), sample(got))).scores == {"exact": passes}


@given(JSON, JSON)
def test_same_is_symmetric_and_reflexive(one: JsonValue, other: JsonValue) -> None:
    """Whatever the two values are."""
    assert same(one, one)
    assert same(one, other) == same(other, one)


async def test_what_a_case_does_not_say_is_unscored_or_left_out() -> None:
    """A missing expectation keeps its place in the denominator, unless it is optional."""
    strict = await scored(Exact(), case(), sample("x"))
    assert strict.unscored == {"exact": "the case gives no output"}
    left = await scored(Exact(optional=True), case(), sample("x"))
    assert (left.scores, left.unscored) == ({}, {})


async def test_normalised_drops_what_makes_no_difference() -> None:
    """Case, blanks, compatibility forms and punctuation at the ends."""
    found = await scored(Normalised(), case(output="Café  au lait"), sample(" CAFÉ au\nLAIT."))
    assert found.scores == {"normalised": True}
    other = await scored(Normalised(), case(output="20.00"), sample("20,00"))
    assert other.scores == {"normalised": False}


async def test_fields_take_matchers() -> None:
    """Named fields are compared, others may be anything."""
    wanted = case(output={"usd": {"$near": [20, 0.01]}, "id": {"$regex": "INV-[0-9]+"}})
    right = sample({"usd": 20.005, "id": "INV-7", "note": "x"})
    assert (await scored(Fields(), wanted, right)).scores == {"fields": True}
    wrong = sample({"usd": 20.5, "id": "INV-7"})
    assert (await scored(Fields(), wanted, wrong)).scores == {"fields": False}


async def test_regex_finds_or_fills() -> None:
    """Found somewhere, the whole text, absent; without a pattern the case's output is it."""
    got = sample("It costs 20.00 USD")
    assert (await scored(Regex(pattern=r"\d+\.\d\d"), case(), got)).scores == {"regex": True}
    whole = Regex(pattern=r"\d+\.\d\d", whole=True)
    assert (await scored(whole, case(), got)).scores == {"regex": False}
    assert (await scored(Regex(pattern="sorry", absent=True), case(), got)).scores["regex"] is True
    assert (await scored(Regex(), case(output="^It"), got)).scores == {"regex": True}
    assert (await scored(Regex(), case(), got)).unscored == {"regex": "the case gives no pattern"}


def test_a_pattern_that_could_run_for_ever_is_refused() -> None:
    """RE2 takes no back-reference; the error says so when the scorer is made."""
    with pytest.raises(BadInput, match="none that RE2 takes"):
        Regex(pattern=r"(a)\1")


@given(st.text(max_size=40), st.text(max_size=40))
def test_similarity_is_symmetric_and_in_range(one: str, other: str) -> None:
    """0 to 1, the same both ways round, 1 for equal texts."""
    for method in (token_f1, difflib_ratio):
        assert 0.0 <= method(one, other) <= 1.0
        assert method(one, other) == method(other, one)
        assert method(one, one) == 1.0


async def test_token_f1_counts_shared_words() -> None:
    """Three of the four words of one are the three of the other: 2 * 3 / 7."""
    scorer = Similarity(at_least=0.8)
    found = await scored(scorer, case(output="a red car"), sample("A red, red CAR!"))
    assert found.scores == {"similarity": pytest.approx(6 / 7), "similarity.ok": True}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It is 1,234.50 USD, not 20", [1234.5, 20.0]),
        ("INV-1042 of v1.2.3", []),
        ("about -3 or \u22124 or 5e2", [-3.0, -4.0, 500.0]),
        ("12kg and 4f2a and 3.", [12.0, 3.0]),
        ("1e999", []),
    ],
)
def test_numbers_are_read_from_texts(text: str, found: list[float]) -> None:
    """Grouped digits are one number; parts of identifiers are none."""
    assert list(numbers(text)) == found


@pytest.mark.parametrize(
    ("options", "expected", "got", "passes"),
    [
        ({"absolute": 0.01}, 20, "first 7, then 20.004", True),
        ({"absolute": 0.01}, 20, "20.004, then 7", False),
        ({"absolute": 0.01, "pick": "any"}, 20, "20.004, then 7", True),
        ({"absolute": 0.01, "pick": "first"}, 20, "20.004, then 7", True),
        ({"pick": "only"}, 20, "20 or 7", False),
        ({"relative": 0.1}, "200", 219, True),
        ({}, 20, "no idea", False),
        ({}, 1, True, False),
    ],
)
async def test_a_number_within_its_tolerance(
    options: dict[str, JsonValue], expected: JsonValue, got: JsonValue, passes: bool
) -> None:
    """The number that is picked lies near enough; a text without one fails."""
    scorer = Number.model_validate(options)
    assert (await scored(scorer, case(output=expected), sample(got))).scores == {"number": passes}


async def test_a_number_needs_an_expected_number() -> None:
    """A text that is none is no expectation."""
    assert "number" in (await scored(Number(), case(output="many"), sample("20"))).unscored


async def test_json_is_checked_against_a_schema() -> None:
    """The field and the fault stand in the note; text is read as JSON, fenced or not."""
    schema = {"type": "object", "properties": {"usd": {"type": "number"}}, "required": ["usd"]}
    scorer = JsonSchema.model_validate({"schema": schema})
    assert (await scored(scorer, case(), sample({"usd": 1}))).scores == {"json_schema": True}
    fenced = sample('```json\n{"usd": 1}\n```')
    assert (await scored(scorer, case(), fenced)).scores == {"json_schema": True}
    wrong = await scored(scorer, case(), sample({"usd": "1"}))
    assert wrong.scores == {"json_schema": False}
    assert wrong.notes["json_schema"].startswith("usd: ")
    assert (await scored(scorer, case(), sample("{"))).scores == {"json_schema": False}


async def test_a_schema_is_never_fetched() -> None:
    """A reference to elsewhere is an error of the scorer, not a download."""
    scorer = JsonSchema.model_validate({"schema": {"$ref": "https://example.org/x.json"}})
    with pytest.raises(Exception, match=r"example\.org"):
        await scored(scorer, case(), sample({}))
    with pytest.raises(BadInput, match="schema is none"):
        JsonSchema.model_validate({"schema": {"type": "nothing"}})


async def test_what_every_suite_may_expect() -> None:
    """Status, texts in a team's answer and tickets in their order."""
    result = Result(run="r", thread="t", team="x", status="done", answer="It is 20.00")
    got = sample({"usd": 20}, result=result, tickets=(ticket("refund"), ticket("mail")))
    wanted = case(
        status="done", contains=["IT IS"], not_contains=["sorry"], tickets=["refund", "mail"]
    )
    for scorer in (Status(), Contains(), Tickets()):
        assert (await scored(scorer, wanted, got)).scores == {scorer.name: True}
    swapped = case(tickets=["mail", "refund"])
    assert (await scored(Tickets(), swapped, got)).scores == {"tickets": False}
    banned = Contains(not_contains=("20.00",))
    assert (await scored(banned, case(), got)).scores == {"contains": False}


def test_options_that_are_none_are_refused() -> None:
    """A misspelt option is an error, not a default."""
    with pytest.raises(ValidationError):
        Number.model_validate({"tolerance": 1})


def test_a_version_is_of_the_options_and_not_of_the_name() -> None:
    """Renaming a scorer leaves its scores comparable; another option does not."""
    assert Number(name="a").version == Number(name="b").version
    assert Number(absolute=0.1).version != Number(absolute=0.2).version
    assert Exact().version != Normalised().version
