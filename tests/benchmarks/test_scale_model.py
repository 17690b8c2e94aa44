"""The model of pools and queues, against the formulas of the simplest ones."""

import random
import statistics

import pytest

from benchmarks.scale_model import (
    Load,
    Pool,
    Visit,
    constant,
    erlang_c,
    exponential,
    lognormal,
    main,
    mean,
    mean_wait,
    simulated,
    tables,
)


@pytest.mark.parametrize(("places", "busy"), [(1, 0.5), (1, 0.8), (3, 0.7), (10, 0.9)])
def test_one_pool_waits_as_erlang_says(places: int, busy: float) -> None:
    """The mean wait of an M/M/c queue, within what the length of the run allows."""
    rate = busy * places
    found = simulated(
        [Pool("p", places)], [Visit("p", exponential(1.0))], rate=rate, messages=30_000, seed=3
    )
    assert found.mean_wait["p"] == pytest.approx(mean_wait(places, rate, 1.0), rel=0.15)
    assert found.busy["p"] == pytest.approx(busy, rel=0.03)


def test_erlangs_formula_at_known_points() -> None:
    """One place waits with the chance of its utilisation; two at a load of 1 with 1/3."""
    assert erlang_c(1, 0.8) == pytest.approx(0.8)
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert mean_wait(1, 0.8, 1.0) == pytest.approx(4.0)


def test_constant_times_wait_half_as_long() -> None:
    """An M/D/1 queue waits half of an M/M/1 (Pollaczek and Khinchine)."""
    found = simulated(
        [Pool("p", 1)], [Visit("p", constant(1.0))], rate=0.8, messages=30_000, seed=3
    )
    assert found.mean_wait["p"] == pytest.approx(2.0, rel=0.15)


def test_pools_in_a_row_are_each_a_queue_of_their_own() -> None:
    """Jackson: two M/M/1 pools in a row, one of which is passed twice, each wait as if alone."""
    a, b = Visit("a", exponential(0.5)), Visit("b", exponential(1.0))
    found = simulated([Pool("a", 1), Pool("b", 1)], [a, b, a], rate=0.6, messages=30_000, seed=5)
    assert found.mean_wait["a"] == pytest.approx(mean_wait(1, 1.2, 0.5), rel=0.15)
    assert found.mean_wait["b"] == pytest.approx(mean_wait(1, 0.6, 1.0), rel=0.15)


def test_the_same_seed_gives_the_same_figures() -> None:
    """And another one others."""
    pool, path = [Pool("p", 2)], [Visit("p", lognormal(1.0, 4.0))]
    one, same, other = (
        simulated(pool, path, rate=1.0, messages=500, seed=seed) for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_times_of_models_have_the_given_percentiles() -> None:
    """The median, the 95th percentile and the mean that the number of places is worked out from."""
    dice, draw = random.Random(1), lognormal(2.0, 8.0)
    times = sorted(draw(dice) for _ in range(20_000))
    assert times[10_000] == pytest.approx(2.0, rel=0.05)
    assert times[19_000] == pytest.approx(8.0, rel=0.05)
    assert statistics.fmean(times) == pytest.approx(mean(2.0, 8.0), rel=0.05)


def test_a_message_takes_the_steps_that_the_engine_takes() -> None:
    """Two visits and a write between them: four segments, three steps, two waits for a model."""
    load = Load(10.0, 0.03, (2.0, 8.0), route=(0.5, 1.0))
    names = [visit.pool for visit in load.path()]
    assert names == [
        "routing", "router", "places", "work", "router", "work", "router", "places", "work",
        "router",
    ]  # fmt: skip
    assert (load.segments, load.steps) == (names.count("router"), names.count("work"))


def test_busier_pools_wait_longer_and_need_fewer_places() -> None:
    """What the sizing table shows."""
    found = tables(Load(20.0, 0.03, (2.0, 8.0)), messages=3_000, seed=1)
    for name in ("router", "work", "places"):
        numbers = [pool.places for pools, _ in found for pool in pools if pool.name == name]
        assert numbers == sorted(numbers, reverse=True)
    assert found[0][1].waits["router"][1] < found[-1][1].waits["router"][1]


def test_it_prints_a_line_for_each_utilisation(capsys: pytest.CaptureFixture[str]) -> None:
    """The table that the deploy notes show."""
    assert main(["--messages", "300"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("46.3 messages a second")
    assert len(lines) == 3 + 5
