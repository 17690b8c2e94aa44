"""Run: what a node may know and use."""

from dataclasses import FrozenInstanceError, replace

import pytest

from pointsman.errors import DeadlineExceeded
from tests.nodes.bench import Bench


def test_a_run_cannot_be_changed() -> None:
    """Nodes share a run; none may change it for the others."""
    run = Bench().run
    with pytest.raises(FrozenInstanceError):
        run.deadline = 5.0  # pyright: ignore[reportAttributeAccessIssue]


def test_another_step_counts_its_own_requests() -> None:
    """The journal's occurrence counters begin anew at each step; the spending goes on."""
    run = Bench().run
    run.occurrences["d"] = 3
    later = run.at("2.0:tech", specialist="tech")
    assert later.occurrences["d"] == 0
    assert run.occurrences["d"] == 3
    assert (later.step, later.specialist, later.id) == ("2.0:tech", "tech", run.id)
    assert later.spend is run.spend


@pytest.mark.parametrize(
    ("now", "timeout", "left"), [(90.0, 60.0, 10.0), (30.0, 60.0, 60.0), (99.5, 0.2, 0.2)]
)
def test_what_remains_is_the_shorter_of_time_out_and_deadline(
    now: float, timeout: float, left: float
) -> None:
    """No step outlasts the run's deadline."""
    run = replace(Bench().run, deadline=100.0, clock=lambda: now)
    assert run.remaining(timeout) == pytest.approx(left)


def test_without_a_deadline_the_time_out_holds() -> None:
    """No deadline is no bound beyond the step's own."""
    assert Bench().run.remaining(7.0) == 7.0


@pytest.mark.parametrize("now", [100.0, 101.0])
def test_past_the_deadline_nothing_remains(now: float) -> None:
    """At the deadline, to the second, the run is told to stop."""
    run = replace(Bench().run, deadline=100.0, clock=lambda: now)
    with pytest.raises(DeadlineExceeded, match="r1"):
        run.remaining(5.0)
