"""The tape of a step, and how steps are stored."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.errors import Diverged
from pointsman.nodes.digest import JsonObject
from pointsman.nodes.tape import Met
from pointsman.teams.tape import (
    SIMULATED,
    Beginning,
    Facts,
    LiveTapes,
    StepBody,
    StepTape,
    in_attempt,
    without_met,
)
from tests.contracts.rows import a_run

text = st.text(st.characters(codec="utf-8"), max_size=12)
objects: st.SearchStrategy[JsonObject] = st.dictionaries(
    text, st.recursive(st.none() | st.booleans() | st.integers() | text, st.lists, max_leaves=4)
)
mets = st.builds(
    Met, kind=st.sampled_from(("model", "read", "bound", "memory")), step=text, name=text,
    digest=text, n=st.integers(0, 9), asked=objects, error=objects, text=text,
    outcome=st.sampled_from(("text", "held", "error", "cut")),
)  # fmt: skip
facts = st.builds(
    Facts, previous=text, cancelled=text, left=st.none() | st.floats(0, 1e6), durable=st.booleans(),
    stopped=text,
)  # fmt: skip
beginnings = st.builds(
    Beginning, step=text, specialist=text, given=objects, facts=facts,
    open=st.lists(text, max_size=2).map(tuple),
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(
    began=beginnings, met=st.lists(mets, max_size=3), at=st.floats(0, 1e10), first=st.integers(0)
)
def test_a_step_comes_back_as_it_was(
    began: Beginning, met: list[Met], at: float, first: int
) -> None:
    """Where it began, what it was given, what it met in order: also as JSON."""
    tape = StepTape(began, at, first, set())
    for one in met:
        tape.keep(one)
    row = tape.row("r1")
    assert StepBody.model_validate_json(row.body.model_dump_json()) == row.body
    assert (row.run, row.step, row.at, row.body.first) == ("r1", began.step, at, first)
    assert (row.body.given, row.body.open, row.body.facts) == (began.given, began.open, began.facts)
    assert row.body.met == tuple(met)
    assert without_met(row) == replace(row, body=row.body.model_copy(update={"met": ()}))


def test_a_part_is_kept_once_a_run() -> None:
    """The steps of a run share what is known: only what is new is to be stored."""
    known: set[str] = {"a"}
    first, second = (StepTape(Beginning(s), 0.0, 0, known) for s in ("1:route", "1.0:billing"))
    met = Met(kind="model", step="s", name="n", digest="d")
    first.keep(met, {"a": "A", "b": "B"})
    second.keep(met, {"b": "B", "c": "C"})
    second.keep(met)
    assert (first.parts, second.parts, known) == ({"b": "B"}, {"c": "C"}, {"a", "b", "c"})
    assert len(second.met) == 2


@pytest.mark.parametrize("simulated", [False, True])
async def test_a_live_tape_plays_nothing(simulated: bool) -> None:
    """It keeps; a simulated run's writes only seem to happen."""
    row = replace(a_run(), simulated=simulated)
    tape = LiveTapes().of(row, Beginning("1:route"), at=1.0, first=3, known=set())
    met = Met(kind="read", step="s", name="n", digest="d")
    assert (tape.keeps, tape.plays, tape.played(met)) == (True, False, None)
    assert tape.wrote("k", "t") == (("done", SIMULATED) if simulated else None)
    with pytest.raises(Diverged):
        await tape.cut()


def test_what_a_live_step_learns_is_kept() -> None:
    """A cancellation while it ran, and that its time was over: both for a replay."""
    tape = StepTape(Beginning("1:route", facts=Facts(left=9.0)), 0.0, 0, set())
    assert (tape.cancelled(""), tape.facts.stopped) == ("", "")
    assert (tape.cancelled("ana"), tape.facts.stopped) == ("ana", "ana")
    tape.late()
    assert tape.row("r1").body.facts == Facts(left=0.0, stopped="ana")


def test_a_played_step_is_cancelled_where_it_was_then() -> None:
    """Whoever wants it stopped now is not heard."""
    tape = StepTape(Beginning("1:route", facts=Facts(stopped="bo")), 0.0, 0, set(), plays=True)
    assert tape.cancelled("ana") == "bo"
    untouched = StepTape(Beginning("1:route"), 0.0, 0, set(), plays=True)
    assert untouched.cancelled("ana") == ""


def test_a_later_attempt_has_steps_of_its_own() -> None:
    """It does not find the first one's answers."""
    assert in_attempt("1:route", a_run()) == "1:route"
    assert in_attempt("1:route", replace(a_run(), attempt=2)) == "2~1:route"
