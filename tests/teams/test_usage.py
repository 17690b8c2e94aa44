"""Durations in slots, and what may be asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BadInput
from pointsman.teams.store.counting import slot_of
from pointsman.teams.usage import DAY, percentile, plotted, seconds_of

ERROR = 0.1 / 2.1
_SECONDS = st.floats(1e-4, 1e7)


@given(seconds=_SECONDS)
def test_a_slot_stands_for_each_of_its_durations(seconds: float) -> None:
    """With the stated error, from 0.1 ms to 115 days."""
    assert seconds_of(slot_of(seconds)) == pytest.approx(seconds, rel=ERROR * 1.001)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e-9, 1e9])
def test_a_duration_beyond_the_slots_is_in_the_last_one(seconds: float) -> None:
    """No duration is lost, and none makes a slot of its own."""
    assert slot_of(seconds) in (slot_of(1e-4), slot_of(1e7))


@given(took=st.lists(_SECONDS, min_size=1, max_size=60), q=st.floats(0.0, 1.0))
def test_a_percentile_is_that_of_the_durations(took: list[float], q: float) -> None:
    """The first that so many of them do not exceed, with the stated error, in whatever parts the
    slots were counted."""
    ordered = sorted(took)
    exact = next(s for n, s in enumerate(ordered, 1) if n >= q * len(took) - 1e-9)
    slots = [(slot_of(seconds), 1) for seconds in took]
    found = percentile(slots, q)
    assert found == pytest.approx(exact, rel=ERROR * 1.001)


def test_of_two_durations_the_longer_one_is_p95() -> None:
    """A slow run shows, however few there were."""
    slots = [(slot_of(seconds), 1) for seconds in (14.0, 30.0)]
    assert percentile(slots, 0.95) == pytest.approx(30.0, rel=ERROR)
    assert percentile(slots, 0.5) == pytest.approx(14.0, rel=ERROR)


def test_nothing_has_no_percentile() -> None:
    """None, not 0 s."""
    assert percentile((), 0.5) is None


def test_whole_steps_around_the_time_are_asked_for() -> None:
    """Days at their own beginnings, which are counted apart."""
    fine = plotted("shop", 650.0, 901.0, 300)
    assert (fine.since, fine.until, fine.daily) == (600, 1_200, False)
    days = plotted("shop", DAY + 5.0, 2 * DAY, DAY)
    assert (days.since, days.until, days.daily) == (DAY, 2 * DAY, True)


@pytest.mark.parametrize("step", [0, 60, 450, -300])
def test_a_step_that_is_not_counted_is_refused(step: int) -> None:
    """With those that are."""
    with pytest.raises(BadInput, match="multiple of 300"):
        plotted("shop", 0.0, 900.0, step)


def test_too_many_steps_are_refused() -> None:
    """A page of a year in five minutes would be no page."""
    with pytest.raises(BadInput, match="at most 2000"):
        plotted("shop", 0.0, 365.0 * DAY, 300)
