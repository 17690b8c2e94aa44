"""The forecast of a batch from past runs."""

import random
from dataclasses import replace

import pytest

from pointsman.teams.forecast import FEWEST, expected, forecast
from pointsman.teams.store.rows import RunRow, RunState
from tests.contracts.rows import a_result, a_run


def past(*usd: float | None, state: RunState = "done") -> list[RunRow]:
    """Ended runs that cost this, each of two calls and three seconds."""
    rows: list[RunRow] = []
    for n, cost in enumerate(usd):
        result = a_result(f"r{n}").model_copy(update={"usd": cost, "model_calls": 2})
        rows.append(replace(a_run(f"r{n}"), state=state, seconds=3.0, result=result))
    return rows


def test_there_is_no_forecast_without_runs_or_messages() -> None:
    """Nothing is made up: no run, no message, or none that ended by itself."""
    assert forecast([], 5) is None
    assert forecast(past(0.5), 0) is None
    assert forecast(past(0.5, state="cancelled") + past(0.5, state="waiting"), 5) is None
    assert forecast([replace(past(0.5)[0], result=None)], 5) is None


def test_a_forecast_is_the_past_times_the_messages() -> None:
    """Median and nine in ten of a message; the batch's total by the mean."""
    found = forecast(past(*(n / 10 for n in range(1, 11)), *(n / 10 for n in range(1, 11))), 20)
    assert found is not None
    assert found.usd is not None
    assert (found.usd.median, found.usd.p90) == (0.5, 0.9)
    assert found.usd.total == pytest.approx(11.0)
    assert (found.calls.total, found.seconds.total) == (40.0, 60.0)
    assert (found.calls.low, found.calls.high) == (40.0, 40.0)


def test_a_cost_that_is_not_known_is_left_out_and_said() -> None:
    """It is never taken for 0: without any known cost there is no forecast of it."""
    found = forecast(past(None, 0.5, None), 10)
    assert found is not None
    assert found.usd is not None
    assert (found.unpriced, found.usd.total) == (2, 5.0)
    unknown = forecast(past(None, None), 10)
    assert unknown is not None
    assert (unknown.usd, unknown.unpriced, unknown.calls.total) == (None, 2, 20.0)


def test_too_few_runs_give_no_interval() -> None:
    """One run says nothing about how runs differ."""
    few = expected([1.0] * (FEWEST - 1), 5)
    assert (few.low, few.high, few.total) == (None, None, 5.0)
    enough = expected([1.0] * FEWEST, 5)
    assert (enough.low, enough.high) == (5.0, 5.0)


@pytest.mark.parametrize("messages", [10, 400])
@pytest.mark.parametrize("runs", [30, 200])
def test_the_interval_holds_as_often_as_it_says(runs: int, messages: int) -> None:
    """Of batches with skewed costs, drawn like their past, about nine in ten end inside: 80 to 98
    of 100 seeded trials."""
    chance = random.Random(7)
    inside = 0
    for _ in range(100):
        seen = [chance.lognormvariate(0, 1) for _ in range(runs)]
        batch = sum(chance.lognormvariate(0, 1) for _ in range(messages))
        found = expected(seen, messages)
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= batch <= found.high
    assert 80 <= inside <= 98


def test_the_same_past_gives_the_same_interval() -> None:
    """A forecast can be compared with another."""
    assert expected([1.0, 2.0, 5.0] * 5, 70) == expected([5.0, 1.0, 2.0] * 5, 70)
