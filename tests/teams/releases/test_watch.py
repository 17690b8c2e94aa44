"""Bands: what leaves them, how sure that is, and what it counts."""

import math
import random
from bisect import bisect_left
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import BadInput
from pointsman.teams.releases.watch import Band, Metric, Standing, evidence, standings, worst
from pointsman.teams.store.rows import RunRow, RunState
from pointsman.teams.store.sqlite import SqliteStore
from tests.contracts.rows import a_result, a_run
from tests.teams.releases.made import a_release, put

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    """A store with a release in production."""
    made = SqliteStore(tmp_path / "s.db", clock=lambda: NOW.timestamp() + 10)
    await put(made, a_release(), to="production", at=NOW)
    yield made
    await made.aclose()


async def ended(store: SqliteStore, n: int, state: RunState = "done", **more: object) -> None:
    """Add `n` ended runs on the release."""
    release = (await store.channels("shop")).production
    have = len(await store.release_runs("shop", release))
    for number in range(have, have + n):
        row = replace(a_run(f"r{number}"), release=release)
        await store.add_run(row)
        result = a_result(row.run, status="failed" if state == "failed" else "done")
        result = result.model_copy(update={"usd": 0.01, **more})
        assert await store.move_run(row.run, state, frm=("running",), result=result)


@given(st.integers(0, 60), st.integers(1, 60), st.floats(0.005, 0.9))
def test_evidence_is_a_mixture_of_likelihood_ratios(bad: int, runs: int, share: float) -> None:
    """It is the mean over greater shares of how likely they make this, against the allowed one."""
    bad = min(bad, runs)
    grid = [share + (1 - share) * (n + 0.5) / 200 for n in range(200)]
    ratios = [(p / share) ** bad * ((1 - p) / (1 - share)) ** (runs - bad) for p in grid]
    mean = math.fsum(ratios) / 200
    assert evidence(bad, runs, share) == pytest.approx(min(mean, math.exp(700)), rel=1e-6)


def alarms_at(share: float, alpha: float, runs: int) -> list[int]:
    """For each number of runs, the fewest bad ones that raise an alarm."""
    counts = range(runs + 1)
    return [
        bisect_left(counts, 1 / alpha, hi=n, key=lambda bad, n=n: evidence(bad, n, share))
        for n in counts
    ]


def alarmed(rate: float, limits: list[int], draw: random.Random) -> bool:
    """Whether a release whose runs are bad at that rate ever raises an alarm, with a look after
    each run from the 20th on."""
    bad = 0
    for runs, limit in enumerate(limits):
        if runs >= 20 and bad >= limit and evidence(bad, runs, 0.05) >= 20:
            return True
        bad += draw.random() < rate
    return False


def test_looking_after_every_run_raises_no_more_false_alarms() -> None:
    """2,000 releases at exactly the allowed share, looked at after each of 400 runs: no more alarms
    than alpha, with three standard errors to spare."""
    draw, limits, releases = random.Random(7), alarms_at(0.05, 0.05, 400), 2_000
    alarms = sum(alarmed(0.05, limits, draw) for _ in range(releases))
    assert 0 < alarms / releases < 0.05 + 3 * math.sqrt(0.05 * 0.95 / releases)


def test_a_broken_release_is_found_soon() -> None:
    """At four times the allowed share, 9 of 10 are found within 150 runs."""
    draw, limits = random.Random(7), alarms_at(0.05, 0.05, 150)
    assert sum(alarmed(0.20, limits, draw) for _ in range(200)) >= 180


def test_nothing_is_said_of_few_runs() -> None:
    """Three of three is evidence, and still not enough runs."""
    few = Standing("r", Band("errors", 0.01), 3, 0, 3, evidence(3, 3, 0.01))
    assert few.evidence > 1_000
    assert not few.left
    assert replace(few, band=Band("errors", 0.01, least=3)).left


async def test_failed_runs_leave_their_band(store: SqliteStore) -> None:
    """And those that ended in part, with an error; good ones do not."""
    bands = (Band("errors", 0.02), Band("blocks", 0.02))
    await ended(store, 40)
    assert worst(await standings(store, "shop", bands)) is None
    await ended(store, 10, "failed", error="NoModel")
    found = await standings(store, "shop", bands)
    assert [(s.bad, s.runs, s.left) for s in found] == [(10, 50, True), (0, 50, False)]
    left = worst(found)
    assert left is not None
    assert left.band.metric == "errors"


async def test_what_is_not_known_is_not_counted_as_good(store: SqliteStore) -> None:
    """Runs whose cost is unknown are told apart."""
    await ended(store, 30, usd=None)
    await ended(store, 5, usd=0.9)
    (cost,) = await standings(store, "shop", (Band("usd", 0.1, beyond=0.5),))
    assert (cost.bad, cost.runs, cost.unknown) == (5, 5, 30)


async def test_cancelled_and_unended_runs_do_not_count(store: SqliteStore) -> None:
    """A person who cancels says nothing of the release."""
    await ended(store, 3, "cancelled")
    release = (await store.channels("shop")).production
    await store.add_run(replace(a_run("open"), release=release))
    (found,) = await standings(store, "shop", (Band("errors", 0.1),))
    assert found.runs == 0


async def test_scores_are_asked_for_a_sample(store: SqliteStore) -> None:
    """The same runs at every look, about as many as the sample says."""
    await ended(store, 200)
    asked: list[str] = []

    async def score(row: RunRow) -> float:
        asked.append(row.run)
        return 0.2

    band = Band("score", 0.1, beyond=0.5)
    (first,) = await standings(store, "shop", (band,), score=score, sample=0.25)
    once = list(asked)
    (second,) = await standings(store, "shop", (band,), score=score, sample=0.25)
    assert asked == once * 2
    assert first == second
    assert 25 <= first.runs <= 75
    assert first.bad == first.runs
    assert first.left


async def test_scores_need_a_scorer(store: SqliteStore) -> None:
    """A band of scores without one is refused."""
    with pytest.raises(BadInput, match="Give score="):
        await standings(store, "shop", (Band("score", 0.1, beyond=0.5),))


async def test_without_releases_there_is_nothing_to_watch(store: SqliteStore) -> None:
    """Another team has none."""
    assert await standings(store, "other", (Band("errors", 0.1),)) == ()


@pytest.mark.parametrize(
    ("metric", "share", "beyond"),
    [("errors", 0.0, None), ("errors", 1.0, None), ("usd", 0.1, None), ("errors", 0.1, 3.0)],
)
def test_a_band_that_cannot_be_is_refused(
    metric: Metric, share: float, beyond: float | None
) -> None:
    """A share of none or all, a limit that is missing or too much."""
    with pytest.raises(BadInput):
        Band(metric, share, beyond=beyond)
